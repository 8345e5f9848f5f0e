//! What allocations and frees do while a scope is open anywhere in the process.
//!
//! A block is counted after the inner allocator has handed it out, and its end before that gets it back, as in mode
//! `full`. Events of a signal handler that interrupted a thread which holds the lock of a scope are counted as lost,
//! which no assertion passes.

use super::blocks::{self, Owner};
use super::open::{hold, release};
use super::slot::{self, Number, add, are_related, each_open, lock, open_from};
use super::{sites, starting};
use crate::capture::Registers;
use crate::record::site;
use crate::thread::{Activity, Thread, recording};
use std::sync::atomic::Ordering::Relaxed;

/// A block that a scope owned, and that may be gone when its reallocation returns.
pub(crate) struct Detached {
    owner: Owner,
    address: u64,
    size: u64,
}

/// A block of `size` bytes was allocated at `address`, by the caller of the frame with these registers.
#[inline(never)]
pub(crate) fn alloc(thread: &'static Thread, address: u64, size: u64, registers: Registers) {
    let Some((scope, node)) = scope_of_new(thread, address, registers) else { return };
    recording(thread, || match lock(scope) {
        Some(_locked) => begin(Owner { scope, node }, address, size, false),
        None => lose(scope),
    });
}

/// The block at `address` is about to be freed.
#[inline(always)]
pub(crate) fn dealloc(thread: &'static Thread, address: u64, size: u64) {
    if thread.starting.get() != 0 {
        starting::is_starting(thread, false);
    }
    if blocks::find(address).is_some() {
        dealloc_owned(thread, address, size);
    }
}

#[inline(never)]
fn dealloc_owned(thread: &'static Thread, address: u64, size: u64) {
    let temporary = thread.scope_last.get() == address as usize;
    recording(thread, || {
        with_owner(address, |owner| {
            each_open(owner.scope, |number, this| {
                end(number, owner.node, size, temporary);
                add(&this.figures.frees, 1);
                add(&this.figures.temporary_blocks, temporary.into());
            });
        });
    });
}

/// The block at `address` is about to be reallocated: another may lie there before that returns.
pub(crate) fn detach(thread: &'static Thread, address: u64, size: u64) -> Option<Detached> {
    blocks::find(address)?;
    recording(thread, || {
        let owner = with_owner(address, |owner| {
            hold(owner.scope);
            owner
        });
        owner.map(|owner| Detached { owner, address, size })
    })
}

/// It was reallocated: at `address`, with `size` bytes; 0 if that failed, and the block is still there.
pub(crate) fn realloc(
    thread: &'static Thread,
    old: Option<Detached>,
    (address, size): (u64, u64),
    registers: Registers,
) {
    if address == 0 {
        return old.into_iter().for_each(|old| reattach(thread, old));
    }
    let new_owner = scope_of_new(thread, address, registers);
    recording(thread, || {
        match (&old, new_owner) {
            (Some(old), Some((scope, node))) if are_related(old.owner.scope, scope) => {
                // One instant for the scopes around both.
                match lock(scope) {
                    Some(_locked) => {
                        end_all(old);
                        begin(Owner { scope, node }, address, size, true);
                    }
                    None => [scope, old.owner.scope].into_iter().for_each(lose),
                }
            }
            _ => {
                if let Some(old) = &old {
                    match lock(old.owner.scope) {
                        Some(_locked) => end_all(old),
                        None => lose(old.owner.scope),
                    }
                }
                if let Some((scope, node)) = new_owner {
                    match lock(scope) {
                        Some(_locked) => begin(Owner { scope, node }, address, size, true),
                        None => lose(scope),
                    }
                }
            }
        }
        old.into_iter().for_each(|old| release(old.owner.scope));
    });
}

#[cold]
fn reattach(thread: &'static Thread, old: Detached) {
    recording(thread, || {
        let owner = old.owner;
        match lock(owner.scope) {
            Some(_locked) => {
                let scope = open_from(owner.scope);
                if scope != 0 && !blocks::insert(old.address, Owner { scope, ..owner }) {
                    lose(scope);
                }
            }
            None => lose(owner.scope),
        }
        release(owner.scope);
    });
}

/// The scope that a new block of the thread counts to, and the node of its stack.
#[inline(always)]
fn scope_of_new(thread: &'static Thread, address: u64, registers: Registers) -> Option<(Number, u32)> {
    thread.scope_last.set(address as usize);
    let scope = thread.scope.get();
    if scope == 0 || thread.activity.get() == Activity::InProbe {
        return None;
    }
    if thread.starting.get() != 0 && starting::is_starting(thread, true) {
        return None;
    }
    // A handler that interrupted the probe must not use the thread's cached stack.
    let wanted = thread.activity.get() == Activity::Idle && slot::slot(scope).any_sites.load(Relaxed);
    let node = if wanted { recording(thread, || site::node_of_caller(thread, registers)) } else { 0 };
    Some((scope, node))
}

/// Takes the block at an address away, if a scope owns it, and runs `f` while its tree is locked.
fn with_owner<T>(address: u64, f: impl FnOnce(Owner) -> T) -> Option<T> {
    loop {
        let (place, owner) = blocks::find(address)?;
        let Some(_locked) = lock(owner.scope) else {
            blocks::disown(place);
            lose(owner.scope);
            return None;
        };
        // Its scope may have closed meanwhile, and the block be another's, or nobody's.
        if blocks::is_at(place, address, owner) {
            blocks::remove(place, owner);
            return Some(f(owner));
        }
    }
}

/// A block begins. The tree is locked.
#[inline(always)]
fn begin(owner: Owner, address: u64, size: u64, realloc: bool) {
    let scope = open_from(owner.scope);
    if scope == 0 {
        return;
    }
    if !blocks::insert(address, Owner { scope, ..owner }) {
        return lose(scope);
    }
    each_open(scope, |number, this| {
        let figures = &this.figures;
        if this.own_sites.load(Relaxed) {
            sites::begin(number, figures, owner.node, size, realloc);
        }
        add(if realloc { &figures.reallocs } else { &figures.allocations }, 1);
        add(&figures.total_bytes, size);
        add(&figures.live_bytes, size);
        add(&figures.live_blocks, 1);
        figures.largest_block.store(figures.largest_block.load(Relaxed).max(size), Relaxed);
        figures.note_peak();
    });
}

/// A block ends. The tree is locked.
#[inline(always)]
fn end(number: Number, node: u32, size: u64, temporary: bool) {
    let this = slot::slot(number);
    if this.own_sites.load(Relaxed) {
        sites::end(number, &this.figures, node, size, temporary);
    }
    add(&this.figures.live_bytes, size.wrapping_neg());
    add(&this.figures.live_blocks, 1u64.wrapping_neg());
}

fn end_all(old: &Detached) {
    each_open(old.owner.scope, |number, _| end(number, old.owner.node, old.size, false));
}

fn lose(scope: Number) {
    slot::lose(scope, 1);
}

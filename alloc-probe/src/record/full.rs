//! Recording in mode `full`: every block under its whole stack, from its allocation to its end.
//!
//! The order of things: a block is recorded after the inner allocator has handed it out, and its record is taken
//! away before the inner allocator gets it back. So no other thread can ever hold the same address in between.

use super::{count, failures, sample, site};
use crate::capture::Registers;
use crate::mode::{self, State};
use crate::os::clock;
use crate::os::single_writer::bump;
use crate::profile::blocks;
use crate::profile::peak::{self, Change};
use crate::profile::timeline;
use crate::spool;
use crate::thread::{Thread, recording};
use alloc_probe_format::spool::block::{Block, UNIT_SHIFT};
use alloc_probe_format::spool::{SAMPLE_BLOCK, header, tally};
use std::sync::atomic::Ordering::Relaxed;

/// A block of `size` bytes was allocated at `address`, by the caller of the frame with these registers.
#[inline(never)]
pub(crate) fn alloc(thread: &'static Thread, address: u64, size: u64, registers: Registers) {
    recording(thread, || {
        let now = clock::ticks();
        blocks::prefetch(address, size);
        let site = site::of_caller(thread, registers);
        // Before the counters: a block that there is no room for changes none of them.
        if !blocks::insert(
            thread,
            Block { address, size, site, allocated_at: now >> UNIT_SHIFT, sampled: false },
        ) {
            site::lose_block(size);
            return;
        }
        peak::around(thread, Change::Grows, move |epoch| {
            if let Some(counter) = site::counter(thread, site) {
                counter.add(thread, size, SAMPLE_BLOCK, epoch);
                counter.tally_size(thread, size);
            }
            thread.record.figures.add(size, 1, epoch);
            thread.last_block.set(address as usize);
        });
        timeline::tick(now);
        #[cfg(feature = "truth")]
        crate::record::truth::recorded(site, None, size);
    });
}

/// The block at `address` is about to be freed.
#[inline(never)]
pub(crate) fn dealloc(thread: &'static Thread, address: u64, size: u64) {
    recording(thread, || match blocks::remove(thread, address, size) {
        Some(block) => {
            let temporary = thread.last_block.get() == address as usize;
            if temporary {
                thread.last_block.set(0);
            }
            end(thread, block, temporary);
        }
        None => unknown_free(thread, size),
    });
}

/// A block that ended: its site's figures and the thread's.
#[inline(always)]
fn end(thread: &Thread, block: Block, temporary: bool) {
    peak::around(thread, Change::Shrinks, move |epoch| {
        end_site(thread, block, temporary, epoch);
        thread.record.figures.remove(block.size, 1, epoch);
    });
}

/// The site's figures of a block that ended.
#[inline(always)]
fn end_site(thread: &Thread, block: Block, temporary: bool, epoch: u64) {
    if block.sampled {
        sample::no_longer_live(block.address);
        return sample::end_site(thread, block, temporary);
    }
    if let Some(counter) = site::counter(thread, block.site) {
        counter.remove(thread, block.size, SAMPLE_BLOCK, epoch);
        counter.tally_lifetime(thread, site::age(block));
        if temporary {
            counter.tally(thread, tally::TEMPORARY, 1);
        }
    }
}

/// Reallocates by `inner`, between taking the old record away and making the new one. A failure changes nothing.
#[inline(always)]
pub(crate) fn realloc(
    thread: &'static Thread,
    (address, old_size, new_size): (u64, u64, u64),
    registers: Registers,
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let old = recording(thread, || blocks::remove(thread, address, old_size));
    let new = inner();
    finish_realloc(thread, old, (address, old_size), (new as u64, new_size), registers);
    new
}

/// The same where recording was switched over while the process ran, so that blocks of every kind exist.
pub(crate) fn realloc_mixed(
    thread: &'static Thread,
    state: State,
    (address, old_size, size): (u64, u64, u64),
    registers: Registers,
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let old = recording(thread, || blocks::remove(thread, address, old_size));
    let new = inner();
    if new.is_null() {
        if old.is_some_and(|old| !blocks::insert(thread, old)) {
            site::lose_block(old_size);
        }
        failures::note(thread, size, Some(registers));
        return new;
    }
    recording(thread, || match old {
        Some(old) => end(thread, old, false),
        None => unknown_free(thread, old_size),
    });
    match state {
        State::COUNT_MIXED => count::alloc(thread, size),
        State::SAMPLE_MIXED => sample::alloc(thread, new as u64, size, registers),
        _ => {}
    }
    if state != State::PAUSED {
        bump(&thread.record.reallocs, 1);
    }
    new
}

#[inline(never)]
fn finish_realloc(
    thread: &'static Thread,
    old: Option<Block>,
    (old_address, old_size): (u64, u64),
    (address, size): (u64, u64),
    registers: Registers,
) {
    recording(thread, || {
        if address == 0 {
            if old.is_some_and(|old| !blocks::insert(thread, old)) {
                site::lose_block(old_size);
            }
            return failures::note(thread, size, Some(registers));
        }
        let now = clock::ticks();
        blocks::prefetch(address, size);
        let site = site::of_caller(thread, registers);
        let replaced = peak::around(thread, Change::Resizes(old_size, size), move |epoch| {
            match old {
                Some(old) => end_site(thread, old, false, epoch),
                None => unknown_free(thread, old_size),
            }
            bump(&thread.record.reallocs, 1);
            thread.last_block.set(address as usize);
            let block = Block { address, size, site, allocated_at: now >> UNIT_SHIFT, sampled: false };
            let recorded = blocks::insert(thread, block);
            if recorded {
                if let Some(counter) = site::counter(thread, site) {
                    counter.add(thread, size, SAMPLE_BLOCK, epoch);
                    counter.tally_size(thread, size);
                    counter.tally(thread, tally::REALLOC, 1);
                    if address != old_address {
                        counter.tally(thread, tally::MOVED, 1);
                        counter.tally(thread, tally::MOVED_BYTES, old_size.min(size));
                    }
                }
                thread.record.figures.add(size, 1, epoch);
            }
            if old.is_some() {
                thread.record.figures.remove(old_size, 1, epoch);
            }
            recorded
        });
        if !replaced {
            return site::lose_block(size);
        }
        timeline::tick(now);
        #[cfg(feature = "truth")]
        crate::record::truth::recorded(site, Some(old_size), size);
    });
}

/// A block without a record ends. If it was counted, without a stack, then its thread's figures know it.
#[cold]
#[inline(never)]
fn unknown_free(thread: &Thread, size: u64) {
    if mode::unrecorded_blocks_are_counted() {
        peak::around(thread, Change::Shrinks, move |epoch| thread.record.figures.remove(size, 1, epoch));
    } else {
        spool::header()[header::UNKNOWN_FREES].fetch_add(1, Relaxed);
    }
}

/// A signal handler that interrupted the probe allocated a block: it is recorded without a stack.
#[cold]
#[inline(never)]
pub(crate) fn interrupted_alloc(thread: &Thread, state: State, address: u64, size: u64) {
    if state == State::PAUSED {
        return;
    }
    if state == State::FULL {
        let block =
            Block { address, size, site: 0, allocated_at: clock::ticks() >> UNIT_SHIFT, sampled: false };
        if !blocks::insert(thread, block) {
            return site::lose_block(size);
        }
        spool::header()[header::UNATTRIBUTED].fetch_add(1, Relaxed);
    }
    thread.record.figures.add(size, 1, peak::epoch(thread));
}

/// Such a handler is about to free a block.
#[cold]
#[inline(never)]
pub(crate) fn interrupted_dealloc(thread: &Thread, state: State, address: u64, size: u64) {
    let block = if state == State::COUNT { None } else { blocks::remove(thread, address, size) };
    interrupted_end(thread, state, block, size);
}

/// Such a handler reallocates by `inner`. A failure changes nothing.
#[cold]
#[inline(never)]
pub(crate) fn interrupted_realloc(
    thread: &'static Thread,
    state: State,
    (address, old_size, size): (u64, u64, u64),
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let old = if state == State::COUNT { None } else { blocks::remove(thread, address, old_size) };
    let new = inner();
    if new.is_null() {
        if old.is_some_and(|old| !blocks::insert(thread, old)) {
            site::lose_block(old_size);
        }
        failures::note(thread, size, None);
        return new;
    }
    interrupted_end(thread, state, old, old_size);
    interrupted_alloc(thread, state, new as u64, size);
    if state != State::PAUSED {
        bump(&thread.record.reallocs, 1);
    }
    new
}

fn interrupted_end(thread: &Thread, state: State, block: Option<Block>, size: u64) {
    let epoch = peak::epoch(thread);
    if let Some(block) = block {
        end_site(thread, block, false, epoch);
    }
    let counted = matches!(state, State::COUNT | State::SAMPLE) || mode::unrecorded_blocks_are_counted();
    if block.is_some() || counted {
        thread.record.figures.remove(size, 1, epoch);
    } else {
        spool::header()[header::UNKNOWN_FREES].fetch_add(1, Relaxed);
    }
}

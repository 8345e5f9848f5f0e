//! The scopes: a slot for each, with its figures, and the tree that they make.
//!
//! A slot is in use while its scope is open, while a thread counts to it, and while a scope was opened under it.
//! Everything about a tree of scopes changes under the lock of its root. What an event does there is a few additions
//! for each enclosing scope, and no other tree waits for it: exactness is what scopes are for, and the peak of several
//! threads has no order but the one that a lock makes. Nothing is locked where no scope is open.

use super::blocks;
use super::sites;
use crate::mode;
use crate::os;
use crate::os::lock::{Held, Lock};
use crate::thread::{self, Thread};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, compiler_fence};

/// How many scopes can be in use at once. Number 0 stands for none.
pub(crate) const SLOTS: u32 = 1 << 14;

/// How many tickets there are; 0 stands for none. A slot is used again at once, but a ticket only when all others have
/// been: a thread that was started in a scope may ask for it when it is long gone.
pub(crate) const TICKETS: u32 = 1 << 18;

/// The number of a scope's slot; 0 is none.
pub(crate) type Number = u32;

/// One scope. All zeros are a valid value. What isn't said to be otherwise changes under the root's lock.
#[repr(C, align(64))]
pub(crate) struct Slot {
    lock: Lock,
    pub(crate) open: AtomicBool,
    /// Whether it wants to know the call sites of its blocks, and whether it or one around it does.
    pub(crate) own_sites: AtomicBool,
    pub(crate) any_sites: AtomicBool,
    /// Fixed while the slot is in use.
    pub(crate) parent: AtomicU32,
    root: AtomicU32,
    /// One while it is open, and one for each thread that counts to it and each slot under it. Not under the lock.
    refs: AtomicU32,
    /// The handles of an open scope. Not under the lock.
    handles: AtomicU32,
    /// What a thread that was started in it asks for it by.
    ticket: AtomicU32,
    /// In the chain of slots that are not in use, under the registry's lock.
    next: AtomicU32,
    /// The last block and site of their chains.
    pub(crate) blocks: AtomicU32,
    pub(crate) sites: AtomicU32,
    pub(crate) figures: Figures,
}

/// What a scope counts.
#[repr(C)]
pub(crate) struct Figures {
    pub(crate) allocations: AtomicU64,
    pub(crate) reallocs: AtomicU64,
    pub(crate) frees: AtomicU64,
    pub(crate) total_bytes: AtomicU64,
    pub(crate) live_bytes: AtomicU64,
    pub(crate) live_blocks: AtomicU64,
    pub(crate) peak_bytes: AtomicU64,
    pub(crate) peak_blocks: AtomicU64,
    /// Peaks so far.
    pub(crate) epoch: AtomicU64,
    pub(crate) largest_block: AtomicU64,
    pub(crate) temporary_blocks: AtomicU64,
    /// Events that could not be counted. Not under the lock.
    pub(crate) lost: AtomicU64,
}

/// Adds to a word that nobody else writes: the tree's lock is held.
#[inline(always)]
pub(crate) fn add(word: &AtomicU64, by: u64) {
    word.store(word.load(Relaxed).wrapping_add(by), Relaxed);
}

/// Opening and closing, and the chain of slots that are not in use.
static REGISTRY: Lock = Lock::new();
static BASE: AtomicPtr<Slot> = AtomicPtr::new(null_mut());
/// Slots that were ever used.
static USED: AtomicU32 = AtomicU32::new(0);
static UNUSED: AtomicU32 = AtomicU32::new(0);
/// The slot of each ticket, and the last ticket given out.
static BY_TICKET: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
static LAST_TICKET: AtomicU32 = AtomicU32::new(0);
static OPEN: AtomicU32 = AtomicU32::new(0);

#[inline(always)]
pub(crate) fn slot(number: Number) -> &'static Slot {
    // SAFETY: numbers come from `open`, which made the array with room for `SLOTS` slots, at addresses that stay; all
    // fields are atomic, so any bytes are a valid slot.
    unsafe { &*BASE.load(Relaxed).add((number % SLOTS) as usize) }
}

/// Opens a scope under another. None where there is no memory, or too many are in use.
pub(crate) fn open(parent: Number, with_sites: bool) -> Option<Number> {
    let _locked = take_lock(|| &REGISTRY)?;
    if BASE.load(Relaxed).is_null() {
        if !blocks::create() || !sites::create() {
            return None;
        }
        BY_TICKET.store(os::reserve(TICKETS as usize * 4)?.as_ptr().cast(), Relaxed);
        BASE.store(os::reserve(SLOTS as usize * size_of::<Slot>())?.as_ptr().cast(), Relaxed);
    }
    // The one around may have been closed meanwhile, and no longer be in use.
    let parent = if parent != 0 && slot(parent).hold() { parent } else { 0 };
    let Some(number) = take() else {
        unhold(parent);
        return None;
    };
    let new = slot(number);
    new.figures.clear();
    new.parent.store(parent, Relaxed);
    new.root.store(if parent == 0 { number } else { slot(parent).root.load(Relaxed) }, Relaxed);
    new.own_sites.store(with_sites, Relaxed);
    new.any_sites.store(with_sites || parent != 0 && slot(parent).any_sites.load(Relaxed), Relaxed);
    new.ticket.store(give_ticket(number), Relaxed);
    new.handles.store(1, Relaxed);
    new.open.store(true, Relaxed);
    new.refs.store(1, Relaxed);
    if OPEN.fetch_add(1, Relaxed) == 0 {
        mode::look_for_scopes(true);
    }
    Some(number)
}

/// In the child of a fork: no scope is open.
///
/// A tree that was locked was in the middle of an event, of which this process will never see the rest.
pub(crate) fn reset_after_fork() {
    mode::look_for_scopes(false);
    let used = if BASE.load(Relaxed).is_null() { 0 } else { USED.load(Relaxed) };
    let is_cut = |number: &Number| slot(slot(*number).root.load(Relaxed)).lock.is_held();
    (1..=used).filter(is_cut).for_each(|number| {
        slot(number).figures.lost.fetch_add(1, Relaxed);
    });
    (1..=used).for_each(|number| slot(number).lock.reset());
    REGISTRY.reset();
}

/// Events that can't be counted, from a scope outwards.
#[cold]
pub(crate) fn lose(scope: Number, events: u32) {
    each_open(scope, |_, this| {
        this.figures.lost.fetch_add(events.into(), Relaxed);
    });
}

/// A slot that is not in use. The registry's lock is held.
fn take() -> Option<Number> {
    let unused = UNUSED.load(Relaxed);
    if unused != 0 {
        UNUSED.store(slot(unused).next.load(Relaxed), Relaxed);
        return Some(unused);
    }
    let next = USED.load(Relaxed) + 1;
    (next < SLOTS).then(|| USED.store(next, Relaxed))?;
    Some(next)
}

/// A ticket for a slot: the next that isn't one of a slot in use. The registry's lock is held.
fn give_ticket(number: Number) -> u32 {
    loop {
        let ticket = LAST_TICKET.load(Relaxed) % (TICKETS - 1) + 1;
        LAST_TICKET.store(ticket, Relaxed);
        if of_ticket(ticket).is_none() {
            by_ticket(ticket).store(number, Relaxed);
            return ticket;
        }
    }
}

fn by_ticket(ticket: u32) -> &'static AtomicU32 {
    // SAFETY: `open` made the array with room for `TICKETS` numbers, at addresses that stay, before it gave out the
    // first ticket; the index is below that.
    unsafe { &*BY_TICKET.load(Relaxed).add((ticket % TICKETS) as usize) }
}

/// The slot of a ticket, if it is in use.
fn of_ticket(ticket: u32) -> Option<Number> {
    let number = by_ticket(ticket).load(Relaxed);
    let this = slot(number);
    (number != 0 && this.ticket.load(Relaxed) == ticket && this.refs.load(Relaxed) > 0).then_some(number)
}

/// The ticket of a scope; 0 for none.
pub(crate) fn ticket(number: Number) -> u32 {
    if number == 0 { 0 } else { slot(number).ticket.load(Relaxed) }
}

/// One more handle of an open scope.
pub(crate) fn add_handle(number: Number) {
    slot(number).handles.fetch_add(1, Relaxed);
}

/// A handle of the innermost open scope from `number` outwards; 0 where there is none.
pub(crate) fn handle_of_open(mut number: Number) -> Number {
    while number != 0 {
        let more = |handles: u32| (handles > 0).then_some(handles + 1);
        if slot(number).handles.fetch_update(Relaxed, Relaxed, more).is_ok() {
            return number;
        }
        number = slot(number).parent.load(Relaxed);
    }
    0
}

/// A handle is gone; with the last one the scope closes: its live blocks become those of the one around it.
pub(crate) fn drop_handle(number: Number) {
    let this = slot(number);
    if this.handles.fetch_sub(1, AcqRel) != 1 {
        return;
    }
    {
        let _locked = lock(number);
        this.open.store(false, Relaxed);
        blocks::hand_over(number, open_from(this.parent.load(Relaxed)));
        sites::clear(number);
    }
    let _locked = take_lock(|| &REGISTRY);
    if OPEN.fetch_sub(1, Relaxed) == 1 {
        mode::look_for_scopes(false);
    }
    unhold(number);
}

/// The calling thread counts to the scope with a ticket from now on, if that is in use.
pub(crate) fn hold_by_ticket(ticket: u32) -> Option<Number> {
    let _locked = take_lock(|| &REGISTRY)?;
    let number = of_ticket(ticket)?;
    slot(number).hold().then_some(number)
}

/// A thread counts to a scope that is in use.
pub(crate) fn hold(number: Number) {
    slot(number).refs.fetch_add(1, Relaxed);
}

/// A thread no longer counts to a scope, or to none.
pub(crate) fn release(number: Number) {
    if number != 0 && slot(number).refs.load(Relaxed) > 1 {
        let more = |refs: u32| (refs > 1).then_some(refs - 1);
        if slot(number).refs.fetch_update(AcqRel, Relaxed, more).is_ok() {
            return;
        }
    }
    // Perhaps the last. Where that is not to be waited for, which takes a scope that closes in a signal handler, the slot is
    // not used again.
    let locked = take_lock(|| &REGISTRY);
    if locked.is_some() {
        unhold(number);
    }
}

/// One user of a slot less; without any it can be used again. The registry is locked.
fn unhold(mut number: Number) {
    while number != 0 {
        let this = slot(number);
        if this.refs.fetch_sub(1, AcqRel) != 1 {
            return;
        }
        this.next.store(UNUSED.swap(number, Relaxed), Relaxed);
        number = this.parent.load(Relaxed);
    }
}

/// Holds the lock of a tree, or of the registry, until dropped.
pub(crate) struct Locked {
    held: Option<Held<'static>>,
    thread: Option<&'static Thread>,
}

/// Takes a lock. None in a signal handler whose thread holds one of these, or is about to: neither that one nor another
/// must be waited for then.
#[inline(always)]
fn take_lock(which: impl FnOnce() -> &'static Lock) -> Option<Locked> {
    let thread = thread::current();
    if thread.is_some_and(|thread| thread.locks_scopes.replace(true)) {
        return None;
    }
    // Either a handler sees the mark, or there is no lock yet that it could wait for.
    compiler_fence(SeqCst);
    Some(Locked { held: Some(which().lock_quietly()), thread })
}

/// Locks the tree that a scope is in. None as for all locks here. The slot is in use, or the caller looks again at what it
/// found.
#[inline(always)]
pub(crate) fn lock(number: Number) -> Option<Locked> {
    take_lock(|| &slot(slot(number).root.load(Acquire)).lock)
}

impl Drop for Locked {
    #[inline(always)]
    fn drop(&mut self) {
        self.held = None;
        compiler_fence(SeqCst);
        if let Some(thread) = self.thread {
            thread.locks_scopes.set(false);
        }
    }
}

/// Whether two scopes are in one tree.
#[inline(always)]
pub(crate) fn are_related(one: Number, other: Number) -> bool {
    slot(one).root.load(Relaxed) == slot(other).root.load(Relaxed)
}

/// The innermost open scope from `number` outwards; 0 where there is none. The tree's lock is held.
#[inline(always)]
pub(crate) fn open_from(mut number: Number) -> Number {
    while number != 0 && !slot(number).open.load(Relaxed) {
        number = slot(number).parent.load(Relaxed);
    }
    number
}

/// Calls `f` for every open scope from `number` outwards. The tree's lock is held.
#[inline(always)]
pub(crate) fn each_open(mut number: Number, mut f: impl FnMut(Number, &'static Slot)) {
    while number != 0 {
        let this = slot(number);
        if this.open.load(Relaxed) {
            f(number, this);
        }
        number = this.parent.load(Relaxed);
    }
}

impl Slot {
    /// One more user, if there is any.
    fn hold(&self) -> bool {
        self.refs.fetch_update(Relaxed, Relaxed, |refs| (refs > 0).then_some(refs + 1)).is_ok()
    }
}

impl Figures {
    fn words(&self) -> [&AtomicU64; 12] {
        [
            &self.allocations,
            &self.reallocs,
            &self.frees,
            &self.total_bytes,
            &self.live_bytes,
            &self.live_blocks,
            &self.peak_bytes,
            &self.peak_blocks,
            &self.epoch,
            &self.largest_block,
            &self.temporary_blocks,
            &self.lost,
        ]
    }

    fn clear(&self) {
        self.words().iter().for_each(|word| word.store(0, Relaxed));
    }

    /// What is live after an event that allocated is a peak where it is no less than the last one, as for DHAT: of
    /// equal peaks, the latest counts.
    #[inline(always)]
    pub(crate) fn note_peak(&self) {
        let live = self.live_bytes.load(Relaxed);
        if live >= self.peak_bytes.load(Relaxed) {
            self.peak_bytes.store(live, Relaxed);
            self.peak_blocks.store(self.live_blocks.load(Relaxed), Relaxed);
            add(&self.epoch, 1);
        }
    }
}

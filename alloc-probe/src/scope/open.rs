//! The scopes that are open, or still in use, and the tree that they make.
//!
//! A slot is in use while its scope is open, while a thread counts to it, and while a scope was opened under it.

use super::slot::{self, Number, SLOTS, lock, open_from, slot, take_lock};
use super::{blocks, sites};
use crate::mode;
use crate::os;
use crate::os::lock::Lock;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU32};

/// How many tickets there are; 0 stands for none. A slot is used again at once, but a ticket only when all others have
/// been: a thread that was started in a scope may ask for it when it is long gone.
pub(crate) const TICKETS: u32 = 1 << 18;

/// Opening and closing, and the chain of slots that are not in use.
static REGISTRY: Lock = Lock::new();
/// Slots that were ever used.
static USED: AtomicU32 = AtomicU32::new(0);
static UNUSED: AtomicU32 = AtomicU32::new(0);
/// The slot of each ticket, and the last ticket given out.
static BY_TICKET: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
static LAST_TICKET: AtomicU32 = AtomicU32::new(0);
static OPEN: AtomicU32 = AtomicU32::new(0);

/// Opens a scope under another. None where there is no memory, or too many are in use.
pub(crate) fn open(parent: Number, with_sites: bool) -> Option<Number> {
    let _locked = take_lock(|| &REGISTRY)?;
    if !slot::exists() {
        if !blocks::create() || !sites::create() {
            return None;
        }
        BY_TICKET.store(os::reserve(TICKETS as usize * 4)?.as_ptr().cast(), Relaxed);
        slot::create()?;
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
        mode::set_has_scopes(true);
    }
    Some(number)
}

/// In the child of a fork: no scope is open.
///
/// A tree that was locked was in the middle of an event, of which this process will never see the rest.
pub(crate) fn reset_after_fork() {
    mode::set_has_scopes(false);
    let used = if slot::exists() { USED.load(Relaxed) } else { 0 };
    let is_cut = |number: &Number| slot(slot(*number).root.load(Relaxed)).lock.is_held();
    (1..=used).filter(is_cut).for_each(|number| {
        slot(number).figures.lost.fetch_add(1, Relaxed);
    });
    (1..=used).for_each(|number| slot(number).lock.reset());
    REGISTRY.reset();
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
        mode::set_has_scopes(false);
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

//! Which scope a new thread was started in.
//!
//! Linux gives a thread its creator's *timer slack*: by how many nanoseconds its timers may be late, 50,000 where
//! nobody asked for another. A thread that enters a scope adds the scope's *ticket* to it, and a new one reads it there:
//! whoever started it and how, in static and dynamic programs alike, and without a symbol being replaced. Tickets are
//! below 2^18, so timers are late by a quarter of a millisecond more at the most.
//!
//! (A `pthread_create` of our own was the other candidate. It would stand in every program that has the probe, collides
//! with the one of a static C library, and with those of sanitizers.)

use super::open::{self, TICKETS};
use super::slot::{self, Number};
use super::starting;
use crate::os;
use crate::os::message::complain;
use crate::thread::Thread;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What tickets are added to: the slack that the process was started with, which may be that of a scope of another
/// process. 0 until the first scope is entered.
static BASE: AtomicU64 = AtomicU64::new(0);

fn get() -> u64 {
    // SAFETY: the call takes no pointers.
    unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) as u64 }
}

fn set(slack: u64) {
    // SAFETY: the call takes a number and no pointers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack) };
}

/// Has the threads that this one starts begin in a scope, or in none. Returns what is to be handed to [`restore`].
pub(crate) fn mark(number: Number) -> u64 {
    let before = get();
    let marked = |base: u64| base + u64::from(open::ticket(number));
    let mut base = BASE.load(Relaxed);
    if base == 0 {
        starting::learn();
        base = BASE
            .compare_exchange(0, before.max(1), Relaxed, Relaxed)
            .map_or_else(|base| base, |_| before.max(1));
        set(marked(base));
        if get() != marked(base) {
            complain(&[
                b"the system does not tell where a thread was started, so scopes don't count the threads \
                             that they start",
            ]);
        }
    }
    set(marked(base));
    before
}

/// Undoes [`mark`].
pub(crate) fn restore(before: u64) {
    set(before);
}

/// The calling thread, which is new, counts to the scope that it was started in.
#[cold]
pub(crate) fn inherit(thread: &Thread) {
    let base = BASE.load(Relaxed);
    let ticket = get().wrapping_sub(base);
    if base == 0 || ticket == 0 || ticket >= u64::from(TICKETS) {
        return;
    }
    if let Some(number) = open::hold_by_ticket(ticket as u32) {
        thread.scope.set(number);
        thread.started_in.set(number);
        starting::begin(thread);
    }
}

/// The calling thread could not be given a state: what it does is missing in the scope that it was started in.
#[cold]
pub(crate) fn lose_event() {
    os::keeping_errno(|| {
        let base = BASE.load(Relaxed);
        let ticket = get().wrapping_sub(base);
        if base == 0 || ticket == 0 || ticket >= u64::from(TICKETS) {
            return;
        }
        if let Some(number) = open::hold_by_ticket(ticket as u32) {
            slot::lose(number, 1);
            open::release(number);
        }
    });
}

/// The calling thread ends.
#[cold]
pub(crate) fn leave(thread: &Thread) {
    starting::give_up(thread);
    thread.scope.set(0);
    open::release(thread.started_in.replace(0));
}

//! Threads that are not yet at the code they were started for.
//!
//! Before that, and on the new thread, `std` prepares for stack overflows: it notes the thread in a map that all threads
//! of the process share, and then gives it an alternate signal stack. What the map allocates depends on how many other
//! threads there are just then, and outlives the thread: it is the process's, not the scope's. So a new thread counts
//! from the first event at which it has its signal stack.
//!
//! A thread of C's never gets one. It is told by allocating more than the map ever would, or by ending; what was left out
//! of it is then lost, so that no assertion passes. One line in what it calls makes it count: [`here`](super::here).

use super::slot;
use crate::thread::Thread;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// How many nodes the map adds for one thread, at the most: it holds millions in four levels.
const NODES: u32 = 4;

/// Whether `std` gives new threads signal stacks: it does where the program has no handlers of its own.
static EXPECTED: AtomicBool = AtomicBool::new(false);

fn has_signal_stack() -> bool {
    let mut stack = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: the place is valid for the answer, and nothing is changed.
    unsafe { libc::sigaltstack(std::ptr::null(), &mut stack) };
    stack.ss_flags & libc::SS_DISABLE == 0
}

/// The calling thread, which runs the program's code, enters the first scope of the process.
pub(super) fn learn() {
    EXPECTED.store(has_signal_stack(), Relaxed);
}

/// The calling thread is new.
pub(super) fn begin(thread: &Thread) {
    thread.starting.set(u32::from(EXPECTED.load(Relaxed)));
}

/// Whether the event that is under way on a thread that was [starting](Thread::starting) is still `std`'s.
#[cold]
pub(super) fn is_starting(thread: &Thread, allocates: bool) -> bool {
    if has_signal_stack() {
        thread.starting.set(0);
        return false;
    }
    thread.starting.set(thread.starting.get() + u32::from(allocates));
    if thread.starting.get() > NODES + 1 {
        give_up(thread);
    }
    true
}

/// The thread was not started by `std`, or ends without having been asked: what was left out is lost.
#[cold]
pub(super) fn give_up(thread: &Thread) {
    let left_out = thread.starting.replace(0).saturating_sub(1);
    if left_out > 0 {
        slot::lose(thread.started_in.get(), left_out);
    }
}

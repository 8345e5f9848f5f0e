//! The signals that end a process, where the program leaves them at their defaults. SIGTERM and SIGINT have the dump
//! written and then take their course, with the status that they always have. SIGABRT leaves a word in the spool that
//! says so: that is how a panic that aborts, a stack overflow and a failed allocation end.
//!
//! A handler of the program's own is never replaced. One that it sets later replaces this; and where that one calls
//! what was there before, as some libraries do, nothing happens here.
//!
//! A dump can't be written by a handler: it may have interrupted anything, on a stack of any size. So the thread that
//! the handler runs on waits, for a bounded time, and lends itself: a second thread is made that has a stack of the
//! probe's own and shares the first one's thread-locals. A thread that stands ready from the start would be simpler,
//! but a program with one thread has some liberties, and loses them with a second. What runs there takes no memory
//! from `malloc`, which may be just what was interrupted.

use super::threads;
use crate::{dump, mode, os, spool, thread};
use alloc_probe_format::dump::Ended;
use alloc_probe_format::spool::header;
use libc::c_int;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32};

const ENDING: [c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGABRT];

/// How long the signal's course waits for the dump, in seconds. What was recorded is in the spool in any case.
const PATIENCE_S: i64 = 10;

/// More than a dump needs, also where nothing is optimised. Only what is touched becomes memory.
const STACK_BYTES: usize = 1 << 20;

static STACK: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Handles the signals that have their default disposition. Called once.
pub(crate) fn install() {
    // SAFETY: it has no preconditions.
    if unsafe { libc::getpid() } == 1 {
        // The first process of a container does not end by signals that it leaves at their defaults: with a handler, it
        // would.
        return;
    }
    let Some(stack) = os::reserve(STACK_BYTES) else { return };
    STACK.store(stack.as_ptr(), Release);
    // SAFETY: it has no preconditions.
    PROCESS.store(unsafe { libc::getpid() }, Relaxed);
    for signal in ENDING {
        if action(signal) == libc::SIG_DFL {
            set_handler(signal, on_ending, libc::SA_ONSTACK);
        }
    }
}

/// In the child of a fork: what is left of the handlers would speak for its parent.
pub(crate) fn restore() {
    for signal in ENDING {
        restore_default(signal, on_ending);
    }
}

/// Gives a signal its default disposition, if it still has that handler.
pub(crate) fn restore_default(signal: c_int, handler: extern "C" fn(c_int)) {
    if action(signal) == handler as *const () as usize {
        set_default(signal);
    }
}

/// Sets a handler, which no other signal interrupts.
pub(crate) fn set_handler(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: an action of zeros is a valid one; the handler lives as long as the program.
    unsafe {
        let action = action.assume_init_mut();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        libc::sigfillset(&mut action.sa_mask);
        libc::sigaction(signal, action, null_mut()) == 0
    }
}

/// What a signal does now: a handler's address, or one of the system's constants.
fn action(signal: c_int) -> usize {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: it is a valid place for the answer, and zeros are a valid one where there is none.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction
    }
}

fn set_default(signal: c_int) {
    // SAFETY: zeros are the default disposition.
    unsafe {
        let action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        libc::sigaction(signal, &action, null_mut());
    }
}

extern "C" fn on_ending(signal: c_int) {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if action(signal) != on_ending as *const () as usize {
        return; // The program has a handler, which called this one.
    }
    // SAFETY: it has no preconditions.
    if !mode::is_forked() && unsafe { libc::getpid() } == PROCESS.load(Relaxed) {
        if TAKEN.swap(true, AcqRel) {
            return; // The dump is being written, and this comes to the same: `timeout` sends its signal twice.
        }
        let ending = header::SIGNAL_ENDING + signal as u64;
        spool::header()[header::ENDING].store(ending, Relaxed);
        if signal != libc::SIGABRT {
            SIGNAL.store(signal, Release);
            dump_on_a_clone();
        }
    }
    raise_default(signal);
}

/// Ends the process by the signal, as if there had been no handler.
fn raise_default(signal: c_int) -> ! {
    set_default(signal);
    let mut only = MaybeUninit::uninit();
    // SAFETY: the set is initialised by the first call. The signal comes no later than `kill` returns, as this thread
    // can take it.
    unsafe {
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), null_mut());
        libc::kill(libc::getpid(), signal);
        libc::_exit(128 + signal)
    }
}

static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Runs [`write_dump`] on a clone of this thread with a stack of its own, and waits for it to end.
fn dump_on_a_clone() {
    /// The system makes it 0 and wakes who waits when the thread is gone.
    static ALIVE: AtomicU32 = AtomicU32::new(1);
    let stack = STACK.load(Acquire);
    let end = libc::timespec { tv_sec: (os::monotonic_ns() / 1_000_000_000) as i64 + PATIENCE_S, tv_nsec: 0 };
    // SAFETY: the stack is memory of the probe's own that nobody else uses: this happens once. The new thread has this
    // one's thread-locals, and this one, with every signal put off, touches none until that is gone or the process
    // ends; but for `errno`, when the wait is over. `ALIVE` lives as long as the program.
    unsafe {
        if !os::on_a_clone(stack.add(STACK_BYTES), &ALIVE, write_dump) {
            return;
        }
        while ALIVE.load(Acquire) != 0 {
            let wait = libc::FUTEX_WAIT_BITSET;
            let (all, nothing) = (libc::FUTEX_BITSET_MATCH_ANY, null_mut::<libc::c_void>());
            let status =
                libc::syscall(libc::SYS_futex, ALIVE.as_ptr(), wait, 1, &raw const end, nothing, all);
            if status != 0 && os::monotonic_ns() / 1_000_000_000 >= end.tv_sec as u64 {
                return;
            }
        }
    }
}

extern "C" fn write_dump() {
    let signal = SIGNAL.load(Acquire);
    let write = || dump::leave_dump(Ended::Signal, Some(signal));
    match thread::current() {
        Some(_) => threads::in_probe(write),
        None => thread::as_probe_thread(write),
    }
}

//! In signal handlers: on the thread's stack and on one of its own, raised and at random instants.

use super::NATIVE;
use super::check::Subject;
use super::walk::Walk;
use crate::capture::{FrameKey, FrameKind};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{null, null_mut};
use std::sync::Mutex;

thread_local! {
    static SUBJECT: Cell<*const Subject> = const { Cell::new(null()) };
    static TAKEN: UnsafeCell<Vec<FrameKey>> = const { UnsafeCell::new(Vec::new()) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Signal handlers belong to the process, and tests run at the same time.
static HANDLERS: Mutex<()> = Mutex::new(());

extern "C" fn check_in_handler(_: libc::c_int) {
    // SAFETY: null, or set for as long as the subject lives; and it's used by this thread alone.
    if let Some(subject) = unsafe { SUBJECT.get().as_ref() } {
        let frames = subject.check();
        // SAFETY: nothing else refers to it while signals can come.
        TAKEN.with(|taken| unsafe { *taken.get() = frames });
        COUNT.set(COUNT.get() + 1);
    }
}

/// Runs `f` with the handler for `signal` installed, with `flags`.
fn with_handler<R>(signal: libc::c_int, flags: libc::c_int, f: impl FnOnce() -> R) -> R {
    let _one_at_a_time = HANDLERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: all-zero bytes are valid for the two, and the handler has the type that is asked for.
    unsafe {
        let (mut action, mut before): (libc::sigaction, libc::sigaction) =
            (std::mem::zeroed(), std::mem::zeroed());
        action.sa_sigaction = check_in_handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, &mut before), 0);
        let result = f();
        assert_eq!(libc::sigaction(signal, &before, null_mut()), 0);
        result
    }
}

/// Raises a signal between two checks.
#[inline(never)]
fn raise_below(subject: &Subject, signal: libc::c_int, depth: u32) -> Vec<FrameKey> {
    if depth > 0 {
        return std::hint::black_box(raise_below(subject, signal, depth - 1));
    }
    let outside = subject.check();
    SUBJECT.set(subject);
    // SAFETY: the handler is installed.
    unsafe { libc::raise(signal) };
    SUBJECT.set(null());
    // SAFETY: no signal comes any more.
    let inside = TAKEN.with(|taken| unsafe { std::mem::take(&mut *taken.get()) });
    // The stack may be so deep that it's cut, and is from further in where there's more of it.
    let outer = &outside[outside.len().saturating_sub(250).max(1)..];
    assert!(inside.ends_with(outer), "{inside:x?} {outside:x?}");
    subject.check();
    inside
}

#[test]
fn on_the_stack_of_the_thread() {
    let subject = Subject::new();
    with_handler(libc::SIGUSR1, 0, || {
        for depth in [0, 5, 2, 5, 600] {
            let inside = raise_below(&subject, libc::SIGUSR1, depth);
            let exact = inside.iter().filter(|frame| frame.kind() == FrameKind::Exact).count();
            assert_eq!(exact, usize::from(NATIVE), "the interrupted frame");
        }
    });
}

#[test]
fn on_a_stack_of_its_own() {
    let mut memory = vec![0_u8; 256 << 10];
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
    let subject = Subject::new();
    // SAFETY: all-zero bytes are valid for it.
    let mut before: libc::stack_t = unsafe { std::mem::zeroed() };
    // SAFETY: the memory outlives its use, as the stack of before is put back.
    assert_eq!(unsafe { libc::sigaltstack(&stack, &mut before) }, 0);
    with_handler(libc::SIGUSR2, libc::SA_ONSTACK, || {
        for depth in [3, 0, 3] {
            raise_below(&subject, libc::SIGUSR2, depth);
        }
    });
    // SAFETY: as above.
    assert_eq!(unsafe { libc::sigaltstack(&before, null_mut()) }, 0);
}

/// Sends this thread a signal each 100 microseconds of its time while `f` runs.
fn with_timer(signal: libc::c_int, f: impl FnOnce()) {
    // SAFETY: the structures are valid, all-zero bytes included, and the timer is deleted before they go.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer = null_mut();
        assert_eq!(libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &mut event, &mut timer), 0);
        let each = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
        let times = libc::itimerspec { it_interval: each, it_value: each };
        assert_eq!(libc::timer_settime(timer, 0, &times, null_mut()), 0);
        f();
        assert_eq!(libc::timer_delete(timer), 0);
    }
}

#[test]
fn at_random_instants() {
    let subject = Subject::new();
    let own = subject.check();
    // Some linkers write no tables for their stubs, where `backtrace` then gives up.
    with_handler(libc::SIGPROF, libc::SA_RESTART, || {
        SUBJECT.set(&subject);
        with_timer(libc::SIGPROF, || {
            // What is interrupted mustn't allocate, as the handler does.
            for seed in 1.. {
                Walk::new(seed, 3_000, &|| ()).run();
                if COUNT.get() >= 500 {
                    break;
                }
            }
        });
        // SAFETY: no signal comes any more.
        let last = TAKEN.with(|taken| unsafe { std::mem::take(&mut *taken.get()) });
        assert_eq!(last.last(), own.last());
        SUBJECT.set(null());
    });
}

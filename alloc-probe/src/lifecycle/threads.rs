//! Threads that come and go: a thread gets its slot at its first allocation, and loses it when it ends.

use crate::os::barrier;
use crate::profile::{blocks, operations, peak, stack_depth};
use crate::scope::{inherit, open};
use crate::thread::{self, Activity, Thread, registry};
use crate::{mode, os, spool};
use alloc_probe_format::spool::header;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// How often a thread's end is put off: there are four rounds of destructors, and what other keys' do in the first
/// three is still to come when this key's runs. One that allocates in the fourth takes a slot for good.
const PUT_OFF: u32 = 3;

/// The pthread key whose destructor runs when a thread ends, plus one.
static KEY: AtomicU32 = AtomicU32::new(0);

/// Prepares the registry. Called once.
pub(crate) fn create() {
    let mut key = 0;
    // SAFETY: the key is a valid place, and `at_end` has the type that a destructor has.
    if unsafe { libc::pthread_key_create(&mut key, Some(at_end)) } == 0 {
        KEY.store(key + 1, Relaxed);
    }
}

/// Gives the calling thread a slot. None where there is no space: its blocks are then lost.
#[cold]
#[inline(never)]
pub(crate) fn attach() -> Option<&'static Thread> {
    os::keeping_errno(|| {
        let _held = registry::lock();
        if let Some(thread) = thread::current() {
            return Some(thread); // A signal handler was faster.
        }
        let thread = registry::take_slot()?;
        let alive = spool::header()[header::THREADS_ALIVE].fetch_add(1, SeqCst) + 1;
        if alive.is_power_of_two() {
            barrier::heavy();
            registry::renew_limits();
        }
        if alive == 2 {
            // What the first thread does from here on, it flushes itself.
            barrier::heavy();
            registry::for_each_state(peak::flush_for);
        }
        thread::set_current(Some(thread));
        arm_end(thread);
        if mode::state().has_scopes() {
            inherit::inherit(thread);
        }
        Some(thread)
    })
}

fn arm_end(thread: &'static Thread) {
    let key = KEY.load(Relaxed);
    if key != 0 {
        // SAFETY: the key was made by `create`; the value is only ever handed to `at_end`.
        unsafe { libc::pthread_setspecific(key - 1, (&raw const *thread).cast()) };
    }
}

/// Runs among the destructors of the thread's pthread keys, after those of Rust's thread-locals. Puts itself off
/// by some rounds, so that what other keys' destructors do is still counted under this thread.
///
/// # Safety
///
/// The value is the state of the calling thread, as [`arm_end`] stored it.
unsafe extern "C" fn at_end(state: *mut libc::c_void) {
    // SAFETY: the value of the key is the state that `arm_end` stored for this very thread.
    let thread = unsafe { &*state.cast::<Thread>() };
    if !thread::current().is_some_and(|current| std::ptr::eq(current, thread)) {
        return; // The child of a fork has let go of it.
    }
    let rounds = thread.put_off.get();
    if rounds < PUT_OFF {
        thread.put_off.set(rounds + 1);
        arm_end(thread);
        return;
    }
    os::keeping_errno(|| end(thread));
}

/// The calling thread ends.
fn end(thread: &'static Thread) {
    stack_depth::measure_own(thread.record);
    // Until this is over, no signal handler allocates on this thread.
    let _held = registry::lock();
    if thread.started_in.get() != 0 {
        inherit::leave(thread);
    }
    operations::flush_last(thread);
    blocks::flush_counts(thread);
    peak::flush_last(thread);
    thread.record.name_now();
    let Some((index, ended)) = registry::ended_record(&thread.record.name) else {
        return; // No space for the name: the slot stays as it is, and is not lost.
    };
    registry::moving(|| thread.record.retire_into(ended, index, peak::epoch(thread)));
    thread::set_current(None);
    registry::release_slot(thread);
    if spool::header()[header::THREADS_ALIVE].fetch_sub(1, SeqCst) == 2 {
        registry::renew_limits();
    }
}

/// Marks the calling thread as the probe's own while `f` runs, so that the arena serves what it allocates. Signals
/// are put off until then: what their handlers allocate is the program's.
pub(crate) fn in_probe<T>(f: impl FnOnce() -> T) -> T {
    let _blocked = os::SignalsBlocked::new();
    let Some(thread) = thread::current().or_else(attach) else { return f() };
    let before = thread.activity.replace(Activity::InProbe);
    let restore = Restore(thread, before);
    let value = f();
    drop(restore);
    value
}

struct Restore(&'static Thread, Activity);

impl Drop for Restore {
    fn drop(&mut self) {
        self.0.activity.set(self.1);
    }
}

/// In the child of a fork: the other threads are gone, and this one's slot is the parent's.
pub(crate) fn reset_after_fork() {
    registry::reset_after_fork();
    open::reset_after_fork();
    thread::set_current(None);
}

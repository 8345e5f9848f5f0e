//! Counting instructions in the process itself, by the processor's trap flag: while it is set, a SIGTRAP follows each
//! instruction.
//!
//! Instructions are the same from run to run, where times are not, so a test can hold them. The flag needs neither
//! privileges nor tools, and counts what a debugger would step through: a repeated string instruction counts once for
//! each repetition, where callgrind counts one.
//!
//! Only x86-64 has that flag.

use std::ptr::null_mut;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static STEPS: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_step(_: i32) {
    STEPS.fetch_add(1, Relaxed);
}

/// The instructions that `f` takes, with the few that start and stop the counting: of several runs the median, so
/// that what happens only now and then is left out. None where the processor doesn't tell.
pub fn instructions(runs: usize, f: &mut dyn FnMut()) -> Option<u64> {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(handle_steps);
    let mut counts: Vec<u64> = (0..runs).map(|_| counted(f)).collect();
    counts.sort_unstable();
    counts.get(runs / 2).copied().filter(|_| cfg!(target_arch = "x86_64"))
}

/// Not inlined, so that no run is given a call site of its own: the stack is the same in each.
#[inline(never)]
fn counted(f: &mut dyn FnMut()) -> u64 {
    let before = STEPS.load(Relaxed);
    set_trap_flag(true);
    f();
    set_trap_flag(false);
    STEPS.load(Relaxed) - before
}

fn handle_steps() {
    let handler: extern "C" fn(i32) = on_step;
    // SAFETY: the action is all zeros, which is a valid one, but for the handler. That has the type which it has without
    // `SA_SIGINFO`, and adds to an atomic, which a signal handler may.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        libc::sigaction(libc::SIGTRAP, &action, null_mut())
    };
    assert_eq!(result, 0, "SIGTRAP can be handled");
}

#[cfg(not(target_arch = "x86_64"))]
fn set_trap_flag(_: bool) {}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn set_trap_flag(on: bool) {
    // SAFETY: the flags are put back but for the one, whose signal has a handler, and the stack is as it was.
    unsafe {
        if on {
            std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
        } else {
            std::arch::asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq");
        }
    }
}

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
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

static STEPS: AtomicU64 = AtomicU64::new(0);

/// Where registers are kept, and for how many instructions more there is room.
static KEPT: AtomicPtr<[u64; 18]> = AtomicPtr::new(null_mut());
static ROOM: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_step(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    STEPS.fetch_add(1, Relaxed);
    #[cfg(target_arch = "x86_64")]
    keep(context);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = context;
}

/// Keeps the registers before the next instruction, where there is room.
#[cfg(target_arch = "x86_64")]
fn keep(context: *mut libc::c_void) {
    use libc::*;
    /// By the numbers that instructions have for them, and the instruction's address.
    const ORDER: [c_int; 17] = [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10,
        REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
    ];
    let Some(left) = ROOM.load(Relaxed).checked_sub(1) else { return };
    ROOM.store(left, Relaxed);
    // SAFETY: the kernel passes a handler with `SA_SIGINFO` a context, and there is room for this one, which nobody else
    // writes to: one thread at a time is traced.
    unsafe {
        let registers = &(*context.cast::<ucontext_t>()).uc_mcontext.gregs;
        let place = &mut *KEPT.load(Relaxed);
        for (to, from) in place.iter_mut().zip(ORDER) {
            *to = registers[from as usize] as u64;
        }
        std::arch::asm!("mov {}, fs:0", out(reg) place[17], options(readonly, nostack, preserves_flags));
        KEPT.store(KEPT.load(Relaxed).add(1), Relaxed);
    }
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

/// The registers before each instruction that `f` takes, on this thread. One thread at a time may call this.
///
/// # Panics
///
/// Where `f` takes more than some ten thousand instructions.
pub fn registers(f: &mut dyn FnMut()) -> Vec<[u64; 18]> {
    const MOST: usize = 1 << 16;
    let _ = instructions(1, &mut || ());
    let mut kept: Vec<[u64; 18]> = Vec::with_capacity(MOST);
    KEPT.store(kept.as_mut_ptr(), Relaxed);
    ROOM.store(MOST, Relaxed);
    counted(f);
    let left = ROOM.swap(0, Relaxed);
    assert_ne!(left, 0, "more instructions than there is room for");
    // SAFETY: as many were written, from the first on, and there was room for them.
    unsafe { kept.set_len(MOST - left) };
    kept.shrink_to_fit();
    kept
}

/// From now on the processor's clock stands nearly still for this thread: a reading of it is a fault, which is answered with
/// the next number. So what is due after some time isn't, however long each step takes.
///
/// # Panics
///
/// Where the kernel doesn't do that.
#[cfg(target_arch = "x86_64")]
pub fn stop_clock() {
    // SAFETY: reading the clock touches no memory.
    NOW.store(unsafe { std::arch::x86_64::_rdtsc() }, Relaxed);
    handle(libc::SIGSEGV, on_fault);
    // SAFETY: the call takes two numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV) };
    assert_eq!(result, 0, "the clock can be taken away");
}

#[cfg(target_arch = "x86_64")]
static NOW: AtomicU64 = AtomicU64::new(0);

#[cfg(target_arch = "x86_64")]
extern "C" fn on_fault(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    const RDTSC: [u8; 2] = [0x0f, 0x31];
    /// Which the kernel's own function for the time has.
    const RDTSCP: [u8; 3] = [0x0f, 0x01, 0xf9];
    // SAFETY: the kernel passes a handler with `SA_SIGINFO` a context, and the instruction that it is at was read just now.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let at = registers[libc::REG_RIP as usize];
        let length = match *(at as *const [u8; 3]) {
            RDTSCP => RDTSCP.len(),
            [first, second, _] if [first, second] == RDTSC => RDTSC.len(),
            _ => libc::abort(), // Another fault.
        };
        if length == RDTSCP.len() {
            registers[libc::REG_RCX as usize] = 0;
        }
        let now = NOW.fetch_add(1, Relaxed);
        registers[libc::REG_RAX as usize] = (now & 0xffff_ffff) as i64;
        registers[libc::REG_RDX as usize] = (now >> 32) as i64;
        registers[libc::REG_RIP as usize] = at + length as i64;
    }
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
    handle(libc::SIGTRAP, on_step);
}

fn handle(signal: i32, handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void)) {
    // SAFETY: the action is all zeros, which is a valid one, but for the handler. That has the type which it has with
    // `SA_SIGINFO`, and writes to atomics, to the context and to memory that is set aside for it, which a handler may.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(signal, &action, null_mut())
    };
    assert_eq!(result, 0, "signal {signal} can be handled");
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

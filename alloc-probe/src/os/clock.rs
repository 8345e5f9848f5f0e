//! The clock that times of allocation and lifetimes are read from.
//!
//! On x86-64 it is the processor's time-stamp counter where that runs at one rate through all power states
//! (9 ns a reading on the machine of `docs/performance.md`, against 21 ns for the system's monotonic clock, which is
//! the clock everywhere else). The length of a tick is not known while recording: two instants on both clocks,
//! at the start and at the dump, give it.

use super::time::monotonic_ns;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Set once, before recording starts.
static COUNTER: AtomicBool = AtomicBool::new(false);

/// Chooses the clock. Returns its number in the spool's header.
pub(crate) fn choose() -> u64 {
    let counter = has_steady_counter();
    COUNTER.store(counter, Relaxed);
    if counter { 1 } else { 2 }
}

/// The time in ticks.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if COUNTER.load(Relaxed) {
        // SAFETY: every x86-64 processor has the instruction, and Linux lets user code use it.
        return unsafe { std::arch::x86_64::_rdtsc() };
    }
    monotonic_ns()
}

/// About a millisecond in ticks of whichever clock: 2^20 ns, or as many cycles of 1 to 4 GHz.
pub(crate) const MILLISECOND_TICKS: u64 = 1 << 21;

#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe, reason = "the intrinsic became safe to call after the oldest supported compiler")]
fn has_steady_counter() -> bool {
    use std::arch::x86_64::__cpuid;
    const INVARIANT_TSC: u32 = 1 << 8;
    // SAFETY: `cpuid` exists on every x86-64 processor.
    unsafe { __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & INVARIANT_TSC != 0 }
}

#[cfg(not(target_arch = "x86_64"))]
fn has_steady_counter() -> bool {
    false
}

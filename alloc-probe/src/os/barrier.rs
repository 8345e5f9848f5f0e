//! A fence whose cost one side bears alone: the rare side has the kernel run a barrier on all processors that run the
//! process's threads, and the frequent side needs only to keep the compiler from reordering.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, compiler_fence, fence};

const QUERY: libc::c_int = 0;
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// Whether the kernel has the barrier (Linux 4.14 and later, where nothing forbids the call).
static KERNEL: AtomicBool = AtomicBool::new(false);

fn membarrier(command: libc::c_int) -> libc::c_long {
    // SAFETY: the call takes a command and no pointers; it touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

/// Finds out what the kernel can do. Called once.
pub(crate) fn create() {
    let commands = membarrier(QUERY);
    let usable = commands > 0
        && commands & libc::c_long::from(PRIVATE_EXPEDITED) != 0
        && membarrier(REGISTER_PRIVATE_EXPEDITED) == 0;
    KERNEL.store(usable, Relaxed);
}

/// The frequent side.
#[inline(always)]
pub(crate) fn light() {
    if KERNEL.load(Relaxed) { compiler_fence(SeqCst) } else { fence(SeqCst) }
}

/// The rare side: every thread has passed a barrier when this returns.
pub(crate) fn heavy() {
    fence(SeqCst);
    if KERNEL.load(Relaxed) {
        membarrier(PRIVATE_EXPEDITED);
    }
}

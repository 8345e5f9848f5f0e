//! Keeping signal handlers from running for a while.

use std::mem::MaybeUninit;

/// Keeps signal handlers from running on the thread while this lives; they run when it is dropped. So a handler
/// that allocates never interrupts what must not be entered twice.
pub(crate) struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    pub(crate) fn new() -> SignalsBlocked {
        if cfg!(miri) {
            // It has neither signals nor these calls.
            // SAFETY: zeros are an empty set.
            return SignalsBlocked(unsafe { std::mem::zeroed() });
        }
        let mut before = MaybeUninit::uninit();
        let mut signals = MaybeUninit::uninit();
        // SAFETY: the first call initialises the set that the others change and read; the last writes `before`, and
        // fails only where it is told to do something unknown.
        unsafe {
            libc::sigfillset(signals.as_mut_ptr());
            // What the code itself would raise can't wait, and says that it is broken.
            for raised in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
                libc::sigdelset(signals.as_mut_ptr(), raised);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, signals.as_ptr(), before.as_mut_ptr());
            SignalsBlocked(before.assume_init())
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        if cfg!(miri) {
            return;
        }
        // SAFETY: the set is the one that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

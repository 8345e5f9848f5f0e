//! A lock that neither allocates nor needs initialising: what guards growth and the registry of threads.
//!
//! It spins and yields. `std`'s and `parking_lot`'s locks would serve no better: the sections it guards are a
//! few system calls at the most and are entered some hundred times in a process's life, `parking_lot` allocates
//! where it waits, and the child of a `fork` must be able to reset it.

use super::system::Quiet;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Lock(AtomicBool);

/// Holds a [`Lock`] until dropped. What interrupts a thread that waits for a lock never finds it held by that thread:
/// signals wait as long.
pub(crate) struct Held<'a> {
    lock: &'a Lock,
    // Dropped after the lock was opened.
    _quiet: Option<Quiet>,
}

impl Lock {
    pub(crate) const fn new() -> Lock {
        Lock(AtomicBool::new(false))
    }

    /// Waits for the lock, and holds it with signals put off.
    pub(crate) fn lock(&self) -> Held<'_> {
        let quiet = Quiet::new();
        let mut held = self.lock_quietly();
        held._quiet = Some(quiet);
        held
    }

    /// The same for a thread whose signals are put off already.
    pub(crate) fn lock_quietly(&self) -> Held<'_> {
        loop {
            if let Some(held) = self.try_lock() {
                return held;
            }
            std::thread::yield_now();
        }
    }

    /// The same for a lock that is held for long: asks a thousand times a second.
    pub(crate) fn lock_patiently(&self) -> Held<'_> {
        loop {
            if let Some(held) = self.try_lock() {
                return held;
            }
            // SAFETY: it has no preconditions.
            unsafe { libc::usleep(1000) };
        }
    }

    /// The lock if it's open. Signals are not put off: only for locks that nobody ever waits for, unless they are.
    pub(crate) fn try_lock(&self) -> Option<Held<'_>> {
        let free = self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Not `then_some`, which would make a `Held` in any case, and open the lock by dropping it.
        if free { Some(Held { lock: self, _quiet: None }) } else { None }
    }

    /// Opens the lock whoever holds it: for the child of a fork, where the holder does not exist.
    pub(crate) fn reset(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.lock.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn a_failed_try_leaves_the_lock_held() {
        let lock = Lock::new();
        let held = lock.try_lock();
        assert!(held.is_some());
        assert!(lock.try_lock().is_none());
        assert!(lock.try_lock().is_none());
        drop(held);
        assert!(lock.try_lock().is_some());
    }
}

//! A lock that neither allocates nor needs initialising: what guards growth and the registry of threads.
//!
//! It spins, yields, and then sleeps for moments: a thread of the real-time classes would yield to its equals only, and
//! wait for good for a holder that never gets the processor. `std`'s and `parking_lot`'s locks would serve no better: the
//! sections it guards are a few system calls at the most and are entered some hundred times in a process's life,
//! `parking_lot` allocates where it waits, and the child of a `fork` must be able to reset it.

use super::signals::SignalsBlocked;
use super::time::sleep_ns;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a waiting thread yields before it sleeps, and for how long it does then.
const YIELDS: u32 = 100;
const MOMENT_NS: u32 = 50_000;

pub(crate) struct Lock(AtomicBool);

/// Holds a [`Lock`] until dropped. What interrupts a thread that waits for a lock never finds it held by that thread:
/// signals wait as long.
pub(crate) struct LockGuard<'a> {
    lock: &'a Lock,
    // Dropped after the lock was opened.
    _blocked: Option<SignalsBlocked>,
}

impl Lock {
    pub(crate) const fn new() -> Lock {
        Lock(AtomicBool::new(false))
    }

    /// Waits for the lock, and holds it with signals put off.
    pub(crate) fn lock(&self) -> LockGuard<'_> {
        let blocked = SignalsBlocked::new();
        let mut held = self.lock_with_signals_blocked();
        held._blocked = Some(blocked);
        held
    }

    /// The same for a thread whose signals are put off already.
    pub(crate) fn lock_with_signals_blocked(&self) -> LockGuard<'_> {
        for _ in 0..YIELDS {
            if let Some(held) = self.try_lock() {
                return held;
            }
            std::thread::yield_now();
        }
        loop {
            if let Some(held) = self.try_lock() {
                return held;
            }
            sleep_ns(MOMENT_NS);
        }
    }

    /// The same for a lock that is held for long: asks a thousand times a second.
    pub(crate) fn lock_patiently(&self) -> LockGuard<'_> {
        loop {
            if let Some(held) = self.try_lock() {
                return held;
            }
            sleep_ns(1_000_000);
        }
    }

    /// The lock if it's open. Signals are not put off: only for locks that nobody ever waits for, unless they are.
    pub(crate) fn try_lock(&self) -> Option<LockGuard<'_>> {
        let free = self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Not `then_some`, which would make a `LockGuard` in any case, and open the lock by dropping it.
        if free { Some(LockGuard { lock: self, _blocked: None }) } else { None }
    }

    /// Whether anybody holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Opens the lock whoever holds it: for the child of a fork, where the holder does not exist.
    pub(crate) fn reset(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for LockGuard<'_> {
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

    /// Of a thread that takes no rest, a holder of lesser priority may never get the processor back.
    #[test]
    fn who_waits_for_long_leaves_the_processor_to_others() {
        static LOCK: Lock = Lock::new();
        let held = LOCK.lock();
        let waiter = std::thread::spawn(|| {
            let cpu_ns = || {
                let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                // SAFETY: it is a valid place for the answer.
                unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
                time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
            };
            let before = cpu_ns();
            drop(LOCK.lock());
            cpu_ns() - before
        });
        std::thread::sleep(std::time::Duration::from_millis(500));
        drop(held);
        let busy_ns = waiter.join().unwrap();
        assert!(busy_ns < 200_000_000, "{busy_ns} ns of half a second");
    }
}

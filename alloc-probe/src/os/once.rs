//! A reference that is set once, without waiting or allocating: it is set within an allocation.

use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// Nothing at first, and one value for good once it is set.
pub(crate) struct OnceRef<T: Sync + 'static>(AtomicPtr<T>);

impl<T: Sync> OnceRef<T> {
    pub(crate) const fn new() -> OnceRef<T> {
        OnceRef(AtomicPtr::new(null_mut()))
    }

    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or what `set` was given, which lives for good and is not written to through this.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    /// Whether it was not set before.
    pub(crate) fn set(&self, value: &'static T) -> bool {
        let value = (&raw const *value).cast_mut();
        self.0.compare_exchange(null_mut(), value, AcqRel, Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays() {
        static WORD: OnceRef<u32> = OnceRef::new();
        assert_eq!(WORD.get(), None);
        assert!(WORD.set(&1));
        assert!(!WORD.set(&2));
        assert_eq!(WORD.get(), Some(&1));
    }
}

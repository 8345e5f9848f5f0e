//! glibc's `malloc`. What it says of itself takes locks, so the account looks at its chunks instead: see
//! [`malloc`](super::super::malloc).

use super::allocator::{Allocator, is_system};

pub(super) fn recognise(name: &str) -> Option<Box<dyn Allocator>> {
    let is_there = cfg!(all(target_env = "gnu", target_pointer_width = "64"));
    if is_there && is_system(name) { Some(Box::new(Glibc)) } else { None }
}

struct Glibc;

impl Allocator for Glibc {
    fn is_malloc(&self) -> bool {
        true
    }

    #[cfg(target_env = "gnu")]
    fn trim(&self) {
        // SAFETY: it has no preconditions.
        unsafe { libc::malloc_trim(0) };
    }
}

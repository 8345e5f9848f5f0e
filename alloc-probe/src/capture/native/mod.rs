//! The unwinder for Linux on x86-64 and aarch64.
//!
//! ```text
//!  Registers::here → CachedStack::capture ──→ rule_cache ──miss──→ rules → step, cfi (gimli) → objects
//!   (cached_stack: what still stands is        │                               ↑
//!         verified, the rest unwound)          └─unusual─→ slow_unwinder ──────┘→ memory, expression
//! ```

mod arch;
mod cached_stack;
mod cfi;
mod expression;
#[cfg_attr(target_arch = "aarch64", path = "frame_pointer_aarch64.rs")]
mod frame_pointer;
mod memory;
mod objects;
mod registers;
mod rule;
mod rule_cache;
mod rules;
mod slow_unwinder;
mod step;

pub(crate) use cached_stack::CachedStack;
#[cfg(any(test, feature = "checked-stacks"))]
pub(super) use frame_pointer::has_tables;
pub(super) use objects::prepare;
pub(crate) use registers::Registers;
pub(super) use rule_cache::clear as clear_rules;

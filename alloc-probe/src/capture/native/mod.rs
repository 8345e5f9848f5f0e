//! The unwinder for Linux on x86-64 and aarch64.
//!
//! ```text
//!  Registers::here → KeptStack::capture ──→ rule_cache ──miss──→ rules → cfi (gimli) → objects
//!        (kept.rs: what still stands is        │                            ↑
//!         verified, the rest unwound)          └─anything unusual→ careful ─┘→ memory, expression
//! ```

mod arch;
mod careful;
mod cfi;
mod expression;
#[cfg_attr(target_arch = "aarch64", path = "guess_aarch64.rs")]
mod guess;
mod kept;
mod memory;
mod objects;
mod registers;
mod rule;
mod rule_cache;
mod rules;

#[cfg(any(test, feature = "checked-stacks"))]
pub(super) use guess::has_tables;
pub(crate) use kept::KeptStack;
pub(super) use objects::prepare;
pub(crate) use registers::Registers;
pub(super) use rule_cache::forget as forget_rules;

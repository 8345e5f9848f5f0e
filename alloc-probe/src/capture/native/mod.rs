//! The unwinder for x86-64 Linux.
//!
//! ```text
//!  Registers::here → KeptStack::capture ──→ rule_cache ──miss──→ rules → cfi (gimli) → objects
//!        (kept.rs: what still stands is        │                            ↑
//!         verified, the rest unwound)          └─anything unusual→ careful ─┘→ memory, expression
//! ```

mod careful;
mod cfi;
mod expression;
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

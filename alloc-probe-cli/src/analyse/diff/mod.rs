//! What changed from one profile to another, matched across optimisation levels.
//!
//! The way: a `key` for each frame, by one numbering of functions for both builds, and
//! the `lines` that are the same → frames that one build `lost` are put back → groups of sites by their `chain` of the
//! program's calls, without glue and with recursion folded → `matching` → how much was matched ([`coverage`]), what stood in
//! the way ([`caveats`]), whether both did the same [`work`], and why their memory differs: an account of it ([`account`]),
//! and what stands out ([`findings`]). What became of each pair's blocks has a [`class`].

pub mod account;
pub mod caveats;
pub mod chance;
pub mod class;
mod compare;
pub mod coverage;
pub mod findings;
pub mod pair;
pub mod threshold;
pub mod view;
pub mod work;

mod chain;
mod key;
mod lines;
mod lost;
mod matching;
mod step;

pub use compare::{Diff, diff};

#[cfg(test)]
mod tests;

//! What changed from one profile to another, matched across optimisation levels.
//!
//! The way: `name`s without what differs from build to build, and what they may stand for (`resolve`) → a `key` for
//! each frame, by one numbering for both builds → `group`s of sites without glue → `matching`, pass by pass (`passes`,
//! `judge`, `lines`, `calls`, `candidates`, `loops`, `turns`, `fill`) → how much was matched ([`coverage`]), what stood in the way ([`caveats`]),
//! whether both did the same [`work`], and why their memory differs: an account of it ([`account`]), and what stands out
//! ([`findings`]). What became of each pair's blocks has a [`class`].

pub mod account;
pub mod caveats;
pub mod class;
mod compare;
pub mod coverage;
pub mod findings;
pub mod pair;
pub mod threshold;
pub mod view;
pub mod work;

mod calls;
mod candidates;
mod chance;
mod fill;
mod group;
mod judge;
mod key;
mod lines;
mod loops;
mod matching;
mod name;
mod passes;
mod resolve;
mod signed;
mod turns;

pub use compare::{Diff, diff};

#[cfg(test)]
mod tests;

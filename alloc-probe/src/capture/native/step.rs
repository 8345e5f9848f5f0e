//! What a [`Rule`](super::rule::Rule) means on each processor: which rows of the tables become one, and where its frame
//! stores what the caller needs.
//!
//! The part that decodes tables is the same on all hosts, so that it's tested on all.

#[cfg(any(test, target_arch = "aarch64"))]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::*;

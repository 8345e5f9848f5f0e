//! What differs from one processor to another: its registers, and how their rules become [`Rule`](super::rule::Rule)s.
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

//! The profile of the running process in pprof's format, made from the spool.
//!
//! Library code that allocates: it runs on a thread marked as the probe's own, so that the arena serves it and nothing of it
//! is in the profile.

mod base;
mod output;
mod profile;
mod stacks;

pub(crate) use base::Base;
pub(crate) use profile::{base, profile};

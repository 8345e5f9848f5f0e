//! The files of `alloc-probe`, shared by the probe that writes them and the tools that read them.
//!
//! * [`dump`] is the JSON file a program leaves at its end: the schema that `docs/format.md` describes.
//! * [`spool`] is the memory that holds a profile while it grows, and [`snapshot`] turns it into a dump.
//! * [`cgroup`] reads what a container's limit is held against.
//! * [`mappings`] tells what a process's mappings are for.
//! * [`metric`] names the figures by which sites can be ordered.
//! * [`sampling`] computes what drawing blocks by chance takes.
//! * `profile_proto` has the messages of pprof's format, with the feature `pprof`.
//!
//! This crate exists to share code between `alloc-probe` and `alloc-probe-cli`, which pin its exact
//! version. Use those; this one's Rust interface may change with any release. The file formats do not.
#![forbid(unsafe_code)]

/// What can be written as a dump is: the one trait of `serde` that the crate alloc-probe has to name.
pub use serde::Serialize;

pub mod cgroup;
pub mod dump;
pub mod mappings;
pub mod metric;
#[cfg(feature = "pprof")]
pub mod profile_proto;
pub mod sampling;
mod site_figures;
pub mod snapshot;
pub mod spool;
pub mod spool_file;
pub mod text_hash;

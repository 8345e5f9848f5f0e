//! The diff of two builds, held against a truth that owes nothing to stacks: see `tests/programs`.
//!
//! A [`build`] makes a package's programs, a [`recording`] is a run of one, with the [`log`] of its [`blocks`]; these are
//! [`align`]ed with those of another build, and so it's known which [`verdict`] there is on the diff's pairs, on the
//! [`claims`] that it makes of blocks, and on the [`sentences`] of its findings.

// Each test that has this module uses a part of it.
#![allow(dead_code)]

mod align;
mod blocks;
pub(crate) mod build;
mod claims;
mod describe;
mod log;
pub(crate) mod recording;
mod sentences;
pub(crate) mod table;
pub(crate) mod verdict;

use std::path::PathBuf;

/// The path that a variable holds: from the folder that the user is in, as cargo runs tests in another.
pub(crate) fn path_in(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable).filter(|path| !path.is_empty())?);
    Some(std::env::var_os("PWD").map_or(path.clone(), |folder| PathBuf::from(folder).join(&path)))
}

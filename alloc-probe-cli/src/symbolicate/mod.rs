//! From a dump's addresses to source-level frames.
//!
//! First the dump is made to carry its symbols, where it doesn't yet: [`resolve`](resolve::resolve) finds the files
//! that know them, and fills the table. Then the frames of its stacks are those of the table. So a dump that is read
//! elsewhere, with the symbols that it carries, gives the same profile.

mod binary;
mod bytes;
pub mod cache;
mod crate_roots;
#[cfg(feature = "debuginfod")]
pub mod debuginfod;
mod frames;
mod missing;
mod object_file;
pub mod options;
pub mod resolve;
pub mod search;
pub mod segments;
mod split;
mod symbols;
mod table;
mod tail_calls;
pub mod tried;

use crate::profile::{Deepest, MissingSymbols, Profile};
use alloc_probe_format::dump::Dump;
use frames::Rows;
use options::Options;
use std::path::Path;

/// Gives the stacks of a sound dump their source-level frames, by the files that it names.
pub fn symbolicate(path: &Path, mut dump: Dump) -> Profile {
    let report = resolve::resolve(&mut dump, &Options::default(), &mut |_| {});
    profile(path, dump, report.missing)
}

/// The profile of a dump that carries its symbols.
pub fn profile(path: &Path, mut dump: Dump, missing_symbols: Vec<MissingSymbols>) -> Profile {
    let Rows { frames, stacks, merged } = Rows::of(&mut dump);
    let failed = dump.failures.last.iter().map(|failure| stacks.frames(failure.stack).collect()).collect();
    let deepest = |row| Deepest { frames: stacks.frames(row).collect(), truncated: stacks.is_truncated(row) };
    let deepest = dump.threads.iter().map(|thread| deepest(thread.deepest_stack)).collect();
    let sites = std::mem::take(&mut dump.sites);
    Profile {
        path: path.to_owned(),
        dump,
        frames,
        merged,
        sites,
        stacks,
        segments: Vec::new(),
        failed,
        deepest,
        missing_symbols,
    }
}

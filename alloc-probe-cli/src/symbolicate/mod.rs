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

use crate::profile::{Deepest, MissingSymbols, Profile, Site};
use alloc_probe_format::dump::{self, Dump};
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
    let rows = Rows::of(&mut dump);
    let failed = dump.failures.last.iter().map(|failure| rows.expand(failure.stack).0).collect();
    let deepest = |row| {
        let (frames, truncated) = rows.expand(row);
        Deepest { frames, truncated }
    };
    let deepest = dump.threads.iter().map(|thread| deepest(thread.deepest_stack)).collect();
    let sites = sites(std::mem::take(&mut dump.sites), &rows);
    let Rows { frames, stacks, .. } = rows;
    Profile {
        path: path.to_owned(),
        dump,
        frames,
        sites,
        stacks,
        segments: Vec::new(),
        failed,
        deepest,
        missing_symbols,
    }
}

/// So many sites are given their frames before the memory that they had without is given back.
const STEP: usize = 1 << 14;

/// The sites of a dump with their frames. PERF: of millions there is no second list beside the first, which shrinks as it is
/// taken from its end.
fn sites(mut sites: Vec<dump::Site>, rows: &Rows) -> Vec<Site> {
    let mut with_frames = Vec::with_capacity(sites.len());
    while let Some(site) = sites.pop() {
        let (frames, truncated) = rows.expand(site.stack);
        with_frames.push(Site {
            row: site.stack,
            frames,
            truncated,
            figures: site.figures,
            sizes: site.sizes,
            lifetimes: site.lifetimes,
            ages: site.ages,
            pages: site.pages,
        });
        if sites.len() % STEP == 0 {
            sites.shrink_to_fit();
        }
    }
    with_frames.reverse();
    with_frames
}

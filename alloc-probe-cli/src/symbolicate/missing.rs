//! Which symbols are missing, why, and what can be done about it.

use super::binary::RawFrame;
use super::object_file::NOT_THERE;
use super::search::{UNSURE, Unusable};
use crate::profile::{MissingSymbols, Role};
use crate::source::paths::{self, Origin};
use crate::source::roles;
use alloc_probe_format::dump::{Image, MissingImage};
use std::path::PathBuf;

const KEEP_SYMBOLS: &str = "keep the unstripped file of each build and name it by `--binary FILE`, or its debug file's \
                            directory by `--debug-dir DIR`; or set `strip = false` and `debug = \"line-tables-only\"` in \
                            the Cargo profile, and build and run again";
const ADD_LINES: &str = "set `debug = \"line-tables-only\"` in the Cargo profile, and build and run again";
const SAME_BUILD: &str = "name the file that belongs to the dump by `--binary FILE`, or a directory of debug files by \
                          `--debug-dir DIR`; or profile again. `--force` uses another build, whose names may be wrong";
const SAME_FILE: &str =
    "if the files are still those that ran, give `--force`, or name each with `--binary FILE`";
const KEEP_SPLIT: &str = "keep the .dwo files where they were built, or name their directory by `--debug-dir DIR`; \
                          `split-debuginfo = \"packed\"` makes one file of them, to be kept beside the binary";

/// Why the symbols of an image are less than they could be, as far as its files tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// No file can be used.
    Unusable(Unusable),
    /// So many files that its debug info was split into are not there; this is the first.
    SplitFiles(usize, PathBuf),
}

/// What is said of an image that had `found` for its addresses, each of which stands for so many rows; none where all
/// is as it should be. What was said `earlier`, on the machine that made the symbols, counts more than that there is
/// no file on this one.
pub(super) fn of(
    image: &Image,
    found: &[Vec<RawFrame>],
    rows: &[u64],
    why: &Option<Lack>,
    earlier: Option<&MissingImage>,
) -> Option<MissingSymbols> {
    if expects_none(image) {
        return None;
    }
    let (reason, hint, frames) = match why {
        Some(Lack::Unusable(unusable)) => {
            let (reason, hint) = match unusable {
                Unusable::NotThere => (NOT_THERE.to_owned(), SAME_BUILD),
                Unusable::Unreadable(reason) => (reason.clone(), SAME_BUILD),
                Unusable::Rebuilt(how) => (format!("it was rebuilt since the dump ({how})"), SAME_BUILD),
                Unusable::Unsure => (UNSURE.to_owned(), SAME_FILE),
            };
            let reason = match earlier {
                Some(earlier) if *unusable == Unusable::NotThere => earlier.reason.clone(),
                _ => reason,
            };
            (reason, hint, rows.iter().sum())
        }
        Some(Lack::SplitFiles(count, first)) => {
            let others = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            let reason =
                format!("its debug info is in files that are not there: `{}`{others}", first.display());
            (reason, KEEP_SPLIT, incomplete(image, found, rows).map_or(0, |(_, _, frames)| frames))
        }
        None => incomplete(image, found, rows)?,
    };
    Some(MissingSymbols { image: PathBuf::from(&image.path), reason, hint, frames, bytes: 0 })
}

/// What the frames of an image lack. A few functions without debug info, as of assembly, are as it should be.
fn incomplete(image: &Image, found: &[Vec<RawFrame>], rows: &[u64]) -> Option<(String, &'static str, u64)> {
    let (mut all, mut nameless, mut own, mut without_lines) = (0, 0, 0, 0);
    for (raw, rows) in found.iter().zip(rows) {
        all += rows;
        match raw.last() {
            None => nameless += rows,
            // Where there is a line, the file says whose it is, which is quicker to tell than by the name.
            Some(RawFrame { line: Some(_), file: Some(file), .. }) => {
                own += if paths::source(file).origin == Origin::Std { 0 } else { *rows };
            }
            Some(RawFrame { function, .. }) => {
                let function = function.as_deref().unwrap_or_default();
                let is_own = roles::role(function, None, Some(&image.path)) == Role::Program;
                own += if is_own { *rows } else { 0 };
                without_lines += if is_own { *rows } else { 0 };
            }
        }
    }
    if nameless * 2 > all {
        Some(("it was stripped".to_owned(), KEEP_SYMBOLS, nameless))
    } else if without_lines * 2 > own {
        let reason = "it was built without line tables, so only names of functions are known";
        Some((reason.to_owned(), ADD_LINES, without_lines))
    } else {
        None
    }
}

/// Images of which nobody expects symbols.
fn expects_none(image: &Image) -> bool {
    image.path.is_empty() || roles::is_system_library(&image.path)
}

//! Which symbols are missing, why, and what can be done about it.

use super::binary::{RawFrame, Unusable};
use super::roles;
use crate::profile::{MissingSymbols, Role};
use alloc_probe_format::dump::Image;
use std::path::PathBuf;

const KEEP_SYMBOLS: &str =
    "set `strip = false` and `debug = \"line-tables-only\"` in the Cargo profile, and build and run again";
const ADD_LINES: &str = "set `debug = \"line-tables-only\"` in the Cargo profile, and build and run again";
const SAME_BUILD: &str = "profile again, or put back the binary that belongs to the dump";

/// What is said of an image whose file is of no use for so many frames.
pub(super) fn unusable(image: &Image, unusable: Unusable, frames: u64) -> Option<MissingSymbols> {
    if expects_none(image) {
        return None;
    }
    let (reason, hint) = match unusable {
        Unusable::Unreadable(reason) => (reason, SAME_BUILD),
        Unusable::Rebuilt(how) => (format!("it was rebuilt since the dump ({how})"), SAME_BUILD),
        Unusable::NotElf => ("it is not a sound ELF file".to_owned(), SAME_BUILD),
    };
    Some(MissingSymbols { image: PathBuf::from(&image.path), reason, hint, frames })
}

/// What is said of an image that had `found` for its addresses, each of which stands for so many frames. A few
/// functions without debug info, as of assembly, are as it should be.
pub(super) fn incomplete(image: &Image, found: &[Vec<RawFrame>], frames: &[u64]) -> Option<MissingSymbols> {
    if expects_none(image) {
        return None;
    }
    let (mut all, mut nameless, mut own, mut without_lines) = (0, 0, 0, 0);
    for (raw, frames) in found.iter().zip(frames) {
        all += frames;
        let Some(outermost) = raw.last() else {
            nameless += frames;
            continue;
        };
        let function = outermost.function.as_deref().unwrap_or_default();
        if roles::role(function, outermost.file.as_deref(), Some(&image.path)) == Role::Program {
            own += frames;
            without_lines += if outermost.line.is_none() { *frames } else { 0 };
        }
    }
    let (reason, hint, frames) = if nameless * 2 > all {
        ("it was stripped of them", KEEP_SYMBOLS, nameless)
    } else if without_lines * 2 > own {
        ("it was built without line tables, so only names of functions are known", ADD_LINES, without_lines)
    } else {
        return None;
    };
    Some(MissingSymbols { image: PathBuf::from(&image.path), reason: reason.to_owned(), hint, frames })
}

/// Images of which nobody expects symbols.
fn expects_none(image: &Image) -> bool {
    image.path.is_empty() || roles::is_system_library(&image.path)
}

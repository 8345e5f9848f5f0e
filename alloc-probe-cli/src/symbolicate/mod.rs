//! From a dump's addresses to source-level frames.
//!
//! First the dump is made to carry its symbols, where it doesn't yet: [`resolve`](resolve::resolve) finds the files
//! that know them, and fills the table. Then the frames of its stacks are those of the table. So a dump that is read
//! elsewhere, with the symbols that it carries, gives the same profile.

mod binary;
mod bytes;
pub mod cache;
mod complete;
#[cfg(feature = "debuginfod")]
pub mod debuginfod;
mod missing;
pub(crate) mod modules;
pub mod names;
mod object_file;
pub mod options;
pub mod paths;
pub mod resolve;
pub mod roles;
pub mod search;
mod split;
mod symbols;
mod table;
mod tail_calls;

use crate::profile::{Deepest, Frame, FrameId, MissingSymbols, Profile, Role, Site};
use alloc_probe_format::dump::{Dump, FrameKind, StackNode, SymbolFrame, Symbols};
use bytes::Bytes;
use options::Options;
use std::collections::HashMap;
use std::path::Path;

/// Gives the stacks of a sound dump their source-level frames, by the files that it names.
pub fn symbolicate(path: &Path, mut dump: Dump) -> Profile {
    let report = resolve::resolve(&mut dump, &Options::default(), &mut |_| {});
    profile(path, dump, report.missing)
}

/// The profile of a dump that carries its symbols.
pub fn profile(path: &Path, mut dump: Dump, missing_symbols: Vec<MissingSymbols>) -> Profile {
    let stacks = std::mem::take(&mut dump.stacks);
    let sites = std::mem::take(&mut dump.sites);
    let symbols = dump.symbols.take().unwrap_or_default();
    let mut table = FrameTable::default();
    let rows: Vec<Vec<FrameId>> =
        stacks.iter().enumerate().map(|(row, node)| table.row(&dump, &symbols, row, node)).collect();
    let failed = dump.failures.last.iter().map(|failure| expand(failure.stack, &stacks, &rows).0).collect();
    let deepest = |row| {
        let (frames, truncated) = expand(row, &stacks, &rows);
        Deepest { frames, truncated }
    };
    let deepest = dump.threads.iter().map(|thread| deepest(thread.deepest_stack)).collect();
    let sites = sites
        .into_iter()
        .map(|site| {
            let (frames, truncated) = expand(site.stack, &stacks, &rows);
            Site {
                frames,
                truncated,
                figures: site.figures,
                sizes: site.sizes,
                lifetimes: site.lifetimes,
                ages: site.ages,
                pages: site.pages,
            }
        })
        .collect();
    Profile { path: path.to_owned(), dump, frames: table.frames, sites, failed, deepest, missing_symbols }
}

/// The frames from a row of the stacks out to the root, and whether some were left out.
fn expand(row: u32, stacks: &[StackNode], rows: &[Vec<FrameId>]) -> (Vec<FrameId>, bool) {
    let mut frames = Vec::new();
    let mut truncated = false;
    let mut row = row as usize;
    while row != 0 {
        frames.extend_from_slice(&rows[row]);
        truncated |= stacks[row].kind == FrameKind::Cut;
        row = stacks[row].parent as usize;
    }
    (frames, truncated)
}

/// A file that is known to be the standard library's.
const ANY_OF_STD: &str = "library/core/src/lib.rs";

/// Whether frames are of a function that was compiled with the standard library, and of what was inlined into it.
/// Valgrind has files without directories then; where somebody else's code has been inlined, its unit has directories.
fn is_of_std_alone(frames: &[SymbolFrame], strings: &[String]) -> bool {
    let text = |string: u32| strings[string as usize].as_str();
    let is_bare = |frame: &SymbolFrame| frame.file.is_some_and(|file| !text(file).contains('/'));
    frames.len() > 1
        && frames.iter().all(is_bare)
        && frames.last().is_some_and(|frame| roles::is_of_std(text(frame.function)))
}

/// Every distinct frame, once.
#[derive(Default)]
struct FrameTable {
    frames: Vec<Frame>,
    ids: HashMap<Frame, FrameId>,
    /// What equal frames of the table of symbols came to before: most rows share theirs.
    known: HashMap<(Option<u32>, usize, Vec<SymbolKey>), Vec<FrameId>>,
}

/// What tells frames of the table of symbols apart.
type SymbolKey = (u32, Option<u32>, Option<u32>, Option<u32>);

impl FrameTable {
    fn id(&mut self, frame: Frame) -> FrameId {
        if let Some(id) = self.ids.get(&frame) {
            return *id;
        }
        // There are at most as many as there are addresses and inlined calls in a file of limited size.
        let id = FrameId(u32::try_from(self.frames.len()).unwrap_or(u32::MAX));
        self.frames.push(frame.clone());
        self.ids.insert(frame, id);
        id
    }

    /// The ids of the frames of a row; one that says where it is if nothing is known.
    fn row(&mut self, dump: &Dump, symbols: &Symbols, row: usize, node: &StackNode) -> Vec<FrameId> {
        if matches!(node.kind, FrameKind::Root | FrameKind::Cut) {
            return Vec::new();
        }
        let image = node.image.and_then(|image| dump.images.get(image as usize));
        let image_path = image.map(|image| image.path.as_str());
        let carried = symbols.frames.get(row).map_or(&[][..], Vec::as_slice);
        let lost = symbols.tail_calls.binary_search_by_key(&row, |lost| lost.row as usize);
        let lost = lost.map_or(&[][..], |lost| &symbols.tail_calls[lost].frames);
        if carried.is_empty() {
            let function = resolve::unnamed(node.address, image);
            let role = roles::role(&function, None, image_path);
            return vec![self.id(Frame { function, image: node.image, role, ..Frame::default() })];
        }
        let all = carried.iter().chain(lost);
        let key = all.clone().map(|frame| (frame.function, frame.file, frame.line, frame.column)).collect();
        let key = (node.image, carried.len(), key);
        if let Some(ids) = self.known.get(&key) {
            return ids.clone();
        }
        let text = |string: u32| symbols.strings[string as usize].clone();
        // What a function that the compiler calls to allocate calls in turn, is the allocator's.
        let is_entry =
            |frame: &SymbolFrame| roles::is_allocator_entry(&symbols.strings[frame.function as usize]);
        let in_allocator = carried.iter().rposition(is_entry).map_or(0, |entry| entry + 1);
        let of_std = is_of_std_alone(carried, &symbols.strings);
        let ids: Vec<FrameId> = all
            .enumerate()
            .map(|(index, frame)| {
                let (function, file) = (text(frame.function), frame.file.map(text));
                let role = match index < in_allocator {
                    true => Role::Allocator,
                    false if of_std => roles::role(&function, Some(ANY_OF_STD), image_path),
                    false => roles::role(&function, file.as_deref(), image_path),
                };
                self.id(Frame {
                    path_guessed: symbols.guessed.binary_search(&frame.function).is_ok(),
                    function,
                    file,
                    line: frame.line,
                    column: frame.column,
                    inlined: index + 1 != carried.len() && index + 1 < carried.len() + lost.len(),
                    image: node.image,
                    role,
                })
            })
            .collect();
        self.known.insert(key, ids.clone());
        ids
    }
}

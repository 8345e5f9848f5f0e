//! From a dump's addresses to source-level frames.
//!
//! Symbols come with the dump, or from the binaries it names. Each address is looked up once, image by image
//! and in ascending order, so that a binary is read once and its debug info is walked from front to back.

mod binary;
mod missing;
mod modules;
pub mod names;
pub mod paths;
pub mod roles;
mod symbols;

use crate::profile::{Frame, FrameId, MissingSymbols, Profile, Site};
use alloc_probe_format::dump::{Dump, FrameKind, Image, StackNode, Symbols};
use binary::{RawFrame, Unusable};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Gives the stacks of a sound dump their source-level frames.
pub fn symbolicate(path: &Path, mut dump: Dump) -> Profile {
    let stacks = std::mem::take(&mut dump.stacks);
    let sites = std::mem::take(&mut dump.sites);
    let mut table = FrameTable::default();
    let (rows, missing_symbols) = match dump.symbols.take() {
        Some(symbols) => (carried(&dump, &stacks, &symbols, &mut table), Vec::new()),
        None => from_binaries(&dump, &stacks, &mut table),
    };
    let failed = dump.failures.last.iter().map(|failure| expand(failure.stack, &stacks, &rows).0).collect();
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
            }
        })
        .collect();
    Profile { path: path.to_owned(), dump, frames: table.frames, sites, failed, missing_symbols }
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

/// Every distinct frame, once.
#[derive(Default)]
struct FrameTable {
    frames: Vec<Frame>,
    ids: HashMap<Frame, FrameId>,
}

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

    /// The ids of the frames at an address; one that says where it is if nothing is known.
    fn ids(&mut self, raw: &[RawFrame], node: &StackNode, dump: &Dump) -> Vec<FrameId> {
        let image = node.image.and_then(|image| dump.images.get(image as usize));
        let unknown = [RawFrame::default()];
        let raw = if raw.is_empty() { &unknown } else { raw };
        let frames = raw.iter().map(|raw| {
            let function = raw.function.clone().unwrap_or_else(|| unnamed(node.address, image));
            let role = roles::role(&function, raw.file.as_deref(), image.map(|image| image.path.as_str()));
            Frame {
                function,
                path_guessed: raw.path_guessed,
                file: raw.file.clone(),
                line: raw.line,
                column: raw.column,
                inlined: raw.inlined,
                image: node.image,
                role,
            }
        });
        frames.map(|frame| self.id(frame)).collect()
    }
}

fn unnamed(address: u64, image: Option<&Image>) -> String {
    match image.map(|image| image.path.rsplit('/').next().unwrap_or_default()) {
        Some(name) if !name.is_empty() => format!("{address:#x} in {name}"),
        _ => format!("{address:#x} in unknown code"),
    }
}

/// The frames of each row, by the symbols that came with the dump.
fn carried(
    dump: &Dump,
    stacks: &[StackNode],
    symbols: &Symbols,
    table: &mut FrameTable,
) -> Vec<Vec<FrameId>> {
    let text = |string: u32| symbols.strings[string as usize].clone();
    let rows = stacks.iter().zip(&symbols.frames).map(|(node, frames)| {
        if matches!(node.kind, FrameKind::Root | FrameKind::Cut) {
            return Vec::new();
        }
        let raw: Vec<RawFrame> = frames
            .iter()
            .enumerate()
            .map(|(index, frame)| RawFrame {
                function: Some(text(frame.function)),
                path_guessed: false,
                file: frame.file.map(text),
                line: frame.line,
                column: frame.column,
                inlined: index + 1 < frames.len(),
            })
            .collect();
        table.ids(&raw, node, dump)
    });
    rows.collect()
}

/// The frames of each row, by the binaries that the dump names, and what is missing from these.
fn from_binaries(
    dump: &Dump,
    stacks: &[StackNode],
    table: &mut FrameTable,
) -> (Vec<Vec<FrameId>>, Vec<MissingSymbols>) {
    // The rows of each instruction of each image: a return address's call is just before it.
    let mut wanted: BTreeMap<(Option<u32>, u64), Vec<usize>> = BTreeMap::new();
    for (row, node) in stacks.iter().enumerate() {
        let instruction = match node.kind {
            FrameKind::Call => node.address.saturating_sub(1),
            FrameKind::Exact => node.address,
            FrameKind::Cut | FrameKind::Root => continue,
        };
        wanted.entry((node.image, instruction)).or_default().push(row);
    }
    let mut rows = vec![Vec::new(); stacks.len()];
    let mut missing = Vec::new();
    let mut wanted = wanted.into_iter().peekable();
    while let Some(((image_index, _), _)) = wanted.peek() {
        let image_index = *image_index;
        let mut addresses = Vec::new();
        let mut their_rows = Vec::new();
        while let Some(((_, address), rows)) = wanted.next_if(|((image, _), _)| *image == image_index) {
            addresses.push(address);
            their_rows.push(rows);
        }
        let image = image_index.and_then(|image| dump.images.get(image as usize));
        let frames: Vec<u64> = their_rows.iter().map(|rows| rows.len() as u64).collect();
        let found = match image.map(|image| (image, look_up(image, dump.process.start_unix_ns, &addresses))) {
            Some((image, Ok(found))) => {
                missing.extend(missing::incomplete(image, &found, &frames));
                found
            }
            Some((image, Err(reason))) => {
                missing.extend(missing::unusable(image, reason, frames.iter().sum()));
                Vec::new()
            }
            None => Vec::new(),
        };
        for (index, same) in their_rows.iter().enumerate() {
            let raw = found.get(index).map_or(&[][..], Vec::as_slice);
            for row in same {
                rows[*row] = table.ids(raw, &stacks[*row], dump);
            }
        }
    }
    (rows, missing)
}

fn look_up(image: &Image, started_unix_ns: u64, addresses: &[u64]) -> Result<Vec<Vec<RawFrame>>, Unusable> {
    binary::look_up(&binary::read(image, started_unix_ns)?, addresses)
}

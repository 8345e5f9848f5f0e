//! From a dump's addresses to its table of symbols.
//!
//! Each address is looked up once, image by image and in ascending order, so that debug info is walked from front to
//! back. What a dump carries already is taken as it is.

use super::binary::{Binary, Lookup, RawFrame};
use super::bytes::Bytes;
use super::missing::{self, Lack};
use super::object_file::ObjectFile;
use super::options::Options;
use super::search::Search;
use super::split::SplitFiles;
use super::table::Table;
use super::tried::Tried;
use crate::profile::MissingSymbols;
use alloc_probe_format::dump::{Dump, FrameKind, Image, MissingImage, StackNode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use typed_arena::Arena;

/// What came of looking up a dump's addresses.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Images whose symbols could not be had.
    pub missing: Vec<MissingSymbols>,
    /// Each image with frames, and where its symbols were looked for.
    pub searched: Vec<Searched>,
    /// Sentences about what the user named and could not be used.
    pub refused: Vec<String>,
}

/// Where the symbols of one image were looked for, and what they were good for.
#[derive(Clone, Debug)]
pub struct Searched {
    /// The image's path.
    pub image: PathBuf,
    /// Its build id; empty where it has none.
    pub build_id: String,
    /// The places, in order.
    pub tried: Vec<Tried>,
    /// Different addresses in it.
    pub addresses: usize,
    /// Of these, the ones whose function is known.
    pub named: usize,
    /// And whose line is known.
    pub with_lines: usize,
}

/// What is under way: the image, and how many of its addresses are done.
pub struct Step<'a> {
    /// The image's path.
    pub image: &'a str,
    /// Addresses looked up.
    pub done: usize,
    /// Addresses in all.
    pub all: usize,
}

/// How many addresses are looked up between two reports of progress.
const STEP: usize = 256;

/// Another thread is worth its while from so many addresses on.
const FOR_A_THREAD: usize = 2048;

/// Completes the symbols that a sound dump carries: afterwards it has all that can be had.
pub fn resolve(dump: &mut Dump, options: &Options, progress: &mut dyn FnMut(&Step<'_>)) -> Report {
    let mut table = Table::new(dump.symbols.take(), dump.stacks.len());
    let mut report = Report::default();
    let mut missing_images = Vec::new();
    let before = std::mem::take(&mut table.missing);
    for (image_index, wanted) in wanted(dump, &before, table.is_new) {
        let Some(image) = image_index.and_then(|image| dump.images.get(image as usize)) else { continue };
        let between = between(dump, image_index, &wanted);
        let addresses: Vec<u64> = wanted.keys().copied().collect();
        let rows: Vec<u64> = wanted.values().map(|rows| rows.len() as u64).collect();
        let places: Vec<Place> =
            addresses.iter().map(|address| Place::At(*address)).chain(between.keys().copied()).collect();
        let mut looked_up = look_up(dump, image, &places, options, progress);
        let lost = looked_up.frames.split_off(addresses.len().min(looked_up.frames.len()));
        for (rows, frames) in between.values().zip(lost).filter(|(_, frames)| !frames.is_empty()) {
            table.set_tail_calls(rows, &frames);
        }
        for (frames, address) in looked_up.frames.iter_mut().zip(&addresses) {
            for frame in frames {
                frame.function.get_or_insert_with(|| unnamed(*address, Some(image)).into());
            }
        }
        report.searched.push(searched(image, &looked_up));
        report.refused.append(&mut looked_up.refused);
        let found = &looked_up.frames;
        let earlier = before.iter().find(|missing| Some(missing.image) == image_index);
        // What the dump carries already is better than nothing.
        for (rows, frames) in wanted.values().zip(found).filter(|(_, frames)| !frames.is_empty()) {
            table.set(rows, frames);
        }
        let Some(mut missing) = missing::of(image, found, &rows, &looked_up.why, earlier) else { continue };
        let lacks = |row: &u32| table.frames(*row as usize).iter().all(|frame| frame.line.is_none());
        missing.bytes = hidden_bytes(dump, wanted.values().flatten().copied().filter(lacks));
        let image = image_index.unwrap_or_default();
        missing_images.push(MissingImage { image, reason: missing.reason.clone() });
        report.missing.push(missing);
    }
    table.missing = missing_images;
    dump.symbols = Some(table.into_symbols());
    report
}

/// The rows to look up, by image and instruction: a return address's call is just before it.
type Wanted = BTreeMap<Option<u32>, BTreeMap<u64, Vec<u32>>>;

fn wanted(dump: &Dump, missing: &[MissingImage], all: bool) -> Wanted {
    let mut wanted = Wanted::new();
    for (row, node) in (0..).zip(&dump.stacks) {
        let instruction = match node.kind {
            FrameKind::Call => node.address.saturating_sub(1),
            FrameKind::Exact => node.address,
            FrameKind::Cut | FrameKind::Root | FrameKind::Operation => continue,
        };
        if all || missing.iter().any(|missing| Some(missing.image) == node.image) {
            wanted.entry(node.image).or_default().entry(instruction).or_default().push(row);
        }
    }
    wanted
}

/// What is looked up in a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The frames at an instruction.
    At(u64),
    /// The frames that were lost between one and the call outside of it.
    Between { return_address: u64, inner: u64 },
}

impl Place {
    /// The same by the file's own addresses, where this has offsets. One that is none of its addresses is nowhere.
    fn in_file(self, file: &ObjectFile<'_>) -> Place {
        let address = |offset| file.address_of(offset).unwrap_or(u64::MAX >> 1);
        match self {
            Place::At(offset) => Place::At(address(offset)),
            Place::Between { return_address, inner } => {
                Place::Between { return_address: address(return_address), inner: address(inner) }
            }
        }
    }

    /// The number under which the cache has it. Addresses have the highest bit clear.
    fn key(self) -> u64 {
        match self {
            Place::At(address) => address,
            Place::Between { return_address, inner } => {
                let mixed = return_address.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ inner.rotate_left(32);
                mixed.wrapping_mul(0xd6e8_feb8_6659_fd93) | 1 << 63
            }
        }
    }
}

/// The rows of an image whose parents are calls in it, by where frames may be lost.
fn between(dump: &Dump, image: Option<u32>, wanted: &BTreeMap<u64, Vec<u32>>) -> BTreeMap<Place, Vec<u32>> {
    let mut between = BTreeMap::<Place, Vec<u32>>::new();
    for (inner, rows) in wanted {
        for row in rows {
            let parent = &dump.stacks[dump.stacks[*row as usize].parent as usize];
            if parent.kind == FrameKind::Call && parent.image == image {
                let place = Place::Between { return_address: parent.address, inner: *inner };
                between.entry(place).or_default().push(*row);
            }
        }
    }
    between
}

/// What the files of one image know.
#[derive(Default)]
struct LookedUp {
    /// For each address, its frames; none at all where no file could be used.
    frames: Vec<Vec<RawFrame>>,
    /// Why it is less than it could be.
    why: Option<Lack>,
    tried: Vec<Tried>,
    refused: Vec<String>,
}

fn look_up(
    dump: &Dump,
    image: &Image,
    places: &[Place],
    options: &Options,
    progress: &mut dyn FnMut(&Step<'_>),
) -> LookedUp {
    // The cache has files' own addresses.
    let cache = options.cache.as_ref().filter(|_| !options.force && !image.in_file_offsets);
    let keys: Vec<u64> = places.iter().map(|place| place.key()).collect();
    if let Some((frames, place)) = cache.and_then(|cache| cache.read(&image.build_id, &keys)) {
        let tried = vec![Tried { place, outcome: "every address".to_owned() }];
        return LookedUp { frames, tried, ..LookedUp::default() };
    }
    progress(&Step { image: &image.path, done: 0, all: places.len() });
    let arena: Arena<Bytes> = Arena::new();
    let search = Search::run(options, dump, image, &arena);
    let refused = search
        .refused_binaries()
        .map(|tried| format!("`{}` was not used: {}", tried.place, tried.outcome))
        .collect();
    if let Some(refusal) = search.refusal() {
        let why = Some(Lack::Unusable(refusal));
        return LookedUp { why, tried: search.tried, refused, ..LookedUp::default() };
    }
    let in_file: Vec<Place>;
    let places = match search.files.first().filter(|_| image.in_file_offsets) {
        Some(file) => {
            in_file = places.iter().map(|place| place.in_file(file)).collect();
            &in_file
        }
        None => places,
    };
    let binary = Binary::new(&search.files, &arena);
    let report = |done: usize| progress(&Step { image: &image.path, done, all: places.len() });
    let (frames, missing_split) = look_up_in(&binary, &search.files, image, places, options, report);
    let why = missing_split.first().map(|first| Lack::SplitFiles(missing_split.len(), first.clone()));
    // Only what nothing better can be found for later is worth keeping.
    if search.has_debug_info() && why.is_none() {
        if let Some(cache) = cache {
            cache.write(&image.build_id, &keys, &frames);
        }
    }
    LookedUp { frames, why, tried: search.tried, refused }
}

/// Looks addresses up in a binary, with several threads where there are many, and tells which files it was split into
/// are missing.
fn look_up_in(
    binary: &Binary<'_>,
    files: &[ObjectFile<'_>],
    image: &Image,
    places: &[Place],
    options: &Options,
    mut report: impl FnMut(usize),
) -> (Vec<Vec<RawFrame>>, BTreeSet<PathBuf>) {
    let look_up = |places: &[Place], report: &mut dyn FnMut(usize)| {
        let arena: Arena<Bytes> = Arena::new();
        let split = SplitFiles::of(files, Path::new(&image.path), &options.debug_dirs, &arena);
        let lookup = Lookup::new(binary, split);
        let mut frames = Vec::with_capacity(places.len());
        for chunk in places.chunks(STEP) {
            frames.extend(chunk.iter().map(|place| match place {
                Place::At(address) => lookup.frames_at(*address),
                Place::Between { return_address, inner } => lookup.frames_between(*return_address, *inner),
            }));
            report(frames.len());
        }
        (frames, lookup.missing_split_files())
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(places.len() / FOR_A_THREAD).max(1);
    // Neighbours share what has to be read for them, so each thread has its own part of the binary.
    let mut parts = places.chunks(places.len().div_ceil(threads).max(1));
    let first = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || look_up(part, &mut |_| {}))).collect();
        // The others are about as far as this one.
        let mut found = look_up(first, &mut |done| report((done * threads).min(places.len())));
        for (part, other) in places.chunks(first.len().max(1)).skip(1).zip(others) {
            // Nothing in it panics on any input; if it did, its places would be without names.
            let (frames, missing) =
                other.join().unwrap_or_else(|_| (vec![Vec::new(); part.len()], BTreeSet::new()));
            found.0.extend(frames);
            found.1.extend(missing);
        }
        found
    })
}

fn searched(image: &Image, looked_up: &LookedUp) -> Searched {
    let outermost = || looked_up.frames.iter().filter_map(|frames| frames.last());
    Searched {
        image: PathBuf::from(&image.path),
        build_id: image.build_id.clone(),
        tried: looked_up.tried.clone(),
        addresses: looked_up.frames.len(),
        named: outermost().filter(|frame| frame.function.is_some()).count(),
        with_lines: outermost().filter(|frame| frame.line.is_some()).count(),
    }
}

/// What code without a symbol is called.
pub(super) fn unnamed(address: u64, image: Option<&Image>) -> String {
    match image.map(|image| image.path.rsplit('/').next().unwrap_or_default()) {
        Some(name) if !name.is_empty() => format!("{address:#x} in {name}"),
        _ => format!("{address:#x} in unknown code"),
    }
}

/// The bytes that were allocated by stacks with one of these rows.
fn hidden_bytes(dump: &Dump, rows: impl Iterator<Item = u32>) -> u64 {
    let mut hidden = vec![false; dump.stacks.len()];
    rows.for_each(|row| hidden[row as usize] = true);
    for (row, StackNode { parent, .. }) in dump.stacks.iter().enumerate() {
        hidden[row] |= hidden[*parent as usize];
    }
    let of_hidden = dump.sites.iter().filter(|site| hidden[site.stack as usize]);
    of_hidden.map(|site| site.figures.total_bytes).fold(0, u64::saturating_add)
}

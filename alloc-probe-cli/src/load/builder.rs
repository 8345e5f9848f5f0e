//! A dump from another tool's file: its tree of stacks, the symbols of its rows, and its sites, as they are read.

use super::refusal::Refusal;
use crate::source::modules::module_of_std;
use crate::source::names;
use alloc_probe_format::dump::{
    Dump, FORMAT, Figures, FrameKind, Image, MissingImage, Site, StackNode, SymbolFrame, Symbols, VERSION,
};
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, HashMap};

/// So many rows are had with the memory that any machine has, and real files have a hundredth of it.
const MAX_ROWS: usize = 1 << 24;

/// One address, and what it stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) image: Option<u32>,
    /// As the image's file has it; the process's without an image.
    pub(super) address: u64,
    pub(super) kind: FrameKind,
    /// Inlined ones first; none where the file has no names.
    pub(super) frames: Vec<SymbolFrame>,
}

/// The number of a [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlaceId(u32);

/// The row of the root: the stack of what has none.
pub(super) const ROOT: u32 = 0;

/// A dump while it grows.
#[derive(Default)]
pub(super) struct Builder {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Functions whose path was made from their file.
    guessed: BTreeSet<u32>,
    images: Vec<Image>,
    places: Vec<Place>,
    stacks: Vec<StackNode>,
    /// For each row, the place whose frames it has.
    of_rows: Vec<Option<PlaceId>>,
    rows: FxHashMap<(u32, PlaceId), u32>,
    /// The row that stands for the frames that were left out, once it is needed.
    cut: Option<u32>,
    sites: Vec<Site>,
    by_row: FxHashMap<u32, u32>,
    totals: Figures,
}

impl Builder {
    pub(super) fn new() -> Builder {
        let root = StackNode { kind: FrameKind::Root, ..StackNode::default() };
        Builder { stacks: vec![root], of_rows: vec![None], ..Builder::default() }
    }

    /// The number of a text.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // There are at most as many as there are letters in a file of limited size.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// A frame with its function's name as dumps have it: demangled, without a hash.
    pub(super) fn frame(
        &mut self,
        function: &str,
        file: Option<&str>,
        line: Option<u32>,
        column: Option<u32>,
    ) -> SymbolFrame {
        let name = names::demangle(function).unwrap_or_else(|| names::without_hash(function).to_owned());
        let is_bare = !names::short_name(&name).contains("::") && !name.starts_with('<');
        let file = file.filter(|file| !file.is_empty());
        // Of an inlined function, line tables know its last name only.
        let module = file.filter(|_| is_bare).and_then(module_of_std);
        let function = match &module {
            Some(module) => self.text(&format!("{module}::{name}")),
            None => self.text(&name),
        };
        self.guessed.extend(module.map(|_| function));
        let file = file.map(|file| self.text(file));
        SymbolFrame {
            function,
            file,
            line: line.filter(|line| *line > 0),
            column: column.filter(|column| *column > 0),
        }
    }

    /// Adds an image.
    pub(super) fn image(&mut self, image: Image) -> u32 {
        self.images.push(image);
        self.images.len() as u32 - 1
    }

    /// Adds a place.
    pub(super) fn place(&mut self, place: Place) -> PlaceId {
        self.places.push(place);
        PlaceId(self.places.len() as u32 - 1)
    }

    /// The row of a place that was called from another row.
    pub(super) fn row(&mut self, parent: u32, place: PlaceId) -> Result<u32, Refusal> {
        if let Some(row) = self.rows.get(&(parent, place)) {
            return Ok(*row);
        }
        let Place { image, address, kind, .. } = self.places[place.0 as usize];
        let row = self.push(StackNode { parent, image, address, kind }, Some(place))?;
        self.rows.insert((parent, place), row);
        Ok(row)
    }

    /// The row of frames that were left out, which lie between the root and what is known.
    pub(super) fn cut(&mut self) -> Result<u32, Refusal> {
        if let Some(row) = self.cut {
            return Ok(row);
        }
        let row = self.push(StackNode { kind: FrameKind::Cut, ..StackNode::default() }, None)?;
        self.cut = Some(row);
        Ok(row)
    }

    fn push(&mut self, node: StackNode, place: Option<PlaceId>) -> Result<u32, Refusal> {
        if self.stacks.len() >= MAX_ROWS {
            return Err(Refusal::new(format_args!(
                "its stacks have more than {MAX_ROWS} rows, the most that this tool reads"
            )));
        }
        self.stacks.push(node);
        self.of_rows.push(place);
        Ok(self.stacks.len() as u32 - 1)
    }

    /// Adds figures to the site of a row.
    pub(super) fn add(&mut self, row: u32, figures: &Figures) {
        self.totals.add(figures);
        let next = self.sites.len() as u32;
        let site = *self.by_row.entry(row).or_insert(next);
        if site == next {
            self.sites.push(Site { stack: row, figures: *figures, ..Site::default() });
        } else {
            self.sites[site as usize].figures.add(figures);
        }
    }

    /// A dump of what was read; what the file says of the process is filled in by who read it. The figures that are not
    /// listed as known are said not to be.
    pub(super) fn finish(self, known: &[&str]) -> Dump {
        let unnamed = self.of_rows.iter().flatten().map(|place| &self.places[place.0 as usize]);
        let unnamed: BTreeSet<u32> =
            unnamed.filter(|place| place.frames.is_empty()).filter_map(|place| place.image).collect();
        let has_names = self.places.iter().any(|place| !place.frames.is_empty());
        let frames = |place: &Option<PlaceId>| match place {
            Some(place) => self.places[place.0 as usize].frames.as_slice(),
            None => &[],
        };
        let missing = |image| MissingImage { image, reason: "the file has no names for it".to_owned() };
        // Without any, they are all looked up.
        let symbols = has_names.then(|| Symbols {
            frames: self.of_rows.iter().map(frames).collect(),
            strings: self.texts,
            guessed: self.guessed.into_iter().collect(),
            missing: unnamed.into_iter().map(missing).collect(),
            ..Symbols::default()
        });
        let figures = self.totals.each().map(|(name, _)| name);
        Dump {
            format: FORMAT.to_owned(),
            version: VERSION,
            unknown_figures: figures.filter(|name| !known.contains(name)).map(str::to_owned).collect(),
            totals: self.totals,
            images: self.images,
            stacks: self.stacks,
            sites: self.sites,
            symbols,
            ..Dump::default()
        }
    }
}

/// The files of a process's mappings, as images: one for each file.
///
/// Where a file's own addresses lie in memory, only the file tells. A mapping tells the offsets in it, so those stand for the
/// addresses in these images.
#[derive(Default)]
pub(super) struct Mappings {
    mappings: Vec<Mapping>,
    images: Vec<Image>,
    by_file: HashMap<(String, String), u32>,
}

/// A part of a file in the process.
#[derive(Clone, Copy)]
pub(super) struct Mapping {
    image: u32,
    start: u64,
    end: u64,
    offset: u64,
}

impl Mappings {
    /// Adds a mapping; none where it is memory of no file.
    pub(super) fn add(
        &mut self,
        path: &str,
        build_id: &str,
        range: std::ops::Range<u64>,
        offset: u64,
    ) -> Option<Mapping> {
        if !path.contains('/') && path != "[vdso]" && build_id.is_empty() {
            return None;
        }
        let begin = range.start.wrapping_sub(offset);
        let images = &mut self.images;
        let image = *self.by_file.entry((path.to_owned(), build_id.to_owned())).or_insert_with(|| {
            images.push(Image {
                path: path.to_owned(),
                build_id: build_id.to_owned(),
                load_address: begin,
                in_file_offsets: true,
                ..Image::default()
            });
            images.len() as u32 - 1
        });
        let known = &mut images[image as usize];
        let end = known.load_address.saturating_add(known.size).max(range.end);
        known.load_address = known.load_address.min(begin);
        known.size = end.saturating_sub(known.load_address);
        let mapping = Mapping { image, start: range.start, end: range.end, offset };
        self.mappings.push(mapping);
        Some(mapping)
    }

    /// The mapping that an address lies in.
    pub(super) fn find(&self, address: u64) -> Option<Mapping> {
        self.mappings.iter().copied().find(|mapping| (mapping.start..mapping.end).contains(&address))
    }

    /// Takes the addresses in a file for its own, as who wrote the profile knew them.
    pub(super) fn are_addresses(&mut self, path: &str) {
        self.images
            .iter_mut()
            .filter(|image| image.path == path)
            .for_each(|image| image.in_file_offsets = false);
    }

    /// The images, in the order of their numbers.
    pub(super) fn into_images(self) -> Vec<Image> {
        self.images
    }
}

impl Place {
    /// What is at an address of the process.
    pub(super) fn at(
        address: u64,
        mapping: Option<Mapping>,
        kind: FrameKind,
        frames: Vec<SymbolFrame>,
    ) -> Place {
        let in_file = |mapping: Mapping| address.wrapping_sub(mapping.start).wrapping_add(mapping.offset);
        Place {
            image: mapping.map(|mapping| mapping.image),
            address: mapping.map_or(address, in_file),
            kind,
            frames,
        }
    }
}

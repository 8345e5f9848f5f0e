//! The stacks of a profile: for each row of the tree, the number of its location.

use alloc_probe_format::dump::{FrameKind, Image, StackNode};
use alloc_probe_format::snapshot::StacksOf;
use alloc_probe_format::spool::Spool;

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// An instruction, by its address in the process, of the image of this number if it lies in one.
    Instruction { address: u64, image: Option<u32> },
    /// An operation, by its number.
    Operation(u32),
    /// Frames that were left out.
    LeftOut,
    /// Where no stack is known.
    Nothing,
}

/// The tree, and its places.
pub(super) struct Stacks {
    parents: Vec<u32>,
    /// By row, the index of its place.
    of_rows: Vec<u32>,
    /// In order, each once.
    places: Vec<Place>,
}

impl Stacks {
    pub(super) fn of<S: Spool>(rows: &StacksOf<'_, S>, images: &[Image]) -> Stacks {
        let mut places = Vec::with_capacity(rows.count());
        rows.for_each(|row| places.push(place(row, images)));
        places.sort_unstable();
        places.dedup();
        let mut parents = Vec::with_capacity(rows.count());
        let mut of_rows = Vec::with_capacity(rows.count());
        rows.for_each(|row| {
            parents.push(row.parent);
            of_rows.push(places.binary_search(&place(row, images)).unwrap_or_default() as u32);
        });
        Stacks { parents, of_rows, places }
    }

    /// Every place with its location's number, which is not 0.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, Place)> {
        (1..).zip(self.places.iter().copied())
    }

    /// The numbers of the locations of a row's stack, the innermost first. The root alone is one that stands for nothing.
    pub(super) fn locations(&self, row: u32) -> impl Iterator<Item = u64> {
        self.outwards(row).map(|row| u64::from(self.of_rows[row as usize]) + 1)
    }

    /// The innermost operation of a row's stack.
    pub(super) fn operation(&self, row: u32) -> Option<u32> {
        self.outwards(row).find_map(|row| match self.places.get(self.of_rows[row as usize] as usize) {
            Some(Place::Operation(number)) => Some(*number),
            _ => None,
        })
    }

    fn outwards(&self, row: u32) -> impl Iterator<Item = u32> {
        let parent = move |row: &u32| self.parents.get(*row as usize).copied().filter(|parent| *parent != 0);
        std::iter::successors(Some(row), parent)
    }
}

fn place(row: StackNode, images: &[Image]) -> Place {
    match row.kind {
        FrameKind::Root => Place::Nothing,
        FrameKind::Cut => Place::LeftOut,
        FrameKind::Operation => Place::Operation(row.address as u32),
        FrameKind::Call | FrameKind::Exact => {
            // A return address is just behind the call.
            let instruction = row.address.saturating_sub(u64::from(row.kind == FrameKind::Call));
            let image = row.image.and_then(|image| images.get(image as usize));
            let base = image.map_or(0, |image| image.load_address);
            Place::Instruction { address: instruction.wrapping_add(base), image: row.image }
        }
    }
}

//! The in-memory model that every command works on: a dump whose stacks have become source-level frames.

pub use crate::source::roles::Role;
use alloc_probe_format::dump::{Dump, Figures, Histogram, SitePages, StackNode};
use std::path::PathBuf;

/// An index into [`Profile::frames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// A profile: one dump, with symbols.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The file it was read from.
    pub path: PathBuf,
    /// The dump. Its `stacks` and `sites` have been taken out: they are `frames` and `sites` here.
    pub dump: Dump,
    /// Every distinct source-level frame.
    pub frames: Vec<Frame>,
    /// One for each distinct stack, in the dump's order.
    pub sites: Vec<Site>,
    /// The addresses that the sites' frames were at.
    pub stacks: Stacks,
    /// For each of the dump's images, where its code lies; empty where nobody asked.
    pub segments: Vec<Option<Segment>>,
    /// The stacks of the last allocations that failed, in the dump's order, as those of sites.
    pub failed: Vec<Vec<FrameId>>,
    /// For each of the dump's threads, the stack at which its own was deepest; without frames where none was taken.
    pub deepest: Vec<Deepest>,
    /// What symbols could not be had, one entry for each image that lacks them.
    pub missing_symbols: Vec<MissingSymbols>,
}

impl Profile {
    /// Leaves of two profiles what both tell, so that nothing is taken for a difference that is none.
    pub fn keep_what_both_tell(&mut self, other: &mut Profile) {
        let mut unknown = self.dump.unknown_figures.clone();
        unknown.extend(other.dump.unknown_figures.iter().cloned());
        unknown.sort_unstable();
        unknown.dedup();
        let is_mixed = self.dump.recorded_by != other.dump.recorded_by;
        for profile in [self, other] {
            if is_mixed {
                profile.forget_what_recorders_tell_apart();
            }
            if !unknown.is_empty() {
                profile.dump.totals.forget(&unknown);
                profile.sites.iter_mut().for_each(|site| site.figures.forget(&unknown));
                profile.dump.unknown_figures.clone_from(&unknown);
            }
        }
    }

    /// Leaves what tools mean the same by.
    fn forget_what_recorders_tell_apart(&mut self) {
        let common = |figures: &Figures| Figures {
            total_bytes: figures.total_bytes,
            total_blocks: figures.total_blocks,
            peak_bytes: figures.peak_bytes,
            peak_blocks: figures.peak_blocks,
            end_bytes: figures.end_bytes,
            end_blocks: figures.end_blocks,
            ..Figures::default()
        };
        self.dump.totals = common(&self.dump.totals);
        (self.dump.memory, self.dump.threads) = Default::default();
        self.deepest.clear();
        for site in &mut self.sites {
            let (frames, truncated) = (std::mem::take(&mut site.frames), site.truncated);
            let (row, figures) = (site.row, common(&site.figures));
            *site = Site { row, frames, truncated, figures, ..Site::default() };
        }
    }
}

/// The stack of the allocation at which a thread's stack was deepest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deepest {
    /// The whole stack with inlined calls expanded, from the allocation outwards.
    pub frames: Vec<FrameId>,
    /// Whether frames were left out when it was recorded.
    pub truncated: bool,
}

/// The part of a program's file that holds its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins in the file.
    pub offset: u64,
    /// The address that the file has for it.
    pub address: u64,
    /// How long it is in memory.
    pub size: u64,
}

/// The dump's tree of stacks, with the frames that its rows stand for.
#[derive(Clone, Debug, Default)]
pub struct Stacks {
    /// Its rows, parents first.
    pub nodes: Vec<StackNode>,
    /// For each row, which of `runs` it stands for.
    pub run: Vec<u32>,
    /// The different frames that rows stand for, inlined ones first.
    pub runs: Vec<Box<[FrameId]>>,
}

impl Stacks {
    /// The rows from one outwards, without the root.
    pub fn outwards(&self, row: u32) -> impl Iterator<Item = usize> + '_ {
        let next = |row: u32| (row != 0).then_some(row as usize);
        std::iter::successors(next(row), move |row| next(self.nodes[*row].parent))
    }
}

/// One allocation site.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The row of [`Stacks::nodes`] of its innermost frame.
    pub row: u32,
    /// The whole stack with inlined calls expanded, from the allocation outwards.
    pub frames: Vec<FrameId>,
    /// Whether frames were left out when it was recorded.
    pub truncated: bool,
    /// Its figures.
    pub figures: Figures,
    /// Sizes of all its blocks, as in the dump.
    pub sizes: Histogram,
    /// Lifetimes of its ended blocks, as in the dump.
    pub lifetimes: Histogram,
    /// Ages of its live blocks, as in the dump.
    pub ages: Histogram,
    /// What its live blocks mean for resident memory.
    pub pages: SitePages,
}

/// One source-level frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The demangled function, without a hash; `0x1f40 in libfoo.so` where there is no symbol.
    pub function: String,
    /// Whether the path before the function's own name was made from its file, for want of a symbol: the module
    /// is right, but a type is missing (`alloc::vec::push` for `alloc::vec::Vec::push`).
    pub path_guessed: bool,
    /// The source file as the debug info has it.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// Whether the call was inlined into the next frame outwards.
    pub inlined: bool,
    /// The image, an index into the dump's images.
    pub image: Option<u32>,
    /// Whose code it is.
    pub role: Role,
}

impl Frame {
    /// The frame that an operation of the program has in the stacks of what is allocated in it.
    pub fn of_operation(name: &str) -> Frame {
        Frame { function: format!("operation {name}"), role: Role::Operation, ..Frame::default() }
    }

    /// Whether no more than its address is known, which stands in the place of the function.
    pub fn is_unnamed(&self) -> bool {
        self.file.is_none() && self.function.starts_with("0x") && self.function.contains(" in ")
    }
}

/// An image whose symbols are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSymbols {
    /// The image's path.
    pub image: PathBuf,
    /// Why, in a clause such as `the file is not there` or `it was rebuilt since the dump`.
    pub reason: String,
    /// What can be done about it.
    pub hint: &'static str,
    /// How many frames of the tree of stacks are hidden by it.
    pub frames: u64,
    /// How many bytes were allocated by stacks that go through these, in all.
    pub bytes: u64,
}

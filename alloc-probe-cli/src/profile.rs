//! The in-memory model that every command works on: a dump whose stacks have become source-level frames.

use crate::source::generated;
use crate::source::paths::{self, Origin, Source};
pub use crate::source::roles::Role;
pub use alloc_probe_format::dump::Site;
use alloc_probe_format::dump::{Dump, Figures, FrameKind, Mode, StackNode};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::path::PathBuf;

/// The figures of a process that mode `count` does not tell.
const UNKNOWN_IN_COUNT: [&str; 6] = [
    "temporary_blocks",
    "long_lived_bytes",
    "long_lived_blocks",
    "realloc_moves",
    "moved_bytes",
    "lifetime_sum_ns",
];

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
    /// By names of functions, those of others that have the same code in the binary, since the optimiser or the linker made one
    /// of them: a frame may be of any.
    pub merged: HashMap<String, Vec<String>>,
    /// One for each distinct stack, in the dump's order.
    pub sites: Vec<Site>,
    /// The stacks of sites, by their rows.
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
    /// Whether two dumps are of one run of a program, at two moments of it.
    pub fn is_same_run(&self, other: &Profile) -> bool {
        let of = |profile: &Profile| {
            let process = &profile.dump.process;
            (process.pid, process.start_unix_ns, process.executable.clone())
        };
        of(self) == of(other)
    }

    /// Leaves of two profiles what both tell, so that nothing is taken for a difference that is none.
    pub fn keep_what_both_tell(&mut self, other: &mut Profile) {
        let mut unknown = self.dump.unknown_figures.clone();
        unknown.extend(other.dump.unknown_figures.iter().cloned());
        let modes = [self.dump.mode, other.dump.mode];
        if modes[0] != modes[1] && modes.contains(&Mode::Count) {
            unknown.extend(UNKNOWN_IN_COUNT.map(str::to_owned));
        }
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

    /// The frames of a site's stack, from the allocation outwards.
    pub fn frames_of(&self, site: &Site) -> StackFrames<'_> {
        self.stacks.frames(site.stack)
    }

    /// Whether frames were left out of a site's stack when it was recorded.
    pub fn is_truncated(&self, site: &Site) -> bool {
        self.stacks.is_truncated(site.stack)
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
            *site = Site { stack: site.stack, figures: common(&site.figures), ..Site::default() };
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

/// The dump's tree of stacks, with the frames that its rows stand for: a stack is a row, and those that called it.
///
/// PERF: millions of sites have few rows more than sites, and few different frames, so that nobody's stack is kept as a list.
#[derive(Clone, Debug, Default)]
pub struct Stacks {
    /// Its rows, parents first.
    pub nodes: Vec<StackNode>,
    /// For each row, which of `runs` it stands for.
    pub run: Vec<u32>,
    /// The different frames that rows stand for, inlined ones first.
    pub runs: Vec<Run>,
    /// Whether frames were left out of some stack when it was recorded.
    pub has_cuts: bool,
}

/// Frames that a row stands for. PERF: nearly all are so few that they need no place of their own.
pub type Run = SmallVec<[FrameId; 4]>;

impl Stacks {
    /// The rows from one outwards, without the root.
    pub fn outwards(&self, row: u32) -> impl Iterator<Item = usize> + '_ {
        let next = |row: u32| (row != 0).then_some(row as usize);
        std::iter::successors(next(row), move |row| next(self.nodes[*row].parent))
    }

    /// The frames of a row and of those that called it, from the innermost outwards, with inlined calls expanded.
    pub fn frames(&self, row: u32) -> StackFrames<'_> {
        StackFrames { stacks: self, row, run: [].iter() }
    }

    /// Whether frames were left out, of a row's stack.
    pub fn is_truncated(&self, row: u32) -> bool {
        self.has_cuts && self.outwards(row).any(|row| self.nodes[row].kind == FrameKind::Cut)
    }

    /// For each row, whether it is one of these, or called one, or what called one.
    pub fn leading_to(&self, rows: impl Iterator<Item = u32>) -> Vec<bool> {
        let mut leads = vec![false; self.nodes.len().max(1)];
        rows.filter(|row| *row != 0).for_each(|row| leads[row as usize] = true);
        for row in (1..self.nodes.len()).rev() {
            if leads[row] {
                leads[self.nodes[row].parent as usize] = true;
            }
        }
        leads
    }

    /// For each row, whether its stack has a frame of some kind.
    pub fn rows_with(&self, is_meant: impl Fn(FrameId) -> bool) -> Vec<bool> {
        let has: Vec<bool> = self.runs.iter().map(|run| run.iter().any(|frame| is_meant(*frame))).collect();
        let mut with = vec![false; self.nodes.len().max(1)];
        for (row, node) in self.nodes.iter().enumerate().skip(1) {
            with[row] = with[node.parent as usize] || has[self.run[row] as usize];
        }
        with
    }
}

/// The frames of a stack.
#[derive(Clone, Debug)]
pub struct StackFrames<'a> {
    stacks: &'a Stacks,
    /// The row whose frames come next; 0 where there are no more.
    row: u32,
    run: std::slice::Iter<'a, FrameId>,
}

impl Iterator for StackFrames<'_> {
    type Item = FrameId;

    fn next(&mut self) -> Option<FrameId> {
        loop {
            if let Some(frame) = self.run.next() {
                return Some(*frame);
            }
            if self.row == 0 {
                return None;
            }
            let row = self.row as usize;
            self.run = self.stacks.runs[self.stacks.run[row] as usize].iter();
            self.row = self.stacks.nodes[row].parent;
        }
    }
}

#[cfg(test)]
impl Stacks {
    /// Adds a stack of its own, of these frames from the allocation outwards, and gives its row.
    pub(crate) fn add(&mut self, frames: impl IntoIterator<Item = FrameId>) -> u32 {
        if self.nodes.is_empty() {
            self.nodes.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
            self.run.push(0);
            self.runs.push(Run::new());
        }
        self.nodes.push(StackNode::default());
        self.run.push(self.runs.len() as u32);
        self.runs.push(frames.into_iter().collect());
        self.nodes.len() as u32 - 1
    }
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
    /// The dependency whose build script wrote the file, such as `html5ever-0.25.1`.
    pub author: Option<Box<str>>,
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

    /// Whose file its code is in, and the path there.
    pub fn source(&self) -> Option<Source<'_>> {
        let file = self.file.as_deref()?;
        Some(match &self.author {
            Some(package) => {
                let path = generated::written_by_script(file).map_or(file, |(_, path)| path);
                Source { origin: Origin::Package(package), path }
            }
            None => paths::source(file),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_count_does_not_tell_is_no_figure_of_zero() {
        let of = |mode| {
            let totals =
                Figures { total_blocks: 9, temporary_blocks: 4, moved_bytes: 7, ..Figures::default() };
            Profile { dump: Dump { mode, totals, ..Dump::default() }, ..Profile::default() }
        };
        let (mut full, mut count) = (of(Mode::Full), of(Mode::Count));
        full.keep_what_both_tell(&mut count);
        assert_eq!(full.dump.totals, Figures { total_blocks: 9, ..Figures::default() });
        assert!(full.dump.unknown_figures.iter().any(|figure| figure == "temporary_blocks"));
        let (mut full, mut other) = (of(Mode::Full), of(Mode::Full));
        full.keep_what_both_tell(&mut other);
        assert_eq!(full.dump.totals.temporary_blocks, 4);
    }
}

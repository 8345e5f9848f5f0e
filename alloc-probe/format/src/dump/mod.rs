//! The dump: one JSON object that says what a process allocated, where, and how much was live when.
//!
//! Bytes are those asked for (`Layout::size`). Times are nanoseconds. A block is one allocation event:
//! an `alloc`, an `alloc_zeroed`, or a `realloc`, which ends one block and begins another.
//!
//! The figures of one dump agree: the sites' add up to `totals`, for totals, peak and end alike.

mod figures;
mod hex;
mod lost;
mod memory;
mod operations;
mod process;
mod site;
mod stacks;
mod symbol_frame;
mod symbol_rows;
mod symbols;
mod threads;
mod timeline;

pub use crate::spool::FrameKind;
pub use figures::Figures;
pub use lost::{Failure, Failures, Lost, ProbeUse};
pub use memory::*;
pub use operations::Operation;
pub use process::{Build, Clock, Ended, Image, Mode, Process, Source};
pub use site::{Histogram, Site, SitePages};
pub use stacks::StackNode;
pub use symbol_frame::SymbolFrame;
pub use symbol_rows::{SymbolRow, SymbolRows};
pub use symbols::*;
pub use threads::Thread;
pub use timeline::{Mark, Timeline, TimelineSample};

use serde::{Deserialize, Serialize};

/// What `format` says in every dump.
pub const FORMAT: &str = "alloc-probe";

/// The version this crate writes, and the newest it reads.
///
/// * 1: the first.
pub const VERSION: u32 = 1;

/// One dump.
pub type Dump = DumpOf<Vec<StackNode>, Vec<Site>, Figures>;

/// A dump whose long lists are in memory, or are made as they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DumpOf<Stacks, Sites, Totals> {
    /// Always [`FORMAT`].
    pub format: String,
    /// The version of the schema: [`VERSION`] or older.
    pub version: u32,
    /// Which other tool recorded it, in words that stand in a sentence. Left out where the probe did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<String>,
    /// The figures that the tool which recorded it does not tell, by their names in [`Figures`]: in the file they are 0, and
    /// they are not known. Left out where all are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_figures: Vec<String>,
    /// The processes that it is the sum of. Left out where it is of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// How much was recorded.
    pub mode: Mode,
    /// Mean bytes between two samples; only where `mode` is `sample`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_bytes: Option<u64>,
    /// Which process this was.
    pub process: Process,
    /// How the program was built.
    pub build: Build,
    /// How time was counted.
    pub clock: Clock,
    /// Nanoseconds from the start of recording to the peak: to the moment when it was over, if it lasted. 0 in mode
    /// `count`.
    pub peak_time_ns: u64,
    /// A live block at least this old is long-lived.
    pub long_lived_threshold_ns: u64,
    /// The executable and the libraries that the stacks' addresses lie in.
    pub images: Vec<Image>,
    /// The tree of stacks. The first row is the root; a parent's row always comes before its children's.
    pub stacks: Stacks,
    /// The allocation sites: one for each distinct whole stack.
    pub sites: Sites,
    /// The process's figures: the sums of the sites' where sites were recorded. Behind these, for who writes them adds them up.
    pub totals: Totals,
    /// The threads: one row for each live thread, and one for all ended threads of a name.
    pub threads: Vec<Thread>,
    /// Allocations that failed, as the wrapped allocator had no memory. Left out where there were none.
    #[serde(default, skip_serializing_if = "Failures::is_none")]
    pub failures: Failures,
    /// The heap over time.
    pub timeline: Timeline,
    /// What the program marked: see [`Mark`]. Left out where it marked nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// What the program does, by the names that it gives it: see [`Operation`]. Left out where it gave none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// What the operating system and the allocator say of the process's memory at the time of the dump.
    pub memory: Memory,
    /// What could not be recorded, or only in part.
    pub lost: Lost,
    /// What the probe itself used.
    pub probe: ProbeUse,
    /// Symbols, where the dump carries its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Symbols>,
}

impl<Stacks, Sites, Totals> DumpOf<Stacks, Sites, Totals> {
    /// The same dump with its long lists in another form.
    pub fn with_lists<NewStacks, NewSites, NewTotals>(
        self,
        make: impl FnOnce(Stacks, Sites, Totals) -> (NewStacks, NewSites, NewTotals),
    ) -> DumpOf<NewStacks, NewSites, NewTotals> {
        let (stacks, sites, totals) = make(self.stacks, self.sites, self.totals);
        DumpOf {
            format: self.format,
            version: self.version,
            recorded_by: self.recorded_by,
            unknown_figures: self.unknown_figures,
            sources: self.sources,
            mode: self.mode,
            sample_bytes: self.sample_bytes,
            process: self.process,
            build: self.build,
            clock: self.clock,
            peak_time_ns: self.peak_time_ns,
            long_lived_threshold_ns: self.long_lived_threshold_ns,
            images: self.images,
            stacks,
            sites,
            totals,
            threads: self.threads,
            failures: self.failures,
            timeline: self.timeline,
            marks: self.marks,
            operations: self.operations,
            memory: self.memory,
            lost: self.lost,
            probe: self.probe,
            symbols: self.symbols,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_read_back_as_written() {
        let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
        dump.stacks.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        dump.sites.push(Site { stack: 0, sizes: vec![(4, 2)].into(), ..Site::default() });
        dump.images.push(Image { load_address: u64::MAX, ..Image::default() });
        let text = serde_json::to_string(&dump).unwrap();
        assert_eq!(serde_json::from_str::<Dump>(&text).unwrap(), dump);
    }
}

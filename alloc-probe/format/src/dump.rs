//! The dump: one JSON object that says what a process allocated, where, and how much was live when.
//!
//! Bytes are those asked for (`Layout::size`). Times are nanoseconds. A block is one allocation event:
//! an `alloc`, an `alloc_zeroed`, or a `realloc`, which ends one block and begins another.
//!
//! The figures of one dump agree: the sites' add up to `totals`, for totals, peak and end alike.

mod memory;
mod symbols;

pub use memory::*;
pub use symbols::*;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What `format` says in every dump.
pub const FORMAT: &str = "alloc-probe";

/// The version this crate writes, and the newest it reads.
///
/// * 1: the first.
pub const VERSION: u32 = 1;

/// One dump.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dump {
    /// Always [`FORMAT`].
    pub format: String,
    /// The version of the schema: [`VERSION`] or older.
    pub version: u32,
    /// Which other tool recorded it, in words that stand in a sentence. Left out where the probe did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<String>,
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
    /// The process's figures: the sums of the sites' where sites were recorded.
    pub totals: Figures,
    /// Nanoseconds from the start of recording to the peak: to the moment when it was over, if it lasted. 0 in mode
    /// `count`.
    pub peak_time_ns: u64,
    /// A live block at least this old is long-lived.
    pub long_lived_threshold_ns: u64,
    /// The executable and the libraries that the stacks' addresses lie in.
    pub images: Vec<Image>,
    /// The tree of stacks. The first row is the root; a parent's row always comes before its children's.
    pub stacks: Vec<StackNode>,
    /// The allocation sites: one for each distinct whole stack.
    pub sites: Vec<Site>,
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

/// How much is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing.
    #[default]
    Off,
    /// Totals for the process and its threads.
    Count,
    /// Some blocks with their stacks, chosen at random by bytes; figures are estimates.
    Sample,
    /// Every block with its whole stack.
    Full,
}

/// Which process a dump is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The executable's path as the system gave it.
    pub executable: String,
    /// The command line, program first.
    pub command: Vec<String>,
    /// When recording started, in nanoseconds since 1970 (UTC).
    pub start_unix_ns: u64,
    /// When the dump was taken, in nanoseconds since 1970 (UTC).
    pub end_unix_ns: u64,
    /// The time between the two by the monotonic clock.
    pub duration_ns: u64,
    /// Why the dump was taken.
    pub ended: Ended,
    /// The signal that ended the process, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether this was read from the process's spool by another program, since the process wrote no dump itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub from_spool: bool,
}

/// Why a dump was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The process came to a normal end.
    #[default]
    Exit,
    /// The process was asked for a dump and went on.
    Running,
    /// A signal ended the process: it wrote its dump first, or said in its spool which it was.
    Signal,
    /// The process ended at once, and could not say how: killed, crashed, or by `_exit`.
    Killed,
}

/// How the program was built, as far as it can know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The crate that installed the probe.
    pub crate_name: String,
    /// Its version.
    pub crate_version: String,
    /// The optimisation level: `0` to `3`, `s` or `z`.
    pub opt_level: String,
    /// Whether debug assertions were on.
    pub debug_assertions: bool,
    /// The panic strategy: `unwind` or `abort`.
    pub panic: String,
    /// What `rustc --version` printed.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// The type of the wrapped allocator.
    pub allocator: String,
    /// The version of the `alloc-probe` crate.
    pub alloc_probe: String,
}

/// How time was counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Where time came from: `counter`, the processor's, or `monotonic`, the system's clock.
    pub source: String,
    /// The unit of the buckets of [`Site::lifetimes`] and [`Site::ages`], in nanoseconds.
    pub unit_ns: f64,
}

/// The figures of a process, and of a site. Those that are zero are left out of the file: most sites have few others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Bytes ever allocated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total_bytes: u64,
    /// Blocks ever allocated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total_blocks: u64,
    /// Bytes live at the instant of the process's peak.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub peak_bytes: u64,
    /// Blocks live at the instant of the process's peak of bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub peak_blocks: u64,
    /// Bytes live when the dump was taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_bytes: u64,
    /// Blocks live when the dump was taken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_blocks: u64,
    /// Bytes of those live blocks that were at least as old as the threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub long_lived_bytes: u64,
    /// Live blocks at least as old as the threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub long_lived_blocks: u64,
    /// Blocks freed before the thread that allocated them allocated again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub temporary_blocks: u64,
    /// Blocks that came from a `realloc`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub realloc_calls: u64,
    /// Of these, the ones that got another address.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub realloc_moves: u64,
    /// Bytes that had to be copied for it: the smaller of the old and the new size, for each move.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moved_bytes: u64,
    /// The lifetimes of all blocks that have ended (freed, or replaced by a `realloc`), added up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lifetime_sum_ns: u64,
}

fn is_zero(figure: &u64) -> bool {
    *figure == 0
}

fn is_no_row(row: &u32) -> bool {
    *row == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Figures {
    /// Blocks that have ended: freed, or replaced by a `realloc`.
    pub const fn freed_blocks(&self) -> u64 {
        self.total_blocks.saturating_sub(self.end_blocks)
    }

    /// Adds another's figures to these, as for two sites that are shown as one.
    pub fn add(&mut self, other: &Figures) {
        self.total_bytes = self.total_bytes.saturating_add(other.total_bytes);
        self.total_blocks = self.total_blocks.saturating_add(other.total_blocks);
        self.peak_bytes = self.peak_bytes.saturating_add(other.peak_bytes);
        self.peak_blocks = self.peak_blocks.saturating_add(other.peak_blocks);
        self.end_bytes = self.end_bytes.saturating_add(other.end_bytes);
        self.end_blocks = self.end_blocks.saturating_add(other.end_blocks);
        self.long_lived_bytes = self.long_lived_bytes.saturating_add(other.long_lived_bytes);
        self.long_lived_blocks = self.long_lived_blocks.saturating_add(other.long_lived_blocks);
        self.temporary_blocks = self.temporary_blocks.saturating_add(other.temporary_blocks);
        self.realloc_calls = self.realloc_calls.saturating_add(other.realloc_calls);
        self.realloc_moves = self.realloc_moves.saturating_add(other.realloc_moves);
        self.moved_bytes = self.moved_bytes.saturating_add(other.moved_bytes);
        self.lifetime_sum_ns = self.lifetime_sum_ns.saturating_add(other.lifetime_sum_ns);
    }
}

/// An ELF object in the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its path as the dynamic linker knows it; empty where it has none, `[vdso]` for the kernel's.
    pub path: String,
    /// The GNU build id in lower-case hexadecimal; empty where it has none.
    pub build_id: String,
    /// What must be added to an address in the file to get the one in the process.
    #[serde(with = "hex")]
    pub load_address: u64,
    /// The length of its mapping from the load address.
    pub size: u64,
}

/// One row of the tree of stacks, written as `[parent, image, "0xaddress"]`, with a fourth item where the
/// kind is not [`FrameKind::Call`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackNode {
    /// The row of the caller.
    pub parent: u32,
    /// The image the address lies in; none where it lies in no known one (`null` in the file).
    pub image: Option<u32>,
    /// The address as the image's file has it (the process's without an image).
    pub address: u64,
    /// What the address means.
    pub kind: FrameKind,
}

/// What the address of a [`StackNode`] means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameKind {
    /// A return address: the call is just before it.
    #[default]
    Call,
    /// The very instruction, as where a signal interrupted it.
    Exact,
    /// Frames were left out here: the stack was deeper than the limit, or could not be followed.
    Cut,
    /// The first row, which is no frame.
    Root,
}

impl Serialize for StackNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let with_kind = self.kind != FrameKind::Call;
        let mut row = serializer.serialize_seq(Some(3 + usize::from(with_kind)))?;
        row.serialize_element(&self.parent)?;
        row.serialize_element(&self.image)?;
        row.serialize_element(&hex::Hex(self.address))?;
        if with_kind {
            row.serialize_element(&self.kind)?;
        }
        row.end()
    }
}

impl<'de> Deserialize<'de> for StackNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StackNode, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = StackNode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row [parent, image, \"0xaddress\"] of the tree of stacks")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<StackNode, A::Error> {
                let missing = || A::Error::custom("a row of the tree of stacks is too short");
                let node = StackNode {
                    parent: seq.next_element()?.ok_or_else(missing)?,
                    image: seq.next_element()?.ok_or_else(missing)?,
                    address: seq.next_element::<hex::Hex>()?.ok_or_else(missing)?.0,
                    kind: seq.next_element()?.unwrap_or_default(),
                };
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(node)
            }
        }
        deserializer.deserialize_seq(Row)
    }
}

/// A histogram by powers of two: pairs of a bucket and a count, by ascending bucket, none of them zero.
pub type Histogram = Vec<(u8, u64)>;

/// One allocation site: all blocks allocated with one whole stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The row of [`Dump::stacks`] of its innermost frame.
    pub stack: u32,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Sizes of all its blocks: bucket *b* counts those of 2^*b* to 2^(*b*+1) − 1 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Histogram,
    /// Lifetimes of its ended blocks: bucket 0 counts those under one [`Clock::unit_ns`], bucket *b* those of
    /// 2^(*b*−1) up to 2^*b* units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifetimes: Histogram,
    /// Ages of its live blocks, in the same buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ages: Histogram,
    /// What its live blocks mean for resident memory; all zero where [`Memory::heap`] is not known.
    #[serde(flatten)]
    pub pages: SitePages,
}

/// What a site's live blocks mean for resident memory. Shares of the figures of the same name in [`Heap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePages {
    /// Bytes that the allocator added to its blocks: rounding, and headers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slack_bytes: u64,
    /// Its share of the free bytes on pages that live blocks keep: each page's by the blocks that lie on it, in
    /// equal parts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fragmented_bytes: u64,
    /// Bytes of its blocks on pages that are not resident.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untouched_bytes: u64,
}

impl SitePages {
    /// Adds another site's to these.
    pub fn add(&mut self, other: &SitePages) {
        self.slack_bytes = self.slack_bytes.saturating_add(other.slack_bytes);
        self.fragmented_bytes = self.fragmented_bytes.saturating_add(other.fragmented_bytes);
        self.untouched_bytes = self.untouched_bytes.saturating_add(other.untouched_bytes);
    }
}

impl Site {
    /// Adds another site's blocks to this one's.
    pub fn absorb(&mut self, other: &Site) {
        self.figures.add(&other.figures);
        self.pages.add(&other.pages);
        for (mine, theirs) in [
            (&mut self.sizes, &other.sizes),
            (&mut self.lifetimes, &other.lifetimes),
            (&mut self.ages, &other.ages),
        ] {
            for &(bucket, count) in theirs {
                match mine.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
                    Ok(place) => mine[place].1 = mine[place].1.saturating_add(count),
                    Err(place) => mine.insert(place, (bucket, count)),
                }
            }
        }
    }
}

/// Allocations that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// The last few of them, oldest first.
    pub last: Vec<Failure>,
}

impl Failures {
    fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// An allocation that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The bytes asked for.
    pub bytes: u64,
    /// The row of [`Dump::stacks`] of the innermost frame; 0 where no stack was taken.
    pub stack: u32,
    /// Nanoseconds from the start of recording.
    pub time_ns: u64,
}

/// A thread, or all ended threads of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The name, as the operating system knows it (cut at 15 bytes on Linux).
    pub name: String,
    /// The id of a thread that was alive at the dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// How many threads the row stands for.
    pub threads: u64,
    /// Bytes it allocated.
    pub total_bytes: u64,
    /// Blocks it allocated.
    pub total_blocks: u64,
    /// Bytes it freed, whoever allocated them.
    pub freed_bytes: u64,
    /// Blocks it freed, whoever allocated them.
    pub freed_blocks: u64,
    /// Blocks that came from a `realloc`.
    pub realloc_calls: u64,
    /// The most that it had allocated and not freed, at one instant; for several threads, the largest of theirs.
    pub peak_bytes: u64,
    /// Blocks at that instant.
    pub peak_blocks: u64,
    /// The most of its stack that was ever touched, in whole pages; for several threads, the largest of theirs. 0
    /// where it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stack_bytes: u64,
    /// The address space that its stack has; for several threads, the largest of theirs. 0 where it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stack_limit_bytes: u64,
    /// The deepest that its stack was at an allocation that was recorded with its stack, in bytes from the stack's
    /// beginning. 0 where none was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deepest_bytes: u64,
    /// The row of [`Dump::stacks`] of the innermost frame of that allocation; 0 where none was.
    #[serde(default, skip_serializing_if = "is_no_row")]
    pub deepest_stack: u32,
}

/// A point that the program passed, once or many times, as it told the probe by `alloc_probe::mark`. One that it passes
/// for each unit of its work makes the figures of two runs comparable that did different amounts of work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What the program calls it.
    pub name: String,
    /// How often it was passed.
    pub count: u64,
    /// When it was first passed, in nanoseconds from the start of recording.
    pub first_ns: u64,
    /// When it was last passed.
    pub last_ns: u64,
    /// The process's figures when it was first passed.
    pub first: TimelineSample,
}

/// The heap over time, in samples of equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The least time between two samples. It doubles each time the timeline is full.
    pub interval_ns: u64,
    /// The samples, oldest first. Where nothing was allocated for a time, there are none.
    pub samples: Vec<TimelineSample>,
}

/// One sample of the [`Timeline`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineSample {
    /// Nanoseconds since recording started.
    pub time_ns: u64,
    /// Bytes live.
    pub live_bytes: u64,
    /// Blocks live.
    pub live_blocks: u64,
    /// Bytes allocated so far.
    pub total_bytes: u64,
    /// Blocks allocated so far; two samples' difference over their times' is the allocation rate.
    pub total_blocks: u64,
    /// The process's resident memory; 0 where the system would not tell.
    pub resident_bytes: u64,
}

/// What could not be recorded. All zero in a faultless run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Blocks whose site could not be recorded (no space, or a signal handler that interrupted the probe).
    /// They are in no figure.
    pub blocks: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// Blocks counted under no stack, for want of space for their stack.
    pub unattributed_blocks: u64,
    /// Stacks of which frames were left out.
    pub truncated_stacks: u64,
    /// Blocks freed that were allocated before recording started.
    pub unknown_frees: u64,
    /// Sentences for people about anything else that is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What the probe used for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeUse {
    /// Bytes of the spool, whose pages are shared with its file.
    pub spool_bytes: u64,
    /// Bytes beside it.
    pub private_bytes: u64,
    /// Resident bytes of the two when the dump was taken.
    pub resident_bytes: u64,
}

/// Addresses are strings such as `"0x1f40"`: a JSON number may lose what lies beyond 2^53.
mod hex {
    use super::*;

    pub(super) struct Hex(pub(super) u64);

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:#x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Hex::deserialize(deserializer).map(|hex| hex.0)
    }

    impl Serialize for Hex {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serialize(&self.0, serializer)
        }
    }

    impl<'de> Deserialize<'de> for Hex {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
            struct Text;
            impl Visitor<'_> for Text {
                type Value = Hex;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an address such as \"0x1f40\"")
                }

                fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
                    text.strip_prefix("0x")
                        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                        .map(Hex)
                        .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }
            deserializer.deserialize_str(Text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_rows_are_short_arrays() {
        let call = StackNode { parent: 3, image: Some(1), address: 0x1f40, kind: FrameKind::Call };
        let cut = StackNode { parent: 0, image: None, address: 0, kind: FrameKind::Cut };
        let text = serde_json::to_string(&[call, cut]).unwrap();
        assert_eq!(text, r#"[[3,1,"0x1f40"],[0,null,"0x0","cut"]]"#);
        assert_eq!(serde_json::from_str::<Vec<StackNode>>(&text).unwrap(), [call, cut]);
    }

    #[test]
    fn bad_rows_are_refused() {
        for text in
            [r#"[3,1]"#, r#"[3,1,"1f40"]"#, r#"[3,1,12]"#, r#"[-1,1,"0x1"]"#, r#"[0,0,"0x1","other"]"#]
        {
            assert!(serde_json::from_str::<StackNode>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_dump_is_read_back_as_written() {
        let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
        dump.stacks.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        dump.sites.push(Site { stack: 0, sizes: vec![(4, 2)], ..Site::default() });
        dump.images.push(Image { load_address: u64::MAX, ..Image::default() });
        let text = serde_json::to_string(&dump).unwrap();
        assert_eq!(serde_json::from_str::<Dump>(&text).unwrap(), dump);
    }
}

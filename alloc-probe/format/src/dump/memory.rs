//! What a dump says of the process's memory: what is resident, and why.

use super::site::Histogram;
use serde::{Deserialize, Serialize};

/// What the operating system and the allocator say of the process's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident memory.
    pub rss_bytes: u64,
    /// The most resident memory there ever was.
    pub peak_rss_bytes: u64,
    /// Address space in use.
    pub virtual_bytes: u64,
    /// Swapped out.
    pub swap_bytes: u64,
    /// The proportional set size: of pages that several processes share, only its part. None where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pss_bytes: Option<u64>,
    /// The unique set size: resident pages that no other process has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uss_bytes: Option<u64>,
    /// Resident pages of shared memory: tmpfs, memfd, System V.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shmem_bytes: Option<u64>,
    /// Page tables: the kernel's, not part of the resident memory.
    pub page_table_bytes: u64,
    /// Threads alive.
    pub threads: u64,
    /// Resident memory by what the pages are for. They add up to `rss_bytes`.
    pub categories: Vec<Category>,
    /// Huge pages that were reserved for the purpose (HugeTLB), which the process has and the kernel counts as nobody's
    /// resident memory.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub huge_bytes: u64,
    /// Of the resident code and data of the executable and the libraries, what is what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What the control group that the process is in counts, as a container's limit does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Cgroup>,
    /// The resident memory at the process's peak of live bytes, or as near to it as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_peak: Option<PeakMemory>,
    /// The heap's resident memory: page by page where every block was recorded, and as far as the allocator tells where
    /// some were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap: Option<Heap>,
    /// What the wrapped allocator says of itself, where it is one that can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocator: Option<AllocatorFacts>,
    /// Which of these facts could not be had, and why: a sentence for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// Resident memory of the executable's and the libraries' mappings, with the memory that belongs to them without a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Of executable and read-only mappings: instructions, constants, unwind tables.
    pub text_bytes: u64,
    /// Of read-only pages that the dynamic linker wrote to: relocations.
    pub relocations_bytes: u64,
    /// Of writable data, with what starts as zeros.
    pub data_bytes: u64,
}

/// What a control group counts. It counts pages of files, too, so it is not the sum of its processes' resident memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Bytes charged to it now; 0 of a process that was killed.
    pub current_bytes: u64,
    /// The most that there ever was; 0 where the kernel does not tell.
    pub peak_bytes: u64,
    /// The least limit of it and of those that it is in; 0 where there is none.
    pub limit_bytes: u64,
    /// Of `current_bytes`, pages of files, which the kernel takes back when it needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// How many of its processes the kernel has killed for memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// The same when recording started: of a process that was killed, what it had noted by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills_at_start: Option<u64>,
}

/// The process's resident memory at its peak of live bytes. It is read as the heap falls from there, before what is freed
/// goes back to the allocator, or with a sample of the timeline; of the readings near the peak it is the one with the
/// most resident. As that is inside an allocation or a free, it is what can be had by one small file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeakMemory {
    /// When it was read, in nanoseconds from the start of recording.
    pub time_ns: u64,
    /// Live bytes then: the peak's, or up to 1/16 less.
    pub live_bytes: u64,
    /// Resident bytes then.
    pub resident_bytes: u64,
    /// Of these, pages of files and shared memory: code, data that was never written to, and the spool.
    pub shared_bytes: u64,
    /// Of the shared ones, the spool's at the most: as much as it had, touched or not.
    pub spool_bytes: u64,
    /// Threads that allocated and were alive.
    pub threads: u64,
}

/// The heap: the mappings in which the wrapped allocator keeps its blocks, and what their resident pages hold. Each
/// resident byte is one of `live`, `slack`, `fragmented`, `retained`, `other`, `metadata` and `unknown`, so these add up
/// to `resident_bytes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heap {
    /// How free memory was told from memory in use.
    pub basis: HeapBasis,
    /// Resident bytes of the heap's mappings.
    pub resident_bytes: u64,
    /// Bytes that the program asked for and has not freed, on resident pages.
    pub live_bytes: u64,
    /// What the allocator added to these blocks: rounding, and headers.
    pub slack_bytes: u64,
    /// Free bytes on resident pages that something in use keeps from being given back.
    pub fragmented_bytes: u64,
    /// Resident pages that hold nothing in use: the allocator could give them back.
    pub retained_bytes: u64,
    /// In use, but not by blocks that were recorded: those of C libraries in the same allocator.
    pub other_bytes: u64,
    /// The allocator's own tables.
    pub metadata_bytes: u64,
    /// Resident bytes of which nothing is known but that no recorded block has them: free, rounding, or in use by others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown_bytes: u64,
    /// Bytes that the program asked for and has not freed, on pages that are not resident, as they were never touched.
    /// Not in `resident_bytes`.
    pub untouched_bytes: u64,
    /// The same on pages that were swapped out.
    pub swapped_bytes: u64,
    /// The same in memory that is not looked at, as of a file or of huge pages.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub elsewhere_bytes: u64,
    /// Free bytes between blocks in use by the size of the hole: bucket *b* counts the holes of 2^*b* to 2^(*b*+1) − 1
    /// bytes. Empty where they are not known.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub holes: Histogram,
}

impl Heap {
    /// Takes away what was given up of its retained memory, which is a category of its own.
    pub fn give_up(&mut self, bytes: u64) {
        let bytes = bytes.min(self.retained_bytes);
        self.retained_bytes -= bytes;
        self.resident_bytes -= bytes;
    }
}

/// How free memory was told from memory in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeapBasis {
    /// By the pages that recorded blocks lie on alone: `retained` holds whatever else is there, also what C libraries
    /// use, and rounding is not known.
    #[default]
    Pages,
    /// The same, with the allocator's size classes for rounding, and its statistics for its own tables.
    Classes,
    /// By the headers of the allocator's chunks.
    Chunks,
    /// Where only some of the blocks were recorded: what is free, by the allocator's chunks or its statistics; `untouched`
    /// and `swapped` are estimates by the blocks that were drawn, and `live` is what they leave. `other` holds rounding, too.
    Samples,
}

/// What an allocator says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocatorFacts {
    /// Its name and version: `glibc 2.36`, `jemalloc 5.3.0`.
    pub name: String,
    /// Arenas, by which threads are kept from waiting for each other.
    pub arenas: u64,
    /// Bytes of address space that it has from the system.
    pub system_bytes: u64,
    /// Bytes in use, with its rounding, and with what threads keep for themselves; 0 where it does not tell.
    pub in_use_bytes: u64,
    /// Free bytes that it holds, resident or not; 0 where it does not tell.
    pub free_bytes: u64,
    /// Bytes in mappings of a single block each; 0 where it does not tell.
    pub mapped_bytes: u64,
    /// Resident bytes that came back when it was told to give back what it can (`ALLOC_PROBE_TRIM`); none where it was
    /// not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trimmed_bytes: Option<u64>,
}

/// One kind of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// What it is: `heap`, `anonymous`, `reclaimable`, `changed`, `stacks`, `executable`, `libraries`, `files`, `probe`.
    /// Reclaimable is memory without a file that the process has given up (`MADV_FREE`): the kernel takes it when it needs
    /// it. Changed is such memory that was given back, or became something else, while the dump was written.
    pub name: String,
    /// Its resident bytes.
    pub bytes: u64,
}

/// The sum of lines `Name:   12 kB` of a file of `/proc`, in bytes. None where one of them is not there.
pub fn sum_of_fields(text: &str, names: &[&str]) -> Option<u64> {
    let field = |name: &&str| {
        let line = text.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    let kib: u64 = names.iter().map(field).sum::<Option<u64>>()?;
    kib.checked_mul(1024)
}

fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_added_up() {
        let text = "Rss:  12 kB\nPss:  5 kB\nPss_Dirty:  4 kB\nPrivate_Clean:  1 kB\nPrivate_Dirty:  2 kB\n";
        assert_eq!(sum_of_fields(text, &["Pss"]), Some(5 << 10));
        assert_eq!(sum_of_fields(text, &["Private_Clean", "Private_Dirty"]), Some(3 << 10));
        assert_eq!(sum_of_fields(text, &["Pss", "Swap"]), None);
    }
}

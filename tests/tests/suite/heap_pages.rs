//! What the heap's resident pages hold, on scenarios whose figures are known.

use crate::binaries::{Profile, subject};
use crate::consistency;
use crate::faults::Faults;
use alloc_probe_format::dump::{Dump, Heap, HeapBasis, Mode};
use std::process::Command;

const MIB: u64 = 1 << 20;

/// The program of the scenarios, with each allocator.
const ALL: &[&str] = if cfg!(feature = "allocators") {
    &["installed", "installed_jemalloc", "installed_mimalloc"]
} else {
    &["installed"]
};
const PAGE: u64 = 4096;

/// More than the runtime and the C library take for themselves.
const LITTLE: u64 = 64 << 10;

/// What a scenario printed, and its dump, whose figures agree with each other.
fn run(name: &'static str, scenario: &str, profile: Profile, variables: &[(&str, &str)]) -> (String, Dump) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("dump.json");
    let mut command = Command::new(subject(name, profile));
    command.env_clear().args(["heap", scenario]).env("ALLOC_PROBE_OUT", &path);
    command.envs(variables.iter().copied());
    let output = command.output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let dump: Dump = serde_json::from_str(&std::fs::read_to_string(path).expect("a dump")).expect("a dump");
    if dump.mode == Mode::Full {
        consistency::check(&dump, &mut Faults::of(format_args!("{name} {scenario} ({profile:?})")));
    }
    (String::from_utf8(output.stdout).expect("text"), dump)
}

/// The heap of a scenario with glibc, by its chunks.
fn heap(scenario: &str, profile: Profile) -> (Heap, Dump) {
    let (_, dump) = run("installed", scenario, profile, &[]);
    assert_eq!(dump.memory.unknown, Vec::<String>::new());
    let heap = dump.memory.heap.clone().expect("mode full");
    assert_eq!(heap.basis, HeapBasis::Chunks);
    (heap, dump)
}

#[track_caller]
fn about(figure: u64, expected: u64, within: u64) {
    assert!(figure.abs_diff(expected) <= within, "{figure} is not about {expected}");
}

#[test]
fn capacity_that_was_never_touched() {
    for profile in Profile::ALL {
        let (heap, dump) = heap("reserved", profile);
        // The last page that was written to is resident as a whole.
        about(heap.untouched_bytes, 48 * MIB, 2 * PAGE);
        about(heap.live_bytes, 16 * MIB, LITTLE);
        let most = dump.sites.iter().map(|site| site.pages.untouched_bytes).max();
        assert_eq!(most, Some(heap.untouched_bytes), "one site has it all");
    }
}

#[test]
fn free_bytes_between_blocks() {
    let (heap, dump) = heap("sparse", Profile::Release);
    // A chunk has 80 bytes: 64 and a header of 8, rounded to 16. Of 64 chunks, on 5,120 bytes, one is left. 5,120 is
    // five quarters of a page. So of five pages four hold a chunk; one in 51 lies on two, and takes one of the fifth.
    let chunks = 100_000 / 64;
    let holding = chunks + chunks * 80 / 4096;
    about(heap.fragmented_bytes, holding * PAGE - chunks * 80, chunks * PAGE / 20);
    about(heap.retained_bytes, (8_000_000 - holding * PAGE) / PAGE * PAGE, chunks * PAGE / 20);
    about(heap.slack_bytes, chunks * 16, 512);
    let site = dump.sites.iter().max_by_key(|site| site.pages.fragmented_bytes).expect("a site");
    assert_eq!(site.figures.end_blocks, chunks + 1);
    about(site.pages.fragmented_bytes, heap.fragmented_bytes, LITTLE);
}

#[test]
fn free_pages_below_one_that_is_kept() {
    let (heap, _) = heap("spike", Profile::Release);
    // 200,000 chunks of 1,008 bytes, but for the array that held them, which had a mapping of its own.
    about(heap.retained_bytes, 200_000 * 1008, 200_000 * 10);
    assert!(heap.live_bytes < LITTLE && heap.fragmented_bytes < LITTLE, "{heap:?}");
}

#[test]
fn what_c_allocates() {
    let (heap, _) = heap("foreign", Profile::Release);
    // 16 MB in one block with a mapping of its own, and 16,000 chunks of 1,008 bytes.
    let mapping = (16_000_000_u64 + 16).next_multiple_of(PAGE);
    about(heap.other_bytes, mapping + 16_000 * 1008, LITTLE);
    assert!(heap.live_bytes + heap.retained_bytes + heap.fragmented_bytes < 4 * LITTLE, "{heap:?}");
}

#[test]
fn arenas_of_threads() {
    let (heap, dump) = heap("threads", Profile::Release);
    let allocator = dump.memory.allocator.as_ref().expect("glibc");
    assert_eq!(allocator.arenas, 5, "{allocator:?}");
    assert!(allocator.name.starts_with("glibc 2."), "{allocator:?}");
    // 5,000 blocks are left of each thread's: of 100, 102, ... 1,098 bytes, each ten times. A chunk is 8 bytes
    // longer, rounded up to 16.
    let sizes = (0..1000).step_by(2).map(|i| 100 + i);
    let requested = sizes.clone().sum::<u64>() * 10 * 4;
    let chunks = sizes.map(|bytes: u64| (bytes + 8).next_multiple_of(16)).sum::<u64>() * 10 * 4;
    about(heap.live_bytes, requested, LITTLE);
    about(heap.slack_bytes, chunks - requested, 1024);
    about(heap.other_bytes, 0, LITTLE);
    assert!(heap.metadata_bytes > 4 * 2000, "each arena has its own tables: {heap:?}");
}

#[test]
fn other_modes_know_the_allocator() {
    for mode in ["count", "sample"] {
        let (_, dump) = run("installed", "threads", Profile::Release, &[("ALLOC_PROBE", mode)]);
        // Samples say what the heap holds by estimates; counts say nothing of it.
        match dump.memory.heap {
            Some(heap) if mode == "sample" => {
                assert_eq!(heap.basis, HeapBasis::Samples);
                about(heap.live_bytes + heap.untouched_bytes, dump.totals.end_bytes, LITTLE);
            }
            heap => assert_eq!((mode, heap), ("count", None)),
        }
        let allocator = dump.memory.allocator.expect("glibc");
        assert_eq!(allocator.arenas, 5);
        assert!(allocator.in_use_bytes >= dump.totals.end_bytes, "{allocator:?}");
    }
}

#[test]
fn glibc_says_the_same_of_itself() {
    let (printed, dump) = run("installed", "pool", Profile::Release, &[]);
    let line = printed.lines().find_map(|line| line.strip_prefix("mallinfo ")).expect("it is printed");
    let figures = line.split(' ').map(|figure| figure.parse::<u64>().expect("a figure")).collect::<Vec<_>>();
    let &[heaps, in_use, free, mapped] = figures.as_slice() else { panic!("{line}") };
    let allocator = dump.memory.allocator.expect("glibc");
    assert_eq!(allocator.system_bytes, heaps + mapped, "{line}: {allocator:?}");
    assert_eq!(allocator.mapped_bytes, mapped, "{line}: {allocator:?}");
    // What is in threads' caches, at most seven chunks of each of 64 sizes, glibc takes for in use.
    let cached = 5 * 7 * (1..=64).map(|size| 16 + 16 * size).sum::<u64>();
    assert!((in_use + mapped).saturating_sub(allocator.in_use_bytes) <= cached, "{line}: {allocator:?}");
    assert!(allocator.free_bytes.saturating_sub(free) <= cached, "{line}: {allocator:?}");
    about(allocator.in_use_bytes + allocator.free_bytes, in_use + free + mapped, LITTLE);
}

#[test]
fn what_an_allocator_gives_back_when_told_to() {
    let trim = [("ALLOC_PROBE_TRIM", "on")];
    for &name in
        if cfg!(feature = "allocators") { &["installed", "installed_jemalloc"][..] } else { &["installed"] }
    {
        let (_, dump) = run(name, "spike", Profile::Release, &trim);
        let heap = dump.memory.heap.expect("mode full");
        let trimmed = dump.memory.allocator.expect("one that is known").trimmed_bytes.expect("as was asked");
        assert!(heap.retained_bytes >= 200_000_000, "{name}: {heap:?}");
        about(trimmed, heap.retained_bytes, heap.retained_bytes / 10);
        let (_, dump) = run(name, "sparse", Profile::Release, &[]);
        assert_eq!(dump.memory.allocator.expect("one that is known").trimmed_bytes, None);
    }
}

#[cfg(feature = "allocators")]
#[test]
fn allocators_with_size_classes() {
    for (name, version) in [("installed_jemalloc", "jemalloc 5."), ("installed_mimalloc", "mimalloc ")] {
        let figures = |scenario| {
            let (_, dump) = run(name, scenario, Profile::Release, &[]);
            let allocator = dump.memory.allocator.expect("one that is known");
            assert!(allocator.name.starts_with(version), "{allocator:?}");
            let heap = dump.memory.heap.expect("mode full");
            assert_eq!(heap.basis, HeapBasis::Classes);
            heap
        };
        about(figures("reserved").untouched_bytes, 48 * MIB, 2 * PAGE);
        // 64 blocks of 64 bytes fill a page, so that one is left on each.
        let pages = 100_000 / 64;
        about(figures("sparse").fragmented_bytes, pages * (PAGE - 64), 4 * PAGE);
        // Classes are four to each doubling: 100 becomes 112, 1,000 becomes 1,024.
        let heap = figures("threads");
        let class = |bytes: u64| bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(16));
        let slack = (0..1000).step_by(2).map(|i| class(100 + i) - (100 + i)).sum::<u64>() * 10 * 4;
        about(heap.slack_bytes, slack, LITTLE);
        // What C has is in the C library's own heap.
        about(figures("foreign").other_bytes, 32_000_000, 200_000);
    }
}

#[test]
fn figures_add_up_while_threads_go_on() {
    for &name in ALL {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let paths = (0..10).map(|number| folder.path().join(format!("{number}.json"))).collect::<Vec<_>>();
        let mut command = Command::new(subject(name, Profile::Release));
        let output =
            command.env_clear().env("ALLOC_PROBE", "full").args(["heap", "churn"]).args(&paths).output();
        let output = output.expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        for path in paths {
            let dump: Dump =
                serde_json::from_str(&std::fs::read_to_string(path).expect("a dump")).expect("a dump");
            let heap = dump.memory.heap.as_ref().expect("mode full");
            let mut faults = Faults::of(format_args!("{name}: {heap:?}"));
            consistency::heap_parts(&dump, heap, &mut faults);
            // What has grown since the pages were looked at is missing: little, unless the machine is busy.
            let live = heap.live_bytes + heap.untouched_bytes;
            let far = live.abs_diff(dump.totals.end_bytes) > dump.totals.end_bytes / 2;
            faults.check(!far, format_args!("{live} bytes live of {}", dump.totals.end_bytes));
        }
    }
}

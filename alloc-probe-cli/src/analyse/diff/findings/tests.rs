//! Findings of made-up runs: what is said, and where nothing must be.

use super::finding::{Finding, Kind};
use super::findings;
use super::runs::Runs;
use crate::analyse::diff::key::{Functions, TypesTold};
use crate::analyse::diff::pair::{MatchKind, Pair, Sites};
use crate::profile::{Frame, FrameId, Profile, Role, Site};
use alloc_probe_format::dump::{
    AllocatorFacts, Cgroup, Dump, Figures, Heap, HeapBasis, Memory, Mode, SitePages, TimelineSample,
};

const MIB: u64 = 1 << 20;

/// A run of one second, 100 MiB resident, with a clock of milliseconds, and a heap that is all in use.
fn run() -> Profile {
    let heap = Heap { basis: HeapBasis::Chunks, resident_bytes: 90 * MIB, ..Heap::default() };
    let mut dump = Dump {
        mode: Mode::Full,
        memory: Memory { rss_bytes: 100 * MIB, heap: Some(heap), ..Memory::default() },
        ..Dump::default()
    };
    dump.process.duration_ns = 1_000_000_000;
    dump.clock.unit_ns = 1e6;
    Profile { dump, ..Profile::default() }
}

fn heap(profile: &mut Profile) -> &mut Heap {
    profile.dump.memory.heap.as_mut().unwrap()
}

/// Adds a site whose stack is these functions, the allocation first, and its figures to the totals.
fn add(profile: &mut Profile, functions: &[&str], site: Site) {
    let frames: Vec<FrameId> = functions
        .iter()
        .map(|function| {
            profile.frames.push(Frame {
                function: (*function).to_owned(),
                file: Some("/home/me/app/src/main.rs".to_owned()),
                line: Some(7),
                role: if function.starts_with("alloc::") { Role::Allocator } else { Role::Program },
                ..Frame::default()
            });
            FrameId(profile.frames.len() as u32 - 1)
        })
        .collect();
    profile.dump.totals.add(&site.figures);
    let stack = profile.stacks.add(frames);
    profile.sites.push(Site { stack, ..site });
}

/// What is found in two runs whose sites are the same by their order.
fn found(base: &Profile, new: &Profile) -> Vec<Finding> {
    let side = |profile: &Profile, index: usize| {
        let site = profile.sites.get(index)?;
        Some(Sites { sites: vec![index as u32], figures: site.figures, ..Sites::default() })
    };
    let pair = |index| {
        let (base, new) = (side(base, index), side(new, index));
        Pair { kind: base.as_ref().and(new.as_ref()).map(|_| MatchKind::Exact), base, new }
    };
    let pairs: Vec<Pair> = (0..base.sites.len().max(new.sites.len())).map(pair).collect();
    let functions = Functions::of([base, new], TypesTold::ByEach);
    findings(&Runs { base, new, pairs: &pairs, functions: &functions })
}

/// The one finding that there is.
fn only(mut findings: Vec<Finding>) -> Finding {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

fn live(bytes: u64, blocks: u64) -> Figures {
    Figures {
        total_bytes: bytes,
        total_blocks: blocks,
        peak_bytes: bytes,
        end_bytes: bytes,
        end_blocks: blocks,
        ..Figures::default()
    }
}

#[test]
fn without_evidence_nothing_is_said() {
    assert!(found(&run(), &run()).is_empty());
    let mut unknown = run();
    unknown.dump.memory.heap = None;
    let mut new = run();
    heap(&mut new).retained_bytes = 50 * MIB;
    heap(&mut new).fragmented_bytes = 20 * MIB;
    heap(&mut new).untouched_bytes = 20 * MIB;
    assert!(found(&unknown, &new).is_empty(), "a side that does not know is no evidence");
    assert!(found(&Profile::default(), &Profile::default()).is_empty());
}

#[test]
fn what_is_small_is_not_said() {
    let mut new = run();
    // 2% of 100 MiB are 2 MiB; of a small process, 256 KiB are the least.
    heap(&mut new).retained_bytes = 2 * MIB - 1;
    assert!(found(&run(), &new).is_empty());
    heap(&mut new).retained_bytes = 2 * MIB;
    assert_eq!(only(found(&run(), &new)).kind, Kind::Retained);
    let (mut base, mut new) = (run(), run());
    (base.dump.memory.rss_bytes, new.dump.memory.rss_bytes) = (MIB, MIB);
    heap(&mut new).retained_bytes = (256 << 10) - 1;
    assert!(found(&base, &new).is_empty());
    heap(&mut new).retained_bytes = 256 << 10;
    assert_eq!(only(found(&base, &new)).kind, Kind::Retained);
}

#[test]
fn what_the_recording_takes_makes_nothing_small() {
    let (mut base, mut new) = (run(), run());
    for profile in [&mut base, &mut new] {
        profile.dump.memory.rss_bytes = 600 * MIB;
        profile.dump.probe.resident_bytes = 580 * MIB;
    }
    heap(&mut new).retained_bytes = 2 * MIB;
    assert_eq!(only(found(&base, &new)).kind, Kind::Retained);
}

#[test]
fn retained_memory_has_its_spike() {
    let mut new = run();
    *heap(&mut new) = Heap {
        basis: HeapBasis::Chunks,
        live_bytes: 10 * MIB,
        retained_bytes: 48 * MIB,
        resident_bytes: 58 * MIB,
        ..Heap::default()
    };
    new.dump.memory.allocator = Some(AllocatorFacts {
        name: "glibc 2.36".to_owned(),
        trimmed_bytes: Some(47 * MIB),
        ..AllocatorFacts::default()
    });
    new.dump.peak_time_ns = 100_000_000;
    let sample = |(ms, live): (u64, u64)| TimelineSample {
        time_ns: ms * 1_000_000,
        live_bytes: live * MIB,
        ..TimelineSample::default()
    };
    new.dump.timeline.samples = [(50, 30), (100, 60), (300, 40), (400, 20), (900, 10)].map(sample).to_vec();
    let kept = Figures { total_blocks: 1, ..live(10 * MIB, 1) };
    let spike =
        Figures { total_blocks: 5, total_bytes: 50 * MIB, peak_bytes: 50 * MIB, ..Figures::default() };
    let mut base = run();
    for (profile, spike) in [(&mut base, Figures { peak_bytes: MIB, ..spike }), (&mut new, spike)] {
        add(profile, &["app::keep", "app::main"], Site { figures: kept, ..Site::default() });
        add(profile, &["app::burst", "app::main"], Site { figures: spike, ..Site::default() });
    }
    let finding = only(found(&base, &new));
    assert_eq!((finding.kind, finding.bytes, finding.in_both), (Kind::Retained, 48 * MIB as i64, false));
    assert_eq!(
        finding.sentence,
        "The allocator of the new run keeps 48.0 MiB more of free pages resident, which nothing uses."
    );
    assert_eq!(
        finding.evidence,
        [
            "resident heap pages that hold no block: 48.0 MiB in the new run, 0 B in the base",
            "of the new run's heap 58.0 MiB are resident, and 10.0 MiB of them are blocks in use",
            "live bytes were 60.0 MiB at their peak after 100.0 ms, and nearer to the 10.0 MiB of the end from 400.0 ms on, in \
             a run of 1.0 s",
            "told to give back what it could, glibc 2.36 gave back 47.0 MiB",
        ]
    );
    assert_eq!(finding.sites, [(1, 50 * MIB as i64)]);
    assert!(finding.advice.contains("malloc_trim"), "{}", finding.advice);
    // The other way round, it's the base that has it.
    let finding = only(found(&new, &base));
    assert_eq!((finding.bytes, finding.sites), (-48 * MIB as i64, vec![(1, -50 * MIB as i64)]));
    assert!(finding.sentence.starts_with("The allocator of the base keeps 48.0 MiB"), "{}", finding.sentence);
}

#[test]
fn what_may_be_of_c_code_is_not_called_free() {
    let mut new = run();
    *heap(&mut new) = Heap { basis: HeapBasis::Pages, retained_bytes: 48 * MIB, ..Heap::default() };
    assert_eq!(
        only(found(&run(), &new)).sentence,
        "The new run has 48.0 MiB more of resident heap pages that hold no block: free memory that was not given back, or \
         memory that C code or the allocator itself uses."
    );
}

#[test]
fn what_both_retain_is_said_where_it_is_a_quarter() {
    let (mut base, mut new) = (run(), run());
    for (profile, retained_mib) in [(&mut base, 26), (&mut new, 25)] {
        heap(profile).retained_bytes = retained_mib * MIB;
    }
    let finding = only(found(&base, &new));
    assert_eq!((finding.kind, finding.bytes, finding.in_both), (Kind::Retained, 25 * MIB as i64, true));
    assert!(
        finding.sentence.starts_with("In both runs the allocator keeps 25.0 MiB"),
        "{}",
        finding.sentence
    );
    heap(&mut new).retained_bytes = 25 * MIB - 1;
    assert!(found(&base, &new).is_empty());
}

#[test]
fn fragmentation_has_those_who_hold_the_pages() {
    let mut new = run();
    heap(&mut new).fragmented_bytes = 28 * MIB;
    heap(&mut new).holes = vec![(6, 10), (11, 8_192)].into();
    let pages = SitePages { fragmented_bytes: 27 * MIB, ..SitePages::default() };
    let mut base = run();
    add(&mut base, &["app::rows"], Site { figures: live(4 * MIB, 8_192), ..Site::default() });
    add(&mut new, &["app::rows"], Site { figures: live(4 * MIB, 8_192), pages, ..Site::default() });
    let finding = only(found(&base, &new));
    assert_eq!((finding.kind, finding.bytes), (Kind::Fragmentation, 28 * MIB as i64));
    assert_eq!(finding.sites, [(0, 27 * MIB as i64)]);
    assert_eq!(
        finding.evidence,
        [
            "free bytes on pages that hold a block in use: 28.0 MiB in the new run, 0 B in the base",
            "most of the new run's is in 8,192 holes of 2.0 KiB to 4.0 KiB each between blocks",
            "8,192 live blocks of 512 B in the mean, from `app::rows` (src/main.rs:7), keep 27.0 MiB of free memory \
             around them",
            "4.0 MiB are live in the new run",
        ]
    );
    assert_eq!(only(found(&new, &base)).bytes, -28 * MIB as i64);
}

/// A live block of 16 MiB that grew 24 times, 900 ms ago: its age is in the bucket of 512 to 1023 ms.
fn grown() -> Site {
    let figures = Figures {
        total_blocks: 24,
        realloc_calls: 24,
        total_bytes: 32 * MIB,
        peak_bytes: 16 * MIB,
        end_bytes: 16 * MIB,
        end_blocks: 1,
        ..Figures::default()
    };
    Site { figures, ages: vec![(10, 1)].into(), sizes: vec![(20, 1), (24, 1)].into(), ..Site::default() }
}

const PUSH: &[&str] = &["alloc::raw_vec::RawVecInner<A>::grow_amortized", "app::export", "app::main"];

#[test]
fn capacity_that_was_kept_is_a_candidate() {
    let mut new = run();
    let pages = SitePages { untouched_bytes: 4 * MIB, ..SitePages::default() };
    add(&mut new, PUSH, Site { pages, ..grown() });
    let finding = only(found(&run(), &new));
    assert_eq!((finding.kind, finding.bytes, finding.in_both), (Kind::CapacityKept, 12 * MIB as i64, false));
    assert_eq!(finding.sites, [(0, 12 * MIB as i64)]);
    assert_eq!(
        finding.evidence,
        [
            "1 live block from `app::export` (src/main.rs:7), 12.0 MiB resident: grown by `realloc` 24 times, to 16.0 \
             MiB to 32.0 MiB, and unchanged for at least 51% of the run's 1.0 s",
            "4.0 MiB more of these blocks were never touched, so at least that much of them is not used",
            "how much of a block its collection uses is not recorded: a table that is full looks the same",
        ]
    );
    let finding = only(found(&new, &run()));
    assert_eq!((finding.bytes, finding.in_both), (-12 * MIB as i64, false));
}

#[test]
fn what_both_keep_comes_last_and_says_so() {
    let (mut base, mut new) = (run(), run());
    add(&mut base, PUSH, grown());
    add(&mut new, PUSH, grown());
    let finding = only(found(&base, &new));
    assert_eq!((finding.bytes, finding.in_both), (16 * MIB as i64, true));
    assert!(finding.sentence.starts_with("Up to 16.0 MiB of both runs"), "{}", finding.sentence);
    heap(&mut new).retained_bytes = 3 * MIB;
    let kinds: Vec<Kind> = found(&base, &new).iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [Kind::Retained, Kind::CapacityKept]);
    // In one run it's too young to be called kept, but as large: that is no difference.
    base.sites[0].ages = vec![(7, 1)].into();
    assert!(found(&base, &new).iter().all(|finding| finding.kind != Kind::CapacityKept || finding.in_both));
}

#[test]
fn capacity_that_is_explained_is_not_named() {
    let new = |functions: &[&str], change: fn(&mut Site)| {
        let (mut new, mut site) = (run(), grown());
        change(&mut site);
        add(&mut new, functions, site);
        found(&run(), &new)
    };
    let unchanged = |_: &mut Site| {};
    assert_eq!(new(PUSH, unchanged).len(), 1);
    // Made smaller, or as large as was asked for.
    assert!(new(&["alloc::raw_vec::RawVecInner<A>::shrink_unchecked", "app::export"], unchanged).is_empty());
    assert!(new(&["alloc::raw_vec::RawVecInner<A>::grow_exact", "app::export"], unchanged).is_empty());
    // Changed of late, or gone.
    assert!(new(PUSH, |site| site.ages = vec![(7, 1)].into()).is_empty());
    assert!(new(PUSH, |site| (site.figures.end_bytes, site.figures.end_blocks) = (0, 0)).is_empty());
    // Never reallocated: `with_capacity`, or a table that is made anew when it grows.
    assert!(new(PUSH, |site| site.figures.realloc_calls = 0).is_empty());
    // Without names, only what grew again and again.
    assert_eq!(new(&["0x1f40 in app"], unchanged).len(), 1);
    let once = |site: &mut Site| (site.figures.realloc_calls, site.figures.total_blocks) = (1, 1);
    assert!(new(&["0x1f40 in app"], once).is_empty());
    assert_eq!(new(PUSH, once).len(), 1);
}

#[test]
fn only_old_blocks_count() {
    let mut new = run();
    let site = Site {
        ages: vec![(7, 3), (10, 1)].into(),
        figures: Figures { end_blocks: 4, ..grown().figures },
        ..grown()
    };
    add(&mut new, PUSH, site);
    assert_eq!(only(found(&run(), &new)).bytes, 4 * MIB as i64);
}

#[test]
fn what_was_never_touched_is_reserved() {
    let (mut base, mut new) = (run(), run());
    heap(&mut base).untouched_bytes = MIB;
    heap(&mut new).untouched_bytes = 65 * MIB;
    new.dump.memory.virtual_bytes = 300 * MIB;
    new.dump.memory.cgroup = Some(Cgroup { current_bytes: 120 * MIB, ..Cgroup::default() });
    let pages = SitePages { untouched_bytes: 64 * MIB, ..SitePages::default() };
    add(&mut base, &["app::queue"], Site { figures: live(MIB, 1), ..Site::default() });
    add(&mut new, &["app::queue"], Site { figures: live(66 * MIB, 1), pages, ..Site::default() });
    let finding = only(found(&base, &new));
    assert_eq!((finding.kind, finding.bytes, finding.in_both), (Kind::Reserved, 64 * MIB as i64, false));
    assert_eq!(finding.sites, [(0, 64 * MIB as i64)]);
    assert_eq!(
        finding.evidence,
        [
            "live bytes on pages that were never touched: 65.0 MiB in the new run, 1.0 MiB in the base",
            "1 live block of 66.0 MiB, from `app::queue` (src/main.rs:7), 2.0 MiB of them resident",
            "monitoring of the new run shows 300.0 MiB of address space, with the recording's own, 100.0 MiB resident, \
             120.0 MiB in its control group; 66.0 MiB are live",
        ]
    );
    assert!(finding.sentence.starts_with("The new run has 64.0 MiB more live"), "{}", finding.sentence);
    let finding = only(found(&new, &new));
    assert_eq!((finding.bytes, finding.in_both), (65 * MIB as i64, true));
    assert!(finding.sentence.starts_with("Both runs have 65.0 MiB live"), "{}", finding.sentence);
}

/// A run that handles 10,000 requests, and has so many MiB live in each tenth of it.
fn serving(live_mib: [u64; 20]) -> Profile {
    let mut profile = run();
    let samples = live_mib.iter().enumerate().map(|(part, live)| TimelineSample {
        time_ns: part as u64 * 50_000_000 + 1,
        total_blocks: part as u64 * 500,
        live_bytes: live * MIB,
        ..TimelineSample::default()
    });
    profile.dump.timeline.samples = samples.collect();
    let request = Figures { total_blocks: 10_000, total_bytes: MIB, ..Figures::default() };
    add(&mut profile, &["app::parse"], Site { figures: request, ..Site::default() });
    profile
}

/// The buffers of these requests: made for each, or kept.
fn buffers(total: u64, kept_mib: u64) -> Site {
    let figures = Figures {
        total_blocks: total,
        total_bytes: total << 16,
        end_bytes: kept_mib * MIB,
        end_blocks: kept_mib << 4,
        ..Figures::default()
    };
    Site { figures, ..Site::default() }
}

#[test]
fn buffers_that_are_used_again_are_no_concern() {
    let settled = [16; 20];
    let mut growing = settled;
    (8..20).for_each(|part| growing[part] = part as u64 * 2);
    let pair = |live_mib, total, kept_mib| {
        let (mut base, mut new) = (serving([1; 20]), serving(live_mib));
        add(&mut base, &["app::buffer"], buffers(5_000, 0));
        add(&mut new, &["app::buffer"], buffers(total, kept_mib));
        found(&base, &new)
    };
    let is_silent = |found: &[Finding]| found.iter().all(|finding| finding.kind != Kind::NoConcern);
    let finding = only(pair(settled, 256, 16));
    assert_eq!((finding.kind, finding.bytes), (Kind::NoConcern, 16 * MIB as i64));
    assert_eq!(finding.sites, [(1, 16 * MIB as i64)]);
    assert_eq!(finding.evidence[0], "it allocates 17.0 MiB in all, the base 313.5 MiB");
    assert!(finding.evidence[1].contains("16.0 MiB at the end"), "{:?}", finding.evidence);
    // It grows; it allocates as much; it keeps nothing.
    assert!(is_silent(&pair(growing, 256, 16)));
    assert!(is_silent(&pair(settled, 5_000, 16)));
    assert!(is_silent(&pair(settled, 256, 0)));
    // It did half of the work.
    let (mut base, mut new) = (serving([1; 20]), serving(settled));
    new.sites[0].figures.total_blocks = 5_000;
    add(&mut base, &["app::buffer"], buffers(5_000, 0));
    add(&mut new, &["app::buffer"], buffers(2_500, 16));
    assert!(is_silent(&found(&base, &new)));
}

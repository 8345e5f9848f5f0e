//! Profiles for pprof have the figures of the process, its stacks as addresses of its own, and nothing of how they are made.

use crate::support::child::Child;
use crate::support::{Cases, cases};
use alloc_probe::{PprofStart, pprof, pprof_since, stats};
use alloc_probe_format::dump::{Dump, Figures};
use alloc_probe_format::profile_proto::{Location, Profile};
use flate2::read::GzDecoder;
use prost::Message as _;
use std::hint::black_box;
use std::io::Read as _;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        profiles_have_the_figures_of_the_process,
        samples_are_the_estimates_of_a_dump,
        a_difference_has_what_happened_meanwhile,
        other_threads_go_on,
        without_stacks_it_says_so,
    ],
    scenarios: cases![is_full, is_sampled, differs, is_busy, has_none],
};

/// A profile. It fails where it refers to what it does not have.
#[track_caller]
fn read(bytes: &[u8]) -> Profile {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip");
    let profile = Profile::decode(plain.as_slice()).expect("a profile");
    assert_eq!(text(&profile, 0), "");
    for sample in &profile.sample {
        assert_eq!(sample.value.len(), profile.sample_type.len());
        assert!(sample.value.iter().any(|value| *value != 0));
        assert!(!sample.location_id.is_empty());
        sample.location_id.iter().for_each(|id| _ = location(&profile, *id));
    }
    // Parca takes a profile only if the ids of each table are the numbers from 1 on.
    assert!(profile.mapping.iter().map(|one| one.id).eq(1..=profile.mapping.len() as u64));
    assert!(profile.location.iter().map(|one| one.id).eq(1..=profile.location.len() as u64));
    assert!(profile.function.iter().map(|one| one.id).eq(1..=profile.function.len() as u64));
    for location in &profile.location {
        let mapping = profile.mapping.iter().find(|mapping| mapping.id == location.mapping_id);
        let mapping = mapping.expect("every location has a mapping");
        if location.address == 0 {
            let line = location.line.first().expect("what has no address has a name");
            assert!(profile.function.iter().any(|function| function.id == line.function_id));
        } else if text(&profile, mapping.filename) != "[unknown]" {
            let range = mapping.memory_start..mapping.memory_limit;
            assert!(range.contains(&location.address), "{location:?} of {mapping:?}");
        }
    }
    profile
}

fn text(profile: &Profile, number: i64) -> &str {
    &profile.string_table[number as usize]
}

fn location(profile: &Profile, id: u64) -> &Location {
    // They are numbered in their order.
    let location = &profile.location[id as usize - 1];
    assert_eq!(location.id, id);
    location
}

fn types(profile: &Profile) -> Vec<&str> {
    profile.sample_type.iter().map(|one| text(profile, one.name)).collect()
}

/// The sum of a sample type, of the samples that are chosen.
fn sum(profile: &Profile, name: &str, chosen: impl Fn(&[u64]) -> bool) -> i64 {
    let index = types(profile).iter().position(|one| *one == name).expect("a sample type");
    let samples = profile.sample.iter().filter(|sample| chosen(&sample.location_id));
    samples.map(|sample| sample.value[index]).sum()
}

fn all(_: &[u64]) -> bool {
    true
}

/// Whether a function is on a stack, found by its addresses.
fn is_on(profile: &Profile, name: &str, stack: &[u64]) -> bool {
    stack.iter().any(|id| {
        let mut found = false;
        backtrace::resolve(location(profile, *id).address as *mut _, |symbol| {
            found |= symbol.name().is_some_and(|symbol| symbol.to_string().contains(name));
        });
        found
    })
}

#[inline(never)]
fn keeps(bytes: usize) -> Vec<u8> {
    let block = black_box(Vec::with_capacity(bytes));
    black_box(());
    block
}

fn is_full() {
    let kept: Vec<Vec<u8>> = (0..100).map(|_| keeps(1000)).collect();
    drop(black_box(vec![0u8; 1 << 20]));
    std::thread::spawn(|| drop(keeps(77))).join().expect("it returns");
    let operation = alloc_probe::operation("fill");
    let filled = black_box(vec![1u8; 3333]);
    drop(operation);
    let before = stats();
    let bytes = pprof().expect("a profile");
    let after = stats();
    assert_eq!(
        (after.total_blocks, after.total_bytes, after.peak_bytes),
        (before.total_blocks + 1, before.total_bytes + bytes.len() as u64, before.peak_bytes),
        "it allocates the bytes that it returns"
    );
    let profile = read(&bytes);
    assert_eq!(
        types(&profile),
        ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space"]
    );
    assert_eq!(text(&profile, profile.default_sample_type), "inuse_space");
    for (name, value) in [
        ("alloc_objects", before.total_blocks),
        ("alloc_space", before.total_bytes),
        ("inuse_objects", before.live_blocks),
        ("inuse_space", before.live_bytes),
        ("peak_objects", before.peak_blocks),
        ("peak_space", before.peak_bytes),
    ] {
        assert_eq!(sum(&profile, name, all), value as i64, "{name}");
    }
    let of_keeps = |name| sum(&profile, name, |stack| is_on(&profile, "keeps", stack));
    assert_eq!((of_keeps("alloc_objects"), of_keeps("alloc_space")), (101, 100_077));
    assert_eq!((of_keeps("inuse_objects"), of_keeps("inuse_space")), (100, 100_000));
    assert_eq!((profile.period, profile.duration_nanos), (1, 0));
    let main = &profile.mapping[0];
    let executable = std::env::current_exe().expect("the program's path");
    assert_eq!(text(&profile, main.filename), executable.to_str().expect("text"));
    assert!(
        !main.has_functions && text(&profile, main.build_id).bytes().all(|byte| byte.is_ascii_hexdigit())
    );
    let mut said = profile.comment.iter().map(|comment| text(&profile, *comment));
    assert!(said.any(|comment| comment.starts_with("alloc-probe ")));
    let in_operation: Vec<_> = profile.sample.iter().filter(|sample| !sample.label.is_empty()).collect();
    let [sample] = in_operation[..] else { panic!("one stack is in an operation: {in_operation:?}") };
    let label = sample.label[0];
    assert_eq!((text(&profile, label.key), text(&profile, label.text)), ("operation", "fill"));
    assert_eq!((sample.value[3], filled.len()), (3333, 3333));
    let outermost = location(&profile, *sample.location_id.last().expect("a frame")).line[0].function_id;
    let outermost = profile.function.iter().find(|function| function.id == outermost).expect("a function");
    assert_eq!(text(&profile, outermost.name), "operation fill");
    drop(kept);
    // What is freed is in no profile of what is live.
    let profile = read(&pprof().expect("a profile"));
    assert_eq!(sum(&profile, "inuse_space", |stack| is_on(&profile, "keeps", stack)), 0);
}

fn profiles_have_the_figures_of_the_process() {
    Child::new("is_full", "full").succeed();
}

fn is_sampled() {
    let mut kept = Vec::new();
    for round in 0..40_000 {
        kept.push(keeps(100 + round % 1000));
        drop(keeps(50));
    }
    alloc_probe::dump("now.json").expect("a dump");
    let profile = read(&pprof().expect("a profile"));
    drop(kept);
    let dump: Dump =
        serde_json::from_str(&std::fs::read_to_string("now.json").expect("a dump")).expect("a dump");
    let mut figures = Figures::default();
    dump.sites.iter().for_each(|site| figures.add(&site.figures));
    for (name, value) in [
        ("alloc_objects", figures.total_blocks),
        ("alloc_space", figures.total_bytes),
        ("inuse_objects", figures.end_blocks),
        ("inuse_space", figures.end_bytes),
        ("peak_objects", figures.peak_blocks),
        ("peak_space", figures.peak_bytes),
    ] {
        assert_eq!(sum(&profile, name, all), value as i64, "{name}");
    }
    // 4,000 samples and more: the standard error is 1.6 % at the most.
    let (estimate, truth) = (figures.total_bytes as f64, dump.totals.total_bytes as f64);
    assert!((estimate / truth - 1.0).abs() < 0.16, "{estimate} of {truth}");
    assert_eq!(profile.period, 4096);
    let period_type = profile.period_type.expect("what lies between samples");
    assert_eq!([period_type.name, period_type.unit].map(|number| text(&profile, number)), ["space", "bytes"]);
}

fn samples_are_the_estimates_of_a_dump() {
    Child::new("is_sampled", "sample=4096").succeed();
}

fn differs() {
    let early: Vec<Vec<u8>> = (0..10).map(|_| keeps(500)).collect();
    let before = stats();
    let start = PprofStart::now().expect("a moment");
    assert_eq!(stats(), before, "the moment takes nothing of the program's");
    let late: Vec<Vec<u8>> = (0..3).map(|_| keeps(7000)).collect();
    drop(early);
    let after = stats();
    let profile = read(&pprof_since(&start).expect("a profile"));
    assert_eq!(types(&profile), ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]);
    for (name, value) in [
        ("alloc_objects", after.total_blocks - before.total_blocks),
        ("alloc_space", after.total_bytes - before.total_bytes),
        ("inuse_objects", after.live_blocks.wrapping_sub(before.live_blocks)),
        ("inuse_space", after.live_bytes.wrapping_sub(before.live_bytes)),
    ] {
        assert_eq!(sum(&profile, name, all), value as i64, "{name}");
    }
    let of_keeps = |name| sum(&profile, name, |stack| is_on(&profile, "keeps", stack));
    assert_eq!((of_keeps("alloc_objects"), of_keeps("alloc_space")), (3, 21_000));
    assert_eq!((of_keeps("inuse_objects"), of_keeps("inuse_space")), (-7, 16_000));
    assert!(profile.duration_nanos > 0);
    drop(late);
    // Of nothing, there is nothing but the bytes of the last one.
    let start = PprofStart::now().expect("a moment");
    assert_eq!(read(&pprof_since(&start).expect("a profile")).sample, []);
}

fn a_difference_has_what_happened_meanwhile() {
    Child::new("differs", "full").succeed();
}

/// Threads come, allocate and go while profiles are taken, of which each is whole, and none has less than the one before.
fn is_busy() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    static DONE: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 1..4 {
            scope.spawn(move || {
                while !DONE.load(Relaxed) {
                    let kept: Vec<_> = (0..50).map(|size| keeps(size * number)).collect();
                    std::thread::spawn(move || drop(kept)).join().expect("it returns");
                }
            });
        }
        let mut last = 0;
        for _ in 0..30 {
            let start = PprofStart::now().expect("a moment");
            let profile = read(&pprof().expect("a profile"));
            let total = sum(&profile, "alloc_space", all);
            assert!(total >= last, "{total} after {last}");
            last = total;
            let difference = read(&pprof_since(&start).expect("a profile"));
            assert!(difference.sample.iter().all(|sample| sample.value[0] >= 0 && sample.value[1] >= 0));
        }
        DONE.store(true, Relaxed);
    });
}

fn other_threads_go_on() {
    Child::new("is_busy", "full").succeed();
}

fn has_none() {
    let error = pprof().expect_err("there is none").to_string();
    assert!(error.contains("ALLOC_PROBE"), "{error}");
    assert_eq!(PprofStart::now().expect_err("there is none").to_string(), error);
}

fn without_stacks_it_says_so() {
    for mode in ["count", "off"] {
        Child::new("has_none", mode).succeed();
    }
}

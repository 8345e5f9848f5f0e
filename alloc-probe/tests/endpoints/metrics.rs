//! Metrics are in the format that Prometheus reads, and have the process's figures.

use crate::support::child::Child;
use crate::support::{Cases, cases};
use alloc_probe::{Stats, metrics, stats};
use std::collections::BTreeMap;
use std::hint::black_box;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        metrics_have_the_figures_of_the_process,
        what_is_not_known_is_not_there,
        threads_that_end_are_counted_once,
    ],
    scenarios: cases![scrapes, is_off, threads_end],
};

/// The metrics of a text by name, those with labels with them. It fails where the text is not as the format says.
#[track_caller]
fn read(text: &str) -> BTreeMap<String, u64> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let mut values = BTreeMap::new();
    let mut families = Vec::new();
    assert!(text.ends_with('\n'));
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
        assert!(is_name(name) && name.starts_with("alloc_probe_") && help.ends_with('.'), "{line}");
        assert!(!families.contains(&name), "{name} is there twice");
        families.push(name);
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect(line);
        assert_eq!(kind, if name.ends_with("_total") { "counter" } else { "gauge" }, "{name}");
        let mut count = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (key, value) = line.rsplit_once(' ').expect(line);
            let labels = key.strip_prefix(name).expect(line);
            if !labels.is_empty() {
                let labels = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect(line);
                for label in labels.split("\",") {
                    let (label, value) = label.split_once("=\"").expect(line);
                    assert!(is_name(label) && !value.contains('\\'), "{line}");
                }
            }
            assert_eq!(values.insert(key.to_owned(), value.parse().expect(line)), None, "{line}");
            count += 1;
        }
        assert!(count > 0, "{name} has no value");
    }
    values
}

#[track_caller]
fn equal(values: &BTreeMap<String, u64>, stats: &Stats) {
    let expected = [
        ("allocated_bytes_total", stats.total_bytes),
        ("allocated_blocks_total", stats.total_blocks),
        ("freed_bytes_total", stats.freed_bytes),
        ("freed_blocks_total", stats.freed_blocks),
        ("realloc_calls_total", stats.realloc_calls),
        ("live_bytes", stats.live_bytes),
        ("live_blocks", stats.live_blocks),
        ("peak_bytes", stats.peak_bytes),
        ("peak_blocks", stats.peak_blocks),
        ("lost_blocks_total", 0),
        ("failed_allocations_total", 0),
        ("threads", 1),
    ];
    for (name, value) in expected {
        assert_eq!(values.get(&format!("alloc_probe_{name}")), Some(&value), "{name}");
    }
}

/// Allocates, reallocates and frees, also on a thread that ends.
fn scrapes() {
    let mut kept = black_box(vec![1u8; 100_000]);
    kept.reserve_exact(300_000);
    drop(black_box(vec![1u8; 1 << 20]));
    let of_thread = std::thread::spawn(|| black_box(vec![1u8; 5000])).join().expect("it returns");
    let before = stats();
    let text = metrics();
    let after = stats();
    let values = read(&text);
    equal(&values, &before);
    assert_eq!(after.total_blocks, before.total_blocks + 1, "the text is one block");
    assert!(before.realloc_calls > 0 && before.live_bytes < before.peak_bytes);
    let mode = std::env::var("ALLOC_PROBE").expect("the mode");
    for one in ["off", "count", "sample", "full"] {
        assert_eq!(values[&format!("alloc_probe_mode{{mode=\"{one}\"}}")], u64::from(one == mode));
    }
    let resident = values["alloc_probe_resident_bytes"];
    assert!(resident > values["alloc_probe_resident_shared_bytes"] && resident > 300_000);
    assert!(values["alloc_probe_profile_bytes"] > 0);
    let interval = values.get("alloc_probe_sampling_interval_bytes").copied();
    assert_eq!(interval, (mode == "sample").then_some(512 << 10));
    let stacks = values.get("alloc_probe_stacks").copied();
    assert_eq!(stacks.is_some(), mode != "count");
    assert!(stacks.is_none_or(|stacks| stacks > 0));
    drop((kept, of_thread));
}

fn metrics_have_the_figures_of_the_process() {
    for mode in ["count", "sample", "full"] {
        Child::new("scrapes", mode).succeed();
    }
}

fn is_off() {
    let values = read(&metrics());
    let version = format!("alloc_probe_build_info{{version=\"{}\",", env!("CARGO_PKG_VERSION"));
    let mut names = values.keys();
    assert!(names.next().is_some_and(|name| name.starts_with(&version)));
    assert!(names.all(|name| name.starts_with("alloc_probe_mode{")));
    assert_eq!(values["alloc_probe_mode{mode=\"off\"}"], 1);
}

fn what_is_not_known_is_not_there() {
    Child::new("is_off", "off").succeed();
}

/// Whoever reads while threads end must see each block once: those that are kept are there in every reading, and there are
/// never more than all threads have.
fn threads_end() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 400;
    const BYTES: usize = 1 << 20;
    let before = stats().live_bytes;
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let mut kept = Vec::with_capacity(ROUNDS);
            for _ in 0..ROUNDS {
                let threads: Vec<_> =
                    (0..THREADS).map(|_| std::thread::spawn(|| drop(black_box(vec![0u8; 100])))).collect();
                // Kept by a thread that ends: it moves with the thread's figures.
                kept.push(std::thread::spawn(|| Vec::<u8>::with_capacity(BYTES)).join().expect("it returns"));
                threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
            }
            kept
        });
        let mut last = (0, 0);
        while !work.is_finished() {
            let stats = stats();
            assert!((stats.total_bytes, stats.total_blocks) >= last, "{stats:?} after {last:?}");
            last = (stats.total_bytes, stats.total_blocks);
            assert!(stats.live_bytes <= before + (ROUNDS * BYTES + (1 << 20)) as u64, "{stats:?}");
        }
        let kept = work.join().expect("it returns");
        let live = stats().live_bytes - before;
        assert!(live >= (ROUNDS * BYTES) as u64 && live < (ROUNDS * BYTES + (1 << 20)) as u64, "{live}");
        drop(kept);
    });
}

fn threads_that_end_are_counted_once() {
    Child::new("threads_end", "count").succeed();
}

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
        operations_have_their_figures,
        what_is_not_known_is_not_there,
        threads_that_end_are_counted_once,
    ],
    scenarios: cases![scrapes, operates, is_off, threads_end],
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
        let expected = match () {
            () if name.ends_with("_total") => "counter",
            () if name.ends_with("_seconds") => "histogram",
            () => "gauge",
        };
        assert_eq!(kind, expected, "{name}");
        let mut count = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (key, value) = line.rsplit_once(' ').expect(line);
            let labels = key.strip_prefix(name).expect(line);
            let is_part = kind == "histogram";
            let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| labels.strip_prefix(part));
            assert_eq!(part.is_some(), is_part, "{line}");
            let labels = part.unwrap_or(labels);
            if !labels.is_empty() {
                let labels = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect(line);
                for label in labels.split("\",") {
                    let (label, value) = label.split_once("=\"").expect(line);
                    assert!(is_name(label) && !value.contains('\\'), "{line}");
                }
            }
            // Seconds are not whole; nanoseconds are.
            let whole = value.parse().unwrap_or_else(|_| (value.parse::<f64>().expect(line) * 1e9) as u64);
            assert_eq!(values.insert(key.to_owned(), whole), None, "{line}");
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

/// Does one operation a hundred times, fails once, and is in another one as it scrapes.
fn operates() {
    const BYTES: usize = 5000;
    for round in 0..100 {
        let _operation = alloc_probe::operation("make \"it\"");
        drop(black_box(vec![1u8; BYTES]));
        if round == 7 {
            alloc_probe::operation_failed();
        }
    }
    let _operation = alloc_probe::operation("scrape");
    let before = stats();
    let text = metrics();
    assert_eq!(stats().total_blocks, before.total_blocks + 1, "the text is one block");
    let rows = |name: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("alloc_probe_"));
        let of_name = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        of_name
            .map(|line| {
                let (labels, value) = line.rsplit_once("} ").expect(line);
                (labels.to_owned(), value.to_owned())
            })
            .collect()
    };
    let value = |name: &str, labels: &str| {
        let rows = rows(name);
        let row = rows.iter().find(|(other, _)| other == labels);
        row.unwrap_or_else(|| panic!("{name} {labels}: {rows:?}")).1.clone()
    };
    const MADE: &str = "operation=\"make \\\"it\\\"\"";
    const SCRAPE: &str = "operation=\"scrape\"";
    for (name, made, scrape) in [
        ("operations_started_total", "100", "1"),
        ("operations_finished_total", "100", "0"),
        ("operations_failed_total", "1", "0"),
        ("operations_cancelled_total", "0", "0"),
        ("operation_allocated_bytes_total", "500000", "0"),
        ("operation_allocated_blocks_total", "100", "0"),
        ("operation_peak_bytes", "5000", "0"),
        ("operation_seconds_count", "100", "0"),
        ("operation_seconds_sum", "", "0"),
    ] {
        assert!(made.is_empty() || value(name, MADE) == made, "{name}: {}", value(name, MADE));
        assert_eq!(value(name, SCRAPE), scrape, "{name}");
    }
    let sum: f64 = value("operation_seconds_sum", MADE).parse().expect("it is a number");
    assert!(sum > 0.0);
    let buckets = rows("operation_seconds_bucket");
    let of_made: Vec<u64> = buckets
        .iter()
        .filter(|(labels, _)| labels.starts_with(MADE))
        .map(|(_, count)| count.parse().expect("it is a number"))
        .collect();
    assert!(of_made.is_sorted() && of_made.last() == Some(&100) && of_made.len() == 17, "{of_made:?}");
}

fn operations_have_their_figures() {
    for mode in ["count", "sample", "full"] {
        Child::new("operates", mode).succeed();
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

//! What every platform has: totals, scopes and assertions. On Linux it holds for the whole crate, and with `--cfg
//! alloc_probe_portable` for what other platforms get of it.

use alloc_probe::{Mode, Scope};
use std::hint::black_box;

alloc_probe::install!();

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

#[test]
fn totals_are_counted() {
    let before = alloc_probe::thread_stats();
    let kept = block(1000);
    drop(block(500));
    let after = alloc_probe::thread_stats();
    assert_eq!(after.total_bytes - before.total_bytes, 1500);
    assert_eq!(after.total_blocks - before.total_blocks, 2);
    assert!(alloc_probe::stats().live_bytes >= kept.len() as u64 && alloc_probe::mode() != Mode::Off);
}

#[cfg(feature = "metrics")]
#[test]
fn figures_are_metrics() {
    let before = alloc_probe::stats().total_blocks;
    let text = alloc_probe::metrics();
    let after = alloc_probe::stats().total_blocks;
    let line = text.lines().find_map(|line| line.strip_prefix("alloc_probe_allocated_blocks_total "));
    let value: u64 = line.and_then(|value| value.parse().ok()).expect("a number");
    assert!((before..=after).contains(&value), "{text}");
    assert!(text.contains("\nalloc_probe_mode{mode=\"count\"} 1\n"), "{text}");
}

#[cfg(feature = "pprof")]
#[test]
fn a_profile_or_a_reason_is_had() {
    use alloc_probe::{PprofStart, pprof, pprof_since};
    // Nothing here records stacks.
    let reasons = [pprof().err(), PprofStart::now().and_then(|start| pprof_since(&start)).err()];
    for reason in reasons {
        assert_eq!(reason.map(|reason| reason.kind()), Some(std::io::ErrorKind::Unsupported));
    }
}

#[test]
fn scopes_are_measured() {
    let (kept, usage) = alloc_probe::measure(|| {
        let kept = block(300);
        drop(block(700));
        kept
    });
    assert_eq!((usage.allocations, usage.frees, usage.total_bytes), (2, 1, 1000));
    assert_eq!((usage.peak_bytes, usage.live_bytes, usage.largest_block), (1000, 300, 700));
    drop(kept);
    let outer = Scope::new();
    outer.run(|| {
        let inner = Scope::new();
        drop(inner.run(|| block(50)));
        assert_eq!(inner.usage().total_bytes, 50);
        drop(block(1));
        let here = alloc_probe::here();
        std::thread::spawn(move || here.run(|| drop(block(7000)))).join().expect("it returns");
    });
    let usage = outer.usage();
    assert!(usage.total_bytes >= 7051 && usage.largest_block == 7000, "{usage}");
    assert_eq!(Scope::new().usage(), alloc_probe::Usage::default());
}

#[test]
fn assertions_hold_or_fail() {
    assert_eq!(alloc_probe::assert_peak_below!(100, block(80).capacity()), 80);
    alloc_probe::assert_no_leak!(drop(block(10)));
    alloc_probe::assert_no_alloc!(1 + black_box(1));
    alloc_probe::assert_alloc_count!(<= 2, (drop(block(1)), drop(block(2))));
    let failed = std::panic::catch_unwind(|| alloc_probe::assert_peak_below!(50, drop(block(80))));
    let message = *failed.expect_err("it fails").downcast::<String>().expect("a message");
    assert!(message.contains("memory assertion failed") && message.contains("80"), "{message}");
}

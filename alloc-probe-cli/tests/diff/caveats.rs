//! What stands in the way of comparing two dumps is said, and what can be compared still is.

use crate::support::{Outcome, debug, diff, diff_at, release};
use alloc_probe_format::dump::*;

/// A release build of which next to nothing is matched, as all functions have other names.
fn foreign() -> Dump {
    let mut dump = release();
    for string in &mut dump.symbols.as_mut().unwrap().strings {
        *string = string.replace("orders", "invoices");
    }
    dump
}

/// The sentences below the line that says how much was matched.
fn caveats(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    let below = outcome.out.split("\nMatched ").nth(1).unwrap_or(&outcome.out);
    let end = below.find("\n\n").unwrap_or(below.len());
    let mut sentences: Vec<String> = Vec::new();
    for line in below[..end].lines() {
        match (line.strip_prefix("  - "), sentences.last_mut()) {
            (Some(begin), _) => sentences.push(begin.to_owned()),
            (None, Some(sentence)) => *sentence += line.trim_start().replacen("", " ", 1).as_str(),
            (None, None) => {}
        }
    }
    sentences
}

#[track_caller]
fn check(base: &Dump, new: &Dump, expected: &[&str]) {
    assert_eq!(caveats(&diff_at(200, base, new, &[])), expected);
}

#[test]
fn where_enough_is_matched_nothing_is_said() {
    let mut new = debug();
    new.build.crate_version = "2.0.0".into();
    new.build.rustc = "rustc 2.0".into();
    check(&debug(), &new, &[]);
}

#[test]
fn another_program() {
    let mut new = foreign();
    new.build.crate_name = "invoices".into();
    check(&debug(), &new, &["these are two programs: `orders` and `invoices`"]);
    // Where the program did not say its name, the executable tells.
    let unnamed = |mut dump: Dump, executable: &str| {
        (dump.build.crate_name, dump.process.executable) = (String::new(), executable.into());
        dump
    };
    let (base, new) = (unnamed(debug(), "/bin/orders"), unnamed(foreign(), "/bin/invoices"));
    check(&base, &new, &["these are two programs: `orders` and `invoices`"]);
}

#[test]
fn another_version_compiler_and_allocator() {
    let built = |mut dump: Dump, version: &str, rustc: &str, allocator: &str| {
        dump.build.crate_version = version.into();
        (dump.build.rustc, dump.build.allocator) = (rustc.into(), allocator.into());
        dump
    };
    check(
        &built(debug(), "1.2.3", "rustc 1.95.0", "std::alloc::System"),
        &built(foreign(), "2.0.0", "rustc 1.85.0", "Jemalloc"),
        &[
            "the program's version differs: 1.2.3 in the base, 2.0.0 in the new one",
            "the compiler differs: rustc 1.95.0 in the base, rustc 1.85.0 in the new one",
            "the allocator differs: std::alloc::System in the base, Jemalloc in the new one",
        ],
    );
}

#[test]
fn missing_symbols() {
    let mut new = foreign();
    new.symbols.as_mut().unwrap().missing =
        vec![MissingImage { image: 0, reason: "it was rebuilt since the dump".into() }];
    let outcome = diff_at(200, &debug(), &new, &[]);
    let expected = ["the new one lacks the symbols of `orders`: it was rebuilt since the dump"];
    assert_eq!(caveats(&outcome), expected);
    assert!(outcome.err.starts_with("warning: no symbols for "), "{}", outcome.err);
    assert!(outcome.err.contains("\nhint: "), "{}", outcome.err);
    check(&new, &debug(), &["the base lacks the symbols of `orders`: it was rebuilt since the dump"]);
}

#[test]
fn cut_stacks() {
    let mut new = foreign();
    // Below the root, each outermost frame: the rest was left out.
    for node in new.stacks.iter_mut().skip(1).filter(|node| node.parent == 0) {
        (node.kind, node.image) = (FrameKind::Cut, None);
    }
    check(&debug(), &new, &["the new one has cut stacks, with 100% of its bytes"]);
}

#[test]
fn no_reason() {
    let expected =
        "the dumps show no reason: the sites that are left were removed or added, or were not recognised";
    check(&debug(), &foreign(), &[expected]);
}

#[test]
fn two_allocators_are_named() {
    let mut other = debug();
    other.build.allocator = "mimalloc::MiMalloc".to_owned();
    let mut base = debug();
    base.build.allocator = "std::alloc::System".to_owned();
    let outcome = diff_at(200, &base, &other, &[]);
    for allocator in ["allocator std::alloc::System", "allocator mimalloc::MiMalloc"] {
        let line = format!("opt-level 0 with debug assertions, {allocator}");
        assert!(outcome.out.contains(&line), "{}", outcome.out);
    }
    assert!(!diff_at(200, &base, &base, &[]).out.contains("allocator std"));
}

#[test]
fn a_sample_against_every_block() {
    let mut sampled = debug();
    (sampled.mode, sampled.sample_bytes) = (Mode::Sample, Some(64 << 10));
    // Every estimate is off by a tenth.
    sampled.totals = Figures::default();
    for site in &mut sampled.sites {
        let figures = &mut site.figures;
        figures.total_bytes += figures.total_bytes / 10;
        figures.total_blocks += figures.total_blocks / 10;
        figures.peak_bytes += figures.peak_bytes / 10;
        sampled.totals.add(figures);
    }
    let outcome = diff_at(200, &debug(), &sampled, &[]);
    let expected = [
        "the base was recorded with `full`, the new one with `sample`",
        "the new one was sampled: its figures are estimates",
    ];
    assert_eq!(caveats(&outcome), expected);
    assert!(
        outcome.out.contains(
            "new   release.json  orders 1.2.3, opt-level 0 with debug assertions, sampled: estimates"
        )
    );
    assert!(outcome.out.contains("Matched 100% of the bytes (100% exactly)"), "{}", outcome.out);
    // A tenth is within the error of such a sample: nothing is said to have changed.
    assert!(!outcome.out.contains("\nWhat changed"), "{}", outcome.out);
}

#[test]
fn threads_of_other_names_and_counts() {
    let threads = |mut dump: Dump, names: &[(&str, u64)]| {
        let thread =
            |&(name, threads): &(&str, u64)| Thread { name: name.into(), threads, ..Thread::default() };
        dump.threads = names.iter().map(thread).collect();
        dump
    };
    let base = threads(debug(), &[("orders", 1), ("worker-1", 1), ("worker-2", 1)]);
    let new = threads(debug(), &[("orders", 1), ("tokio-runtime-w", 16)]);
    let outcome = diff_at(100, &base, &new, &[]);
    assert!(outcome.out.contains("Matched 100% of the bytes (100% exactly)"), "{}", outcome.out);
    assert_eq!(caveats(&outcome), [""; 0]);
}

#[test]
fn a_page_of_a_browser_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diff.html");
    assert_eq!(diff(&["--html", path.to_str().unwrap()]).status, 0);
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains("<li>the dumps show no reason: "), "{page}");
}

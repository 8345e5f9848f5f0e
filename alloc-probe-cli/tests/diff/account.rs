//! The account of both processes' memory, and what was found in it.

use crate::support::{KIB, RELEASE, debug, diff_at, dump, frames};
use alloc_probe_format::dump::*;
use serde_json::{Value, json};

/// The debug build, with nothing retained.
fn base() -> Dump {
    let mut dump = debug();
    known_heap(&mut dump, 0);
    dump
}

/// The release build after a spike: 2 MiB of its heap are retained.
fn after_a_spike() -> Dump {
    let spike = (RELEASE[1].0, 40, 2500 * KIB, 2200 * KIB, 0);
    let mut dump = dump("3", false, 0x7777_0000, &[RELEASE[0], spike, RELEASE[2]]);
    dump.memory.rss_bytes = 7000 * KIB;
    known_heap(&mut dump, 2048 * KIB);
    dump
}

/// Makes the heap of a dump known page by page: what is live, 20 KiB for C and rounding, and so much that is retained.
fn known_heap(dump: &mut Dump, retained_bytes: u64) {
    let live_bytes = dump.totals.end_bytes;
    let resident_bytes = live_bytes + retained_bytes + 20 * KIB;
    dump.process.duration_ns = 2_000_000_000;
    dump.peak_time_ns = 500_000_000;
    let low = TimelineSample { time_ns: 700_000_000, live_bytes, ..TimelineSample::default() };
    dump.timeline.samples = vec![low];
    let memory = &mut dump.memory;
    memory.categories = vec![
        Category { name: "heap".into(), bytes: resident_bytes },
        Category { name: "executable".into(), bytes: 600 * KIB },
        Category { name: "libraries".into(), bytes: 400 * KIB },
        Category { name: "probe".into(), bytes: memory.rss_bytes - resident_bytes - 1010 * KIB },
    ];
    memory.heap = Some(Heap {
        basis: HeapBasis::Chunks,
        resident_bytes,
        live_bytes,
        slack_bytes: 14 * KIB,
        retained_bytes,
        other_bytes: 6 * KIB,
        ..Heap::default()
    });
    memory.code = Some(Code { text_bytes: 800 * KIB, relocations_bytes: 150 * KIB, data_bytes: 50 * KIB });
    memory.at_peak = Some(PeakMemory {
        live_bytes: dump.totals.peak_bytes,
        resident_bytes: dump.totals.peak_bytes + 3000 * KIB,
        shared_bytes: 2500 * KIB,
        spool_bytes: 1000 * KIB,
        ..PeakMemory::default()
    });
    let name = "glibc 2.36".into();
    memory.allocator = Some(AllocatorFacts { name, arenas: 1, ..AllocatorFacts::default() });
}

#[test]
fn the_account_and_what_was_found_in_it() {
    let expected = "\
peak 700.0 KiB → 2.6 MiB (+281%)
resident 4.0 MiB → 6.8 MiB (+71%): retained +2.0 MiB, probe +792.0 KiB
without the probe’s own 1.5 MiB → 3.6 MiB (+138%)

  base  debug.json    orders 1.2.3, opt-level 0 with debug assertions
  new   release.json  orders 1.2.3, opt-level 3

Memory at the end         base         new  difference
live blocks          500.0 KiB   564.0 KiB   +64.0 KiB    +13%  asked for and not freed
retained                   0 B     2.0 MiB    +2.0 MiB          free pages the allocator keeps
code                 800.0 KiB   800.0 KiB           =          instructions and constants
relocations          150.0 KiB   150.0 KiB           =          constants with addresses in them
static data           50.0 KiB    50.0 KiB           =          variables of program and libraries
probe                  2.5 MiB     3.3 MiB  +792.0 KiB    +31%  what recording took
smaller ones          20.0 KiB    20.0 KiB           =          rounding, C code
the rest              10.0 KiB    10.0 KiB           =          resident, but none of these
──────────────────────────────────────────────────────────────
resident               4.0 MiB     6.8 MiB    +2.8 MiB    +71%
threads                      3           3           =          alive
arenas                       1           1           =          of the allocator

Near the peak             base         new  difference
live blocks          700.0 KiB     2.6 MiB    +1.9 MiB   +281%  asked for and not freed
beyond them          500.0 KiB   500.0 KiB           =          free, rounding, stacks, data
shared with files      2.4 MiB     2.4 MiB           =          code, files, the probe's spool
──────────────────────────────────────────────────────────────
resident               3.6 MiB     5.5 MiB    +1.9 MiB    +53%

Why: 1 finding

Retained, not used  +2.0 MiB
  The allocator of the new run keeps 2.0 MiB more of free pages resident, which nothing uses.
  - resident heap pages that hold no block: 2.0 MiB in the new run, 0 B in the base
  - of the new run's heap 2.6 MiB are resident, and 564.0 KiB of them are blocks in use
  - live bytes were 2.6 MiB at their peak after 500.0 ms, and nearer to the 564.0 KiB of the end
    from 700.0 ms on, in a run of 2.0 s
       2.1 MiB  orders::report::row  src/report.rs:90
  → Make the spike smaller (in parts, streamed, re-used), or have it given back: `malloc_trim(0)`
    where a burst of work is over, or an allocator that gives pages back by itself, as jemalloc
    does. `M_TRIM_THRESHOLD` is only about what lies above the last block in use.

";
    let page = diff_at(100, &base(), &after_a_spike(), &[]).out;
    assert_eq!(page.split("                          base").next(), Some(expected));
}

#[test]
fn it_keeps_to_the_width() {
    let mut counted = base();
    (counted.mode, counted.memory.heap) = (Mode::Count, None);
    for width in [80, 100, 120] {
        for base in [&base(), &counted] {
            for line in diff_at(width, base, &after_a_spike(), &[]).out.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert!(!line.ends_with(' '), "{width}: {line}|");
            }
        }
    }
}

#[test]
fn what_one_side_does_not_know_is_a_question_mark() {
    let mut counted = base();
    (counted.mode, counted.memory.heap) = (Mode::Count, None);
    let page = diff_at(100, &counted, &after_a_spike(), &[]).out;
    for line in [
        "retained                     ?     2.0 MiB           ?          free pages the allocator keeps\n",
        "smaller ones          20.0 KiB    20.0 KiB           =          rounding, C code, heap beyond them\n",
        "  - what is on the heap's pages of the base is not known: blocks were counted, not recorded\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
    assert!(!page.contains("Retained, not used"), "{page}");
}

#[test]
fn the_json_has_both_sides() {
    let outcome = diff_at(100, &base(), &after_a_spike(), &["--json"]);
    let json: Value = serde_json::from_str(&outcome.out).unwrap();
    let account = &json["memory"]["account"];
    for (side, kib) in [("base", 4096), ("new", 7000)] {
        for (account, resident) in [(account, kib * KIB), (&account["at_peak"], 0)] {
            let lines = account["lines"].as_array().unwrap();
            let sum: i64 = lines.iter().filter_map(|line| line[side].as_i64()).sum();
            assert_eq!(account["resident"][side], sum, "{side}");
            assert!(resident == 0 || account["resident"][side] == resident, "{side}");
        }
    }
    assert_eq!(
        account["lines"][3],
        json!({
            "name": "retained",
            "meaning": "free pages the allocator keeps",
            "base": 0,
            "new": 2048 * KIB,
            "difference": 2048 * KIB,
        })
    );
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = &findings[0];
    assert_eq!(
        (&finding["kind"], &finding["bytes"], &finding["in_both"]),
        (&json!("retained"), &json!(2048 * KIB), &json!(false))
    );
    assert_eq!(finding["site_bytes"][0], 2200 * KIB);
    let site = &json["sites"][finding["sites"][0].as_u64().unwrap() as usize];
    assert_eq!(frames(&json, &site["new"])[0]["function"], "orders::report::row");
    assert_eq!(finding["evidence"].as_array().unwrap().len(), 3);
}

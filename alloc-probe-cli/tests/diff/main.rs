//! `alloc-probe diff`, from two dumps to the last character of what it prints.

mod account;
mod agreement;
mod caveats;
mod classes;
mod dhat;
mod html;
mod sampled;
mod support;
mod tree;

use alloc_probe_format::dump::*;
use serde_json::Value;
use support::{KIB, debug, diff, diff_at, dump, release};

#[test]
fn the_page() {
    let expected = "\
peak 700.0 KiB → 564.0 KiB (−19%)
resident 4.0 MiB → 4.0 MiB (the same)

  base  debug.json    orders 1.2.3, opt-level 0 with debug assertions
  new   release.json  orders 1.2.3, opt-level 3

Memory at the end         base         new  difference
live blocks          500.0 KiB   564.0 KiB   +64.0 KiB    +13%  asked for and not freed
heap beyond them     400.0 KiB   336.0 KiB   −64.0 KiB    −16%  free, rounding, C: not told apart
executable             2.9 MiB  1000.0 KiB    −2.0 MiB    −67%  the program's code and data
the rest             196.0 KiB     2.1 MiB    +2.0 MiB     ×11  resident, but none of these
──────────────────────────────────────────────────────────────
resident               4.0 MiB     4.0 MiB           =
threads                      3           3           =          alive
  - what is on the heap's pages is not known: the dump is of a version that did not look

                          base         new  difference
peak                 700.0 KiB   564.0 KiB  −136.0 KiB    −19%
peak blocks                  2           3          +1    +50%
end                  500.0 KiB   564.0 KiB   +64.0 KiB    +13%
end blocks                   1           2          +1   +100%
total                  1.8 MiB     1.7 MiB   −36.0 KiB   −2.0%
total blocks             2,030          31      −1,999    −98%
peak resident          4.9 MiB     4.9 MiB           =          with the probe's own

Matched 95.3% of the bytes (95.3% exactly), 2.9% of the blocks (2.9% exactly)
  - the dumps show no reason: the sites that are left were removed or added, or were not recognised

What changed             sites      blocks       bytes        peak
elided in new                1      −2,000  −100.0 KiB           =  by optimising, or debug only
added                        1          +1   +64.0 KiB   +64.0 KiB  only the new run has them
other lives                  1           =           =  −200.0 KiB  live at other times

Top 2 of 2 sites that differ by peak-bytes

    −200.0 KiB   −33%  orders::cache::Cache::insert → Vec::push  src/cache.rs:42 → :43
600.0 KiB → 400.0 KiB  ← orders::serve                           src/main.rs:7
          other lives  ← orders::main                            src/main.rs:3

     +64.0 KiB         orders::pool::fill                        src/pool.rs:5
      none → 64.0 KiB  ← orders::main                            src/main.rs:5

Elided in new: 1 site, which allocated 100.0 KiB in 2,000 blocks
   100.0 KiB in 2,000 blocks  orders::trace_id → String::from  src/main.rs:77

Added in new: 1 site, which allocated 64.0 KiB in 1 block
    64.0 KiB in 1 block  orders::pool::fill  src/pool.rs:5
";
    let outcome = diff(&[]);
    assert_eq!(outcome.out, expected);
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));
}

#[test]
fn below_a_dependencys_site_stands_the_programs_own_function() {
    let stack: &[&str] = &[
        "__rust_alloc",
        "serde_json::read::parse read.rs:5",
        "serde_json::de::value de.rs:9",
        "serde_json::de::object de.rs:30",
        "orders::load main.rs:12",
        "orders::main main.rs:3",
    ];
    let base = dump("0", true, 0x5555_0000, &[(stack, 1, KIB, KIB, 0)]);
    let new = dump("3", false, 0x5555_0000, &[(stack, 1, 2 * KIB, 2 * KIB, 0)]);
    let expected = "
    +1.0 KiB  +100%  serde_json::read::parse  serde_json 1.0.140 src/read.rs:5
  1.0 KiB → 2.0 KiB  ← serde_json::de::value  serde_json 1.0.140 src/de.rs:9
        other sizes  ← … ← orders::load       src/main.rs:12
";
    let page = diff_at(100, &base, &new, &[]).out;
    assert!(page.ends_with(expected), "{page}");
}

#[test]
fn every_page_keeps_to_its_width() {
    for width in [80, 100, 140] {
        for more in [
            &[][..],
            &["--by", "total-blocks"],
            &["--all-frames"],
            &["--by", "end-bytes", "--top", "1"],
            &["--tree"],
            &["--tree", "--by", "total-blocks"],
        ] {
            let page = diff_at(width, &debug(), &release(), more).out;
            for line in page.lines() {
                assert!(line.chars().count() <= width, "{width} {more:?}: {line}");
                assert!(!line.ends_with(' '), "{width} {more:?}: {line}|");
            }
        }
    }
}

#[test]
fn what_lies_elsewhere_is_no_difference() {
    let mut base = debug();
    base.images[0].build_id = "0123456789".to_owned();
    let mut moved = base.clone();
    moved.images[0].load_address += 0x1000;
    moved.stacks.iter_mut().for_each(|node| node.address += 0x1230);
    let symbols = moved.symbols.as_mut().unwrap();
    for string in &mut symbols.strings {
        *string = string.replace("/home/me/orders/", "/builds/17/orders/");
        if string.starts_with("orders::") {
            string.push_str("::h0123456789abcdef");
        }
    }
    let outcome = diff_at(100, &base, &moved, &[]);
    assert!(outcome.out.contains("peak 700.0 KiB → 700.0 KiB (the same)"), "{}", outcome.out);
    assert!(outcome.out.contains("Matched 100% of the bytes (100% exactly)"), "{}", outcome.out);
    assert!(
        outcome.out.contains("\nBoth are runs of one binary, and allocated the same at every site.\n"),
        "{}",
        outcome.out
    );
    assert!(outcome.out.ends_with("No site differs by peak-bytes.\n"), "{}", outcome.out);
}

#[test]
fn a_function_without_symbols_is_shown_without_its_address() {
    let strip = |mut dump: Dump| {
        let symbols = dump.symbols.as_mut().unwrap();
        for (index, string) in symbols.strings.iter_mut().enumerate() {
            if string.starts_with("orders::") {
                *string = format!("{:#x} in orders", 0x1000 + index);
            }
        }
        dump
    };
    let outcome = diff_at(100, &strip(debug()), &strip(release()), &[]);
    assert!(outcome.out.contains("?? in orders"), "{}", outcome.out);
    assert!(!outcome.out.contains("0x"), "{}", outcome.out);
}

#[test]
fn the_json_adds_up() {
    let outcome = diff(&["--json"]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    let json: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(json["schema_version"], 2);
    assert_eq!(
        (&json["base"]["peak_bytes"], &json["new"]["peak_bytes"]),
        (&(700 * KIB).into(), &(564 * KIB).into())
    );
    let sites = json["sites"].as_array().unwrap();
    for (side, dump) in [("base", debug()), ("new", release())] {
        for (figure, total) in
            [("total_bytes", dump.totals.total_bytes), ("peak_bytes", dump.totals.peak_bytes)]
        {
            let sum: u64 = sites.iter().filter_map(|site| site[side][figure].as_u64()).sum();
            assert_eq!(sum, total, "{side} {figure}");
        }
        let lines = json["memory"]["account"]["lines"].as_array().unwrap();
        let bytes: i64 = lines.iter().filter_map(|line| line[side].as_i64()).sum();
        assert_eq!(json["memory"]["rss_bytes"][side], bytes, "{side}");
    }
    let rows: Vec<(&Value, &Value, i64)> = sites
        .iter()
        .map(|site| (&site["match"], &site["only_in"], site["difference"].as_i64().unwrap()))
        .collect();
    let (null, kib) = (&Value::Null, KIB as i64);
    assert_eq!(
        rows,
        [
            (&"exact".into(), null, -200 * kib),
            (null, &"new".into(), 64 * kib),
            (&"exact".into(), null, 0),
            (null, &"base".into(), 0),
        ]
    );
    assert_eq!(support::frames(&json, &sites[0]["new"])[1]["line"], 43);
    // Of 1,800 and 1,764 KiB, the 1,700 of the cache and the report have a counterpart on either side.
    let bytes = json["matched"]["bytes_percent"].as_f64().unwrap();
    assert!((bytes - 3400.0 * 100.0 / 3564.0).abs() < 1e-3, "{bytes}");
}

#[test]
fn conditions_decide_the_status() {
    let held = diff(&["--fail-if", "peak_bytes > +5%", "--fail-if", "unmatched_bytes > 10%"]);
    assert_eq!((held.status, held.err.as_str()), (0, ""));
    let crossed = diff(&[
        "--fail-if",
        "end_bytes > +5%",
        "--fail-if",
        "end_blocks > 1",
        "--fail-if",
        "end_bytes > +64KiB",
        "--fail-if",
        "unmatched_blocks > 90%",
    ]);
    assert_eq!(crossed.status, 1);
    assert_eq!(
        crossed.err,
        "failed: end_bytes > +5%: it went from 512,000 to 577,536 bytes (+12.8%)\n\
         failed: end_blocks > 1: it went from 1 to 2\n\
         failed: unmatched_blocks > 90%: it is 97.1%\n"
    );
    let wrong = diff(&["--fail-if", "speed > 5"]);
    assert_eq!((wrong.status, wrong.out.as_str()), (2, ""));
    let reason = wrong.err.lines().next().unwrap();
    assert!(reason.contains("no figure is called `speed`; there are peak_bytes, "), "{reason}");
}

#[test]
fn counts_alone_are_compared_as_far_as_they_go() {
    let mut counts = release();
    (counts.mode, counts.sites, counts.symbols) = (Mode::Count, Vec::new(), None);
    counts.stacks.truncate(1);
    let outcome = diff_at(100, &debug(), &counts, &[]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    assert!(outcome.out.contains("peak                 700.0 KiB   564.0 KiB"), "{}", outcome.out);
    assert!(
        outcome.out.contains("- the base was recorded with `full`, the new one with `count`"),
        "{}",
        outcome.out
    );
    assert!(
        outcome.out.contains("- the new one has no call sites: only totals can be compared"),
        "{}",
        outcome.out
    );
    assert!(!outcome.out.contains("Gone in new"), "{}", outcome.out);
}

#[test]
fn twice_the_work_is_told() {
    let mut twice = debug();
    twice.totals = Figures::default();
    for site in &mut twice.sites {
        (site.figures.total_blocks, site.figures.total_bytes) =
            (site.figures.total_blocks * 2, site.figures.total_bytes * 2);
        twice.totals.add(&site.figures);
    }
    let outcome = diff_at(100, &debug(), &twice, &[]);
    assert!(
        outcome.err.starts_with("warning: most sites of the new run allocated 2.00 times as often"),
        "{}",
        outcome.err
    );
}

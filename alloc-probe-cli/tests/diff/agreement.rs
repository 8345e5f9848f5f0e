//! Tables, lists, headline and JSON agree: what is said twice is the same.

use crate::support::{debug, diff_at, release};
use alloc_probe_format::dump::{Dump, Figures, Operation};
use serde_json::Value;
use std::collections::BTreeMap;

/// The classes as the table has them: sites, and how many blocks more the new run has.
fn table(page: &str) -> BTreeMap<String, (u64, i64)> {
    let rows = page.lines().skip_while(|line| !line.starts_with("What changed")).skip(1);
    rows.take_while(|line| !line.is_empty())
        .map(|line| {
            let name = line.chars().take(18).collect::<String>().trim().to_owned();
            let figures: Vec<String> =
                line.chars().skip(18).collect::<String>().split_whitespace().map(str::to_owned).collect();
            (name, (number(&figures[0]).unsigned_abs(), number(&figures[1])))
        })
        .collect()
}

fn number(text: &str) -> i64 {
    if text == "=" {
        return 0;
    }
    let sign = if text.starts_with('−') { -1 } else { 1 };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    sign * digits.parse::<i64>().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The lists below the sites: their titles, sites and blocks.
fn lists(page: &str) -> BTreeMap<String, (u64, i64)> {
    let list = |line: &str| {
        let (title, rest) = line.split_once(": ")?;
        let (sites, rest) = rest.split_once(" site")?;
        let blocks = rest.split_once(" in ")?.1.split_once(" block")?.0;
        Some((title.to_owned(), (number(sites).unsigned_abs(), number(blocks))))
    };
    page.lines().filter(|line| line.contains(", which allocated ")).filter_map(list).collect()
}

fn check(base: &Dump, new: &Dump, what: &str) {
    let page = diff_at(120, base, new, &[]).out;
    let json: Value = serde_json::from_str(&diff_at(120, base, new, &["--json"]).out).unwrap();
    for line in page.lines() {
        assert!(!line.ends_with(' ') && !line.contains(" 0 B in 0 blocks"), "{what}: {line}|");
    }
    // The headline, the table of figures and JSON.
    let first = page.lines().next().unwrap();
    let row = page.lines().find(|line| line.starts_with("peak  ")).unwrap();
    let sides: Vec<&str> = row.split_whitespace().skip(1).take(4).collect();
    let headline = format!("peak {} {} → {} {} (", sides[0], sides[1], sides[2], sides[3]);
    assert!(first.starts_with(&headline), "{what}: {first} and {row}");
    let side = |side: &str| json[side]["peak_bytes"].as_i64().unwrap();
    let sites = json["sites"].as_array().unwrap();
    let sum: i64 = sites.iter().map(|site| site["difference"].as_i64().unwrap()).sum();
    assert_eq!(side("new") - side("base"), sum, "{what}: rows add up to the whole");
    // Classes: JSON's sums, its rows, the table, the lists, and each class alone.
    let (table, lists) = (table(&page), lists(&page));
    for class in json["classes"].as_array().unwrap() {
        let name = class["class"].as_str().unwrap();
        let count = class["sites"].as_u64().unwrap();
        let blocks = class["total_blocks"]["difference"].as_i64().unwrap();
        let of_class = sites.iter().filter(|site| site["class"] == name);
        assert_eq!(of_class.count() as u64, count, "{what}: {name}");
        let word = match name {
            "more-work" => "more work",
            "less-work" => "less work",
            "capacity" => "other sizes",
            "lifetime" => "other lives",
            name => name,
        };
        let row = table.iter().find(|(row, _)| row.starts_with(word));
        assert_eq!(row.map(|(_, figures)| *figures), Some((count, blocks)), "{what}: {name}\n{page}");
        if ["elided", "gone", "added"].contains(&name) {
            let list = lists.iter().find(|(title, _)| title.to_lowercase().starts_with(name));
            assert_eq!(
                list.map(|(_, figures)| *figures),
                Some((count, blocks.abs())),
                "{what}: {name}\n{page}"
            );
        }
        let alone = diff_at(120, base, new, &["--only", name, "--top", "1000"]).out;
        let plural = if count == 1 { "" } else { "s" };
        let title = format!("Top {count} of {count} site{plural} of class “{word}”");
        assert!(alone.contains(&title), "{what}: {title} in\n{alone}");
    }
    assert_eq!(table.len(), json["classes"].as_array().unwrap().len(), "{what}\n{page}");
}

/// The sites of a dump, each with other figures, from a seed; some have none.
fn changed(mut dump: Dump, seed: u64) -> Dump {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    (0..8).for_each(|_| {
        next(2);
    });
    dump.totals = Figures::default();
    for site in &mut dump.sites {
        let blocks = [0, 1, 10, 2000][next(4) as usize];
        let size = 16 << next(8);
        let live = if blocks == 0 { 0 } else { next(blocks + 1) };
        site.figures = Figures {
            total_blocks: blocks,
            total_bytes: blocks * size,
            peak_blocks: live,
            peak_bytes: live * size,
            ..Figures::default()
        };
        dump.totals.add(&site.figures);
    }
    dump
}

#[test]
fn what_is_said_twice_is_the_same() {
    check(&debug(), &release(), "debug to release");
    check(&release(), &debug(), "release to debug");
    for seed in 0..24 {
        let (base, new) = (changed(debug(), 2 * seed + 1), changed(release(), 2 * seed + 2));
        check(&base, &new, &format!("made up {seed}"));
        check(&base, &changed(debug(), 2 * seed + 2), &format!("of one build {seed}"));
    }
}

#[test]
fn where_nothing_differs_that_is_said() {
    for (by, word) in [("peak-bytes", "peak"), ("total-blocks", "total blocks")] {
        let page = diff_at(100, &debug(), &debug(), &["--by", by]).out;
        assert!(page.starts_with(word) && page.lines().next().unwrap().ends_with("(the same)"), "{page}");
        assert!(page.ends_with(&format!("\n\nNo site differs by {by}.\n")), "{page}");
        assert!(!page.contains("What changed") && !page.contains("Why"), "{page}");
    }
    let page = diff_at(100, &debug(), &debug(), &["--only", "gone"]).out;
    assert!(page.ends_with("\n\nNo site is “gone”.\n"), "{page}");
}

/// Operations of both runs come in pairs, by name; one that only one run did has none on the other side.
#[test]
fn operations_are_paired() {
    let operation = |name: &str, finished, total_bytes| Operation {
        name: name.to_owned(),
        started: finished,
        finished,
        total_bytes,
        duration_ns: finished * 1_000_000,
        latencies: vec![(1_000_000, finished)],
        ..Operation::default()
    };
    let (mut base, mut new) = (debug(), release());
    base.operations = vec![operation("browse", 10, 100), operation("create", 40, 4_000)];
    new.operations = vec![operation("create", 40, 3_000), operation("report", 1, 70)];
    let json: Value = serde_json::from_str(&diff_at(100, &base, &new, &["--json"]).out).unwrap();
    let told: Vec<_> = json["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| {
            let figure = |side: &str| operation[side]["total_bytes"].as_u64();
            (operation["name"].as_str().unwrap(), figure("base"), figure("new"))
        })
        .collect();
    let expected =
        [("create", Some(4_000), Some(3_000)), ("browse", Some(100), None), ("report", None, Some(70))];
    assert_eq!(told, expected);
}

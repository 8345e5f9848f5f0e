//! Deep recursion: what a person calls one site is one row, in every command.

use crate::support::{alloc_probe, directory, frames, parser, write};
use alloc_probe_format::dump::{Figures, Site};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Stacks of three functions that call each other, up to sixty calls deep, from a seed.
fn stacks() -> Vec<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut stack = |_| {
        let depth = 1 + next(60);
        let calls = (0..depth).map(|_| ['e', 's', 'b'][next(3) as usize]);
        calls.chain(['l']).collect::<String>()
    };
    let all: HashSet<String> = (0..400).map(&mut stack).collect();
    let mut all: Vec<String> = all.into_iter().collect();
    all.sort();
    all
}

/// What is left of a stack when each function stands once, at its innermost call, and how many turns that leaves out: by the
/// definition, not by the program.
fn folded(stack: &str) -> (String, u64) {
    let (mut left, mut turns) = (String::new(), 0);
    for letter in stack.chars() {
        if let Some(at) = left.find(letter) {
            left.truncate(at);
            turns += 1;
        }
        left.push(letter);
    }
    (left, turns)
}

fn written(directory: &tempfile::TempDir, stacks: &[String]) -> String {
    write(&parser(stacks), &directory.path().join("parser.json")).to_str().unwrap().to_owned()
}

#[test]
fn sites_are_stacks_that_read_the_same_and_turns_are_counted() {
    let (directory, stacks) = (directory(), stacks());
    let mut expected: HashMap<String, (u64, u64, u64)> = HashMap::new();
    for (path, turns) in stacks.iter().map(|stack| folded(stack)) {
        let (count, least, most) = expected.entry(path).or_insert((0, turns, turns));
        (*count, *least, *most) = (*count + 1, turns.min(*least), turns.max(*most));
    }
    let shown = alloc_probe(&["show", &written(&directory, &stacks), "--json"]);
    let json: Value = serde_json::from_str(&shown.out).unwrap();
    let letter = |frame: &&Value| match frame["function"].as_str().unwrap() {
        "orders::parse::expression" => Some('e'),
        "orders::parse::statement" => Some('s'),
        "orders::parse::block_of" => Some('b'),
        "orders::parse::leaf" => Some('l'),
        _ => None,
    };
    let mut found = HashMap::new();
    for site in json["sites"].as_array().unwrap() {
        let stack: String = frames(&json, &site["stack"]).iter().filter_map(letter).collect();
        let figure = |value: &Value| value.as_u64().unwrap();
        let told = (figure(&site["stacks"]), figure(&site["turns"][0]), figure(&site["turns"][1]));
        assert_eq!(site["total_blocks"], site["stacks"]);
        assert!(found.insert(stack.chars().rev().collect::<String>(), told).is_none(), "twice: {stack}");
    }
    assert_eq!(found, expected);
    assert!(found.len() < 20 && stacks.len() > 300);
    let each = alloc_probe(&["show", &written(&directory, &stacks), "--json", "--all-stacks"]);
    let each: Value = serde_json::from_str(&each.out).unwrap();
    let each = each["sites"].as_array().unwrap();
    assert_eq!(each.len(), stacks.len());
    assert!(each.iter().all(|site| site["turns"] == serde_json::json!([0, 0])));
}

/// The rows of a table of sites: the lines of each without its figures.
fn rows(table: &str) -> Vec<String> {
    let begin = table.lines().position(|line| line.ends_with("  site")).expect("a table of sites");
    let at = table.lines().nth(begin).and_then(|line| line.find("site")).unwrap();
    let lines: Vec<String> =
        table.lines().skip(begin + 1).map(|line| line.chars().skip(at).collect()).collect();
    let rows = lines.split(|line| line.is_empty()).map(|row| row.join("\n"));
    rows.filter(|row| !row.is_empty()).collect()
}

#[test]
fn no_two_rows_read_the_same() {
    let (directory, stacks) = (directory(), stacks());
    let file = written(&directory, &stacks);
    for more in [&[][..], &["--all-stacks"], &["--all-frames"]] {
        let shown = alloc_probe(&[&["show", &file, "--top", "1000"][..], more].concat());
        let rows = rows(&shown.out);
        let different: HashSet<&String> = rows.iter().collect();
        assert!(rows.len() > 5, "{}", shown.out);
        assert_eq!(different.len(), rows.len(), "{more:?}\n{}", shown.out);
    }
}

#[test]
fn pictures_and_folded_stacks_fold_recursion_too() {
    let directory = directory();
    let file = written(&directory, &["eseesl".to_owned(), "esl".to_owned()]);
    let folded =
        |more: &[&str]| alloc_probe(&[&["export", &file, "--format", "folded"][..], more].concat()).out;
    let path = |calls: &[&str]| {
        let calls = calls.iter().map(|call| format!("orders::parse::{call}"));
        std::iter::once("orders::main".to_owned()).chain(calls).collect::<Vec<_>>().join(";")
    };
    assert_eq!(folded(&[]), format!("{} 2\n", path(&["expression", "statement", "leaf"])));
    let whole = path(&["expression", "statement", "expression", "expression", "statement", "leaf"]);
    assert!(folded(&["--all-stacks"]).contains(&format!("{whole} 1\n")), "{}", folded(&["--all-stacks"]));
    let picture = |more: &[&str]| {
        let svg = directory.path().join("out.svg");
        let drawn = alloc_probe(&[&["flamegraph", &file, "-o", svg.to_str().unwrap()][..], more].concat());
        assert_eq!(drawn.status, 0, "{}", drawn.err);
        std::fs::read_to_string(svg).unwrap().matches("<title>orders::parse::expression").count()
    };
    assert_eq!((picture(&[]), picture(&["--all-stacks"])), (1, 3));
    // DHAT's viewer folds nothing: it has every stack.
    let dhat = alloc_probe(&["export", &file, "--format", "dhat"]).out;
    let dhat: Value = serde_json::from_str(&dhat).unwrap();
    assert_eq!(dhat["pps"].as_array().unwrap().len(), 2);
}

/// A parser that allocates at each of five hundred depths: no site repeats the frames of those outward of it.
#[test]
fn json_is_no_larger_than_three_times_the_dump() {
    let directory = directory();
    let mut dump = parser(&["esb".repeat(167)]);
    let site = dump.sites[0].clone();
    dump.sites = (3..dump.stacks.len() as u32).map(|row| Site { stack: row, ..site.clone() }).collect();
    dump.totals = Figures::default();
    dump.sites.iter().for_each(|site| dump.totals.add(&site.figures));
    assert!(dump.sites.len() > 500);
    let path = write(&dump, &directory.path().join("deep.json"));
    let (file, bytes) = (path.to_str().unwrap(), std::fs::metadata(&path).unwrap().len() as usize);
    let show = alloc_probe(&["show", file, "--json"]);
    assert!(show.status == 0 && show.out.len() <= 3 * bytes, "{} of {bytes}: {}", show.out.len(), show.err);
    let diff = alloc_probe(&["diff", file, file, "--json"]);
    assert!(diff.status == 0 && diff.out.len() <= 6 * bytes, "{} of {bytes}: {}", diff.out.len(), diff.err);
}

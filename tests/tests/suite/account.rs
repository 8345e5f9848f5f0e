//! The account of resident memory that a diff prints, on real programs: it adds up, and explains nearly all of it.

use crate::binaries::Profile;
use crate::faults::Faults;
use crate::run::Subject;
use crate::tool::{alloc_probe, json};
use crate::{orders, sources};
use alloc_probe_format::dump::Mode;
use std::path::Path;

/// The share of the resident memory that lines must explain that say what it is.
const EXPLAINED: f64 = 0.97;

/// Sources that are parsed and searched.
const FILES: usize = 8;

#[test]
fn it_explains_the_memory_of_real_programs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let served = folder.path().join("orders.json");
    orders::run(Profile::Release, &served);
    check("orders", &served);
    let (_folder, list) = sources::list(FILES);
    let with_allocators: &[_] = if cfg!(feature = "allocators") { &["jemalloc", "mimalloc"] } else { &[] };
    for &name in ["parse_sources", "search_sources"].iter().chain(with_allocators) {
        let subject = Subject::new(name, Profile::Release, Mode::Full).argument(&list);
        let run = subject.run().expect_success();
        check(name, &run.dump_path());
    }
}

/// Holds the account of a dump against the resident memory that it states.
fn check(program: &str, dump: &Path) {
    let mut faults = Faults::of(program);
    let diff = json(alloc_probe().arg("diff").arg(dump).arg(dump).args(["--json", "--top", "1"]));
    let resident = diff["memory"]["rss_bytes"]["new"].as_i64().unwrap_or(0);
    let account = &diff["memory"]["account"];
    let lines: Vec<(&str, i64)> = account["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .filter_map(|line| Some((line["name"].as_str()?, line["new"].as_i64()?)))
        .collect();
    faults.equal("the sum of the lines", lines.iter().map(|(_, bytes)| bytes).sum::<i64>(), resident);
    let unexplained: i64 = lines
        .iter()
        .filter(|(name, _)| {
            ["the rest", "heap beyond them", "other mappings", "without blocks"].contains(name)
        })
        .map(|(_, bytes)| bytes.abs())
        .sum();
    let explained = 1.0 - unexplained as f64 / resident as f64;
    faults.check(explained >= EXPLAINED, format_args!("{explained} of {resident} is explained: {lines:?}"));
    println!("{program}: {explained:.4} of {resident}, {lines:?}");
}

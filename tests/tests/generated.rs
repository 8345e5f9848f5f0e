//! Random programs in random pairs of builds, and whether what the diff says of them is so, block by block. `cargo test`
//! alone leaves it out; the suite has a few of these programs. docs/testing.md says what can be set.
//!
//! ```text
//! TRUTH_SEEDS=0..300 cargo test --release -p alloc-probe-tests --test generated -- --nocapture
//! ```

#[allow(dead_code)]
#[path = "suite/cargo.rs"]
mod cargo;
mod generate;
#[path = "suite/truth/mod.rs"]
mod truth;

use cargo::target;
use generate::{Program, grow, package, shrink};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use truth::build::{Package, Program as Run};
use truth::table::{Cell, all_pairs, judge_programs, judged};
use truth::verdict::LIMITS;

/// So many programs are one binary: they are built together, and each runs by itself.
const IN_EACH: usize = 25;

/// The builds of each binary, which take turns.
const BUILDS: [[&str; 3]; 6] = [
    ["0", "3", "fat"],
    ["0", "s", "3"],
    ["0", "1", "fatx1"],
    ["0", "3x1", "thin"],
    ["0", "3", "s"],
    ["1", "3", "fat"],
];

/// So many candidates are built together where a program shrinks.
const CANDIDATES: usize = 4;

#[test]
fn random_programs() {
    let seeds = seeds();
    let named: Vec<(String, Program)> = seeds.clone().map(|seed| (name(seed), grow(seed))).collect();
    let folder = target().join("truth").join(format!("generated-{}-{}", seeds.start, seeds.end));
    let binaries = package::write(&folder, &named, IN_EACH);
    let run = |((name, _), binary): (&(String, Program), &String)| Run {
        name: name.clone(),
        binary: binary.clone(),
        argument: Some(name.clone()),
    };
    let package = Package::made(&folder, named.iter().zip(&binaries).map(run).collect());
    let chosen = std::env::var("TRUTH_BUILDS").ok();
    let group: BTreeMap<String, u64> =
        seeds.clone().map(|seed| (name(seed), (seed - seeds.start) / IN_EACH as u64 + seeds.start)).collect();
    let pairs = |program: &str| {
        let turn = BUILDS[group[program] as usize % BUILDS.len()].map(str::to_owned);
        let builds = chosen.as_ref().map(|builds| builds.split(',').map(str::to_owned).collect::<Vec<_>>());
        let mut pairs = all_pairs(&builds.unwrap_or(turn.to_vec()));
        // Two runs of one build: of some programs.
        if !seed(program).is_multiple_of(5) {
            pairs.pop();
        }
        pairs
    };
    let failures = judge_programs(&package, pairs, |_| LIMITS);
    if std::env::var_os("TRUTH_SHRINK").is_some() {
        for (cell, _) in failures.iter().take(3) {
            let small = small(cell);
            println!("{} → {}: {} shrinks to\n{small}", cell.base, cell.new, cell.program);
        }
    }
    let failures: Vec<String> = failures.into_iter().map(|(_, failure)| failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The seeds that are asked for.
fn seeds() -> Range<u64> {
    let seeds = std::env::var("TRUTH_SEEDS").unwrap_or_else(|_| "0..25".to_owned());
    let (start, end) = seeds.split_once("..").expect("seeds are a range, as 0..25");
    let number = |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no seed"));
    number(start)..number(end)
}

fn name(seed: u64) -> String {
    format!("p{seed}")
}

fn seed(name: &str) -> u64 {
    name.strip_prefix('p').and_then(|seed| seed.parse().ok()).expect("the name of a program")
}

/// The text of a program that has a fault in the same two builds as a cell, and no more than the fault needs.
fn small(cell: &Cell) -> String {
    let folder = target().join("truth").join("shrinking");
    let fault = |candidates: &[Program]| {
        let named: Vec<(String, Program)> = candidates
            .iter()
            .enumerate()
            .map(|(number, program)| (format!("p{number}"), program.clone()))
            .collect();
        let _ = fs::remove_dir_all(folder.join("src"));
        let binaries = package::write(&folder, &named, 1);
        let runs = named.iter().zip(binaries).map(|((name, _), binary)| Run {
            name: name.clone(),
            binary,
            argument: Some(name.clone()),
        });
        let package = Package::made(&folder, runs.collect());
        judged(&package, &cell.base, &cell.new).iter().position(|verdict| verdict.fault(&LIMITS).is_some())
    };
    let small = shrink(grow(seed(&cell.program)), CANDIDATES, fault);
    package::write(&folder, &[("p0".to_owned(), small)], 1);
    [folder.join("src/bin/g0/p0.rs"), folder.join("parts/src/p0.rs")].map(|path| read(&path)).concat()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

//! The table of verdicts: programs, each in pairs of builds.

use super::build::{Build, Package, Program};
use super::claims::Claims;
use super::recording::Built;
use super::verdict::{COLUMNS, Limits, Verdict, judge};
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use std::collections::{BTreeMap, BTreeSet};

/// A program in two builds, or in two runs of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) program: String,
    pub(crate) base: String,
    pub(crate) new: String,
}

impl Cell {
    /// What stands in the table's first columns.
    fn title(&self) -> String {
        format!("{} | {} → {}", self.program, self.base, self.new)
    }
}

/// All pairs of some builds, the first of each pair being the earlier one, and two runs of the first that is optimised.
pub(crate) fn all_pairs(builds: &[String]) -> Vec<(String, String)> {
    let pair = |base: &String, new: &String| (base.clone(), new.clone());
    let later = |base: usize| builds[base + 1..].iter();
    let mut pairs: Vec<_> =
        (0..builds.len()).flat_map(|base| later(base).map(move |new| pair(&builds[base], new))).collect();
    let repeated = builds.iter().find(|build| !build.starts_with('0')).or(builds.first());
    pairs.extend(repeated.map(|build| pair(build, build)));
    pairs
}

/// Judges programs of a package, and prints the table. Each is compared in the pairs of builds that are given for it, and
/// each cell has its limits. Returns what is wrong.
pub(crate) fn judge_programs(
    package: &Package,
    pairs: impl Fn(&str) -> Vec<(String, String)> + Sync,
    limits: impl Fn(&Cell) -> Limits,
) -> Vec<(Cell, String)> {
    let only = std::env::var("TRUTH_ONLY").ok();
    let is_wanted = |program: &&Program| {
        only.as_ref().is_none_or(|only| only.split(',').any(|wanted| program.name == wanted))
    };
    let programs: Vec<&Program> = package.programs.iter().filter(is_wanted).collect();
    let mut binaries = BTreeMap::<String, BTreeSet<String>>::new();
    for program in &programs {
        for build in pairs(&program.name).into_iter().flat_map(|(base, new)| [base, new]) {
            binaries.entry(build).or_default().insert(program.binary.clone());
        }
    }
    let builds: BTreeMap<String, Built> = binaries
        .into_iter()
        .map(|(name, binaries)| (name.clone(), Built::new(package, Build::named(&name), binaries)))
        .collect();
    println!("{COLUMNS}");
    let mut failures = Vec::new();
    let mut claims = Claims::default();
    let mut cells = 0;
    // As many at once as there are threads, and what is printed stays in order.
    for some in programs.chunks(rayon::current_num_threads().max(1)) {
        let judged =
            some.par_iter().flat_map_iter(|program| judge_program(program, &pairs(&program.name), &builds));
        for (cell, verdict) in judged.collect::<Vec<_>>() {
            println!("| {} | {verdict} |", cell.title());
            claims.add(&verdict.claims);
            cells += 1;
            let failure = verdict.failure(&cell.title(), &limits(&cell));
            failures.extend(failure.map(|failure| (cell, failure)));
        }
    }
    println!("\n{} programs, {cells} cells, {} of them with faults", programs.len(), failures.len());
    println!("\n{claims}");
    failures
}

/// The verdicts on a program.
fn judge_program(
    program: &Program,
    pairs: &[(String, String)],
    builds: &BTreeMap<String, Built<'_>>,
) -> Vec<(Cell, Verdict)> {
    let runs: BTreeSet<(&str, usize)> = pairs
        .iter()
        .flat_map(|(base, new)| [(base.as_str(), 0), (new.as_str(), usize::from(base == new))])
        .collect();
    let record = |(build, run): (&str, usize)| ((build.to_owned(), run), builds[build].record(program, run));
    let runs: BTreeMap<_, _> = runs.into_par_iter().map(record).collect();
    let judge = |(base, new): &(String, String)| {
        let cell = Cell { program: program.name.clone(), base: base.clone(), new: new.clone() };
        let verdict = judge(&runs[&(base.clone(), 0)], &runs[&(new.clone(), usize::from(base == new))]);
        (cell, verdict)
    };
    pairs.par_iter().map(judge).collect()
}

/// The verdicts on all programs of a package in two builds, or in two runs of one.
pub(crate) fn judged(package: &Package, base: &str, new: &str) -> Vec<Verdict> {
    let binaries: BTreeSet<String> = package.programs.iter().map(|program| program.binary.clone()).collect();
    let builds: BTreeMap<String, Built> = [base, new]
        .map(|name| (name.to_owned(), Built::new(package, Build::named(name), binaries.clone())))
        .into_iter()
        .collect();
    let pair = [(base.to_owned(), new.to_owned())];
    let programs = package.programs.iter();
    programs.flat_map(|program| judge_program(program, &pair, &builds)).map(|(_, verdict)| verdict).collect()
}

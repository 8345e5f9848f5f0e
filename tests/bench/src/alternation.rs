//! Running a workload plain and under each candidate, in turns, so that what disturbs the machine for a while disturbs all;
//! and what came of it, as medians of the rounds.

use crate::candidates::{Candidate, Programs};
use crate::cores::Cores;
use crate::median;
use crate::workloads::{Told, Workload, now};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// What is to be compared, and how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The work.
    pub workloads: Vec<Workload>,
    /// Who does it.
    pub candidates: Vec<Candidate>,
    /// How often each of them does it.
    pub rounds: usize,
    /// How much of it there is.
    pub scale: f64,
}

/// A candidate's run against the plain runs just before and after it.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Nanoseconds that the plain program took for an operation.
    pub plain_nanos: f64,
    /// Nanoseconds added to each operation.
    pub added_nanos: f64,
    /// The time as a multiple of the plain program's.
    pub time: f64,
    /// The peak of resident memory as a multiple.
    pub memory: f64,
    /// Milliseconds added to the time from the end of the work to that of the process.
    pub end_millis: f64,
    /// Bytes that were left in files.
    pub file_bytes: f64,
}

/// What one run told, and what it left.
#[derive(Clone, Copy)]
struct Run {
    told: Told,
    end: Duration,
    file_bytes: u64,
}

/// Runs one workload, and calls `report` with each candidate's comparisons, one for each round.
///
/// # Panics
///
/// Where a program fails.
pub fn compare(
    plan: &Plan,
    workload: Workload,
    programs: &Programs,
    list: &Path,
    mut report: impl FnMut(&Candidate, &[Comparison]),
) {
    let all = Cores::allowed();
    let cores = if workload.is_parallel() { all } else { all.first() };
    cores.keep_to();
    let mut shares: Vec<f64> = plan.candidates.iter().map(|candidate| candidate.share).collect();
    shares.sort_by(|one, other| other.total_cmp(one));
    shares.dedup();
    for share in shares {
        let scale = plan.scale * share;
        let run = |candidate: &Candidate| run(candidate, workload, scale, programs, list);
        let candidates: Vec<&Candidate> =
            plan.candidates.iter().filter(|candidate| candidate.share == share).collect();
        let mut found = vec![Vec::new(); candidates.len()];
        for _ in 0..plan.rounds {
            let mut before = run(&Candidate::PLAIN);
            for (candidate, found) in candidates.iter().zip(&mut found) {
                let measured = run(candidate);
                let after = run(&Candidate::PLAIN);
                found.push(Comparison::of(&measured, &before, &after));
                before = after;
            }
        }
        for (candidate, found) in candidates.into_iter().zip(&found) {
            report(candidate, found);
        }
    }
    all.keep_to();
}

fn run(candidate: &Candidate, workload: Workload, scale: f64, programs: &Programs, list: &Path) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = candidate.command(programs, folder.path());
    let output =
        command.args([workload.name(), &scale.to_string()]).arg(list).output().expect("the program starts");
    let ended = now();
    let (text, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let told = text.parse::<Told>();
    let Ok(told) = told else { panic!("{}, {}: {text}{complaint}", candidate.name, workload.name()) };
    assert!(output.status.success(), "{}, {}: {complaint}", candidate.name, workload.name());
    let files = std::fs::read_dir(folder.path()).into_iter().flatten().flatten();
    let file_bytes = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    Run { told, end: ended.saturating_sub(told.end), file_bytes }
}

impl Comparison {
    fn of(measured: &Run, before: &Run, after: &Run) -> Comparison {
        let nanos = |run: &Run| run.told.time.as_nanos() as f64 / run.told.operations.max(1) as f64;
        let peak = |run: &Run| run.told.peak_kib as f64;
        let end = |run: &Run| run.end.as_secs_f64() * 1e3;
        let plain_nanos = (nanos(before) + nanos(after)) / 2.0;
        Comparison {
            plain_nanos,
            added_nanos: nanos(measured) - plain_nanos,
            time: nanos(measured) / plain_nanos,
            memory: peak(measured) / ((peak(before) + peak(after)) / 2.0),
            end_millis: end(measured) - (end(before) + end(after)) / 2.0,
            file_bytes: measured.file_bytes as f64,
        }
    }
}

/// The first line of a workload's table.
pub fn heading(workload: Workload) -> String {
    format!(
        "{:16}{:>10}{:>14}{:>9}{:>9}{:>11}{:>12}",
        workload.name(),
        "plain",
        "added",
        "time",
        "memory",
        "end",
        "file"
    )
}

/// A candidate's line: the medians of its rounds.
pub fn line(candidate: &Candidate, rounds: &[Comparison]) -> String {
    let middle = |figure: fn(&Comparison) -> f64| median(rounds.iter().map(figure).collect());
    let mut line = format!("  {:14}", candidate.name);
    let (plain, added) = (middle(|round| round.plain_nanos), middle(|round| round.added_nanos));
    // What is one operation for some is milliseconds long for others.
    let written = match plain {
        nanos if nanos < 1e4 => write!(line, "{plain:>7.1} ns{added:>+11.1} ns"),
        _ => write!(line, "{:>7.1} ms{:>+11.1} ms", plain / 1e6, added / 1e6),
    };
    written
        .and_then(|()| write!(line, "{:>9}", format!("×{:.2}", middle(|round| round.time))))
        .and_then(|()| write!(line, "{:>9}", format!("×{:.2}", middle(|round| round.memory))))
        .and_then(|()| write!(line, "{:>+8.1} ms", middle(|round| round.end_millis)))
        .and_then(|()| write!(line, "{:>9.2} MB", middle(|round| round.file_bytes) / 1e6))
        .expect("a string can be written to");
    line
}

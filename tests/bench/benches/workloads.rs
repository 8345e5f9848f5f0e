//! Whole workloads: plain, under the probe in each mode, and under other profilers, in alternation.
//!
//! ```text
//! cargo bench -p alloc-probe-bench --bench workloads -- [WORKLOAD…] [CANDIDATE…] [--rounds N] [--scale X]
//! ```
//!
//! Without names, all workloads under the probe's four modes.

use alloc_probe_bench::alternation::{self, Plan};
use alloc_probe_bench::candidates::{Candidate, Programs};
use alloc_probe_bench::list;
use alloc_probe_bench::workloads::Workload;
use std::process::ExitCode;

const PROGRAMS: Programs = Programs {
    plain: env!("CARGO_BIN_EXE_bench_plain"),
    probe: env!("CARGO_BIN_EXE_bench_probe"),
    dhat: env!("CARGO_BIN_EXE_bench_dhat"),
    stats: env!("CARGO_BIN_EXE_bench_stats"),
    jemalloc: env!("CARGO_BIN_EXE_bench_jemalloc"),
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let plan = match parse(&arguments) {
        Ok(plan) => plan,
        Err(unknown) => {
            eprintln!("error: `{unknown}` is not understood\n");
            eprintln!("workloads:  {}", Workload::ALL.map(Workload::name).join(", "));
            eprintln!("candidates: {}", Candidate::ALL.map(|candidate| candidate.name).join(", "));
            eprintln!("options:    --rounds N, --scale X");
            return ExitCode::from(2);
        }
    };
    let list = list::of_sources();
    println!("medians of {} rounds at scale {}, processor time", plan.rounds, plan.scale);
    for &workload in &plan.workloads {
        println!("\n{}", alternation::heading(workload));
        alternation::compare(&plan, workload, &PROGRAMS, list.path(), |candidate, rounds| {
            println!("{}", alternation::line(candidate, rounds));
        });
    }
    ExitCode::SUCCESS
}

/// The plan that the arguments say, or the argument that says nothing.
fn parse(arguments: &[String]) -> Result<Plan, String> {
    let mut plan = Plan { workloads: Vec::new(), candidates: Vec::new(), rounds: 5, scale: 1.0 };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let wrong = || argument.clone();
        if argument == "--rounds" {
            let rounds = arguments.next().and_then(|rounds| rounds.parse().ok());
            plan.rounds = rounds.filter(|&rounds| rounds > 0).ok_or_else(wrong)?;
        } else if argument == "--scale" {
            let scale = arguments.next().and_then(|scale| scale.parse().ok());
            plan.scale = scale.filter(|&scale| scale > 0.0).ok_or_else(wrong)?;
        } else if let Ok(workload) = argument.parse() {
            plan.workloads.push(workload);
        } else {
            plan.candidates.push(Candidate::named(argument).ok_or_else(wrong)?);
        }
    }
    if plan.workloads.is_empty() {
        plan.workloads.extend(Workload::ALL);
    }
    if plan.candidates.is_empty() {
        plan.candidates.extend(Candidate::ALL.iter().take(4));
    }
    plan.candidates.retain(|candidate| {
        let is_there = candidate.is_there(&PROGRAMS);
        if !is_there {
            eprintln!("{} is left out: it is not installed, or not built", candidate.name);
        }
        is_there
    });
    Ok(plan)
}

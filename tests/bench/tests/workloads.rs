//! The commands that measure do so: short runs, whose figures are only looked at for being there.

use alloc_probe_bench::alternation::{self, Comparison, Plan};
use alloc_probe_bench::candidates::{Candidate, Programs};
use alloc_probe_bench::list;
use alloc_probe_bench::workloads::Workload;
use alloc_probe_format::dump::{Dump, Mode};

const PROGRAMS: Programs = Programs {
    plain: env!("CARGO_BIN_EXE_bench_plain"),
    probe: env!("CARGO_BIN_EXE_bench_probe"),
    dhat: env!("CARGO_BIN_EXE_bench_dhat"),
    stats: env!("CARGO_BIN_EXE_bench_stats"),
    jemalloc: env!("CARGO_BIN_EXE_bench_jemalloc"),
};

#[test]
fn every_workload_is_compared_in_every_mode() {
    let candidates =
        ["off", "count", "sample", "full", "dhat"].map(|name| Candidate::named(name).expect(name));
    let workloads = Workload::ALL.to_vec();
    let plan = Plan { workloads, candidates: candidates.to_vec(), rounds: 1, scale: 0.002 };
    let list = list::of_sources();
    for &workload in &plan.workloads {
        let mut reported = Vec::new();
        alternation::compare(&plan, workload, &PROGRAMS, list.path(), |candidate, rounds| {
            reported.push(candidate.name);
            assert_eq!(rounds.len(), plan.rounds);
            rounds.iter().for_each(|round| check(candidate, round));
            let line = alternation::line(candidate, rounds);
            assert!(line.trim_start().starts_with(candidate.name), "{line}");
            assert_eq!(line.chars().count(), alternation::heading(workload).chars().count(), "{line}");
        });
        assert_eq!(reported, ["off", "count", "sample", "full", "dhat"], "{workload:?}");
    }
}

fn check(candidate: &Candidate, round: &Comparison) {
    assert!(round.plain_nanos > 0.0 && round.time > 0.0 && round.memory > 0.0, "{round:?}");
    let writes = matches!(candidate.name, "sample" | "full" | "dhat");
    assert_eq!(round.file_bytes > 0.0, writes, "{}: {round:?}", candidate.name);
}

#[test]
fn churn_has_as_many_stacks_as_it_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let full = Candidate::named("full").expect("it is one of them");
    let status = full.command(&PROGRAMS, folder.path()).args(["churn", "0.08"]).status();
    assert!(status.expect("it runs").success());
    let text = std::fs::read_to_string(folder.path().join("out.json")).expect("a dump");
    let dump = serde_json::from_str::<Dump>(&text).expect("a dump");
    assert_eq!(dump.mode, Mode::Full);
    // 320,000 operations: each of the 4,096 leaves is come to nearly five times, for 16 operations at four places. One
    // or the other of the places may be missed in some leaf.
    let depths: Vec<u32> = dump.sites.iter().map(|site| depth(&dump, site.stack)).collect();
    let deep = depths.iter().filter(|depth| (35..55).contains(*depth)).count();
    assert!((16_300..=16_384).contains(&deep), "{deep} deep stacks of {}", depths.len());
}

/// The frames of a stack, by its row.
fn depth(dump: &Dump, mut row: u32) -> u32 {
    let mut frames = 0;
    while row != 0 {
        (row, frames) = (dump.stacks[row as usize].parent, frames + 1);
    }
    frames
}

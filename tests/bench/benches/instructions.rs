//! Instructions that recording adds to one allocation with its free: counted in the process itself, and, where valgrind
//! is installed, by callgrind. *least* is a wrapper of the probe's shape that does the least.
//!
//! ```text
//! cargo bench -p alloc-probe-bench --bench instructions
//! ```

use alloc_probe_bench::cases::{self, Case, MODES};
use alloc_probe_bench::pairs::{DEPTHS, Sites};
use std::process::Command;

const PAIRS: &str = env!("CARGO_BIN_EXE_bench_pairs");

/// The pairs that callgrind counts: many, for a thread's first are dearer.
const COUNTED: u32 = 10_000;

fn main() {
    let mut rows = vec![("least", cases::measure(PAIRS, "off", "least-instructions", &DEPTHS))];
    rows.extend(MODES.map(|mode| (mode, cases::measure(PAIRS, mode, "instructions", &DEPTHS))));
    println!("added to a pair, counted in the process:\n{}\n", cases::table(&rows, 0));
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: nothing was counted by callgrind");
        return;
    }
    let rows = MODES.map(|mode| (mode, by_callgrind(mode)));
    println!("added to a pair, counted by callgrind:\n{}", cases::table(&rows, 0));
}

fn by_callgrind(mode: &str) -> Vec<Case> {
    let case = |sites, depth| Case {
        depth,
        sites,
        system: collected(mode, "system", "straight", depth, sites),
        global: collected(mode, "global", "recorded", depth, sites),
    };
    Sites::ALL.into_iter().flat_map(|sites| DEPTHS.map(|depth| case(sites, depth))).collect()
}

/// The instructions of one pair, all that is called from it included.
fn collected(mode: &str, allocator: &str, function: &str, depth: u32, sites: Sites) -> f64 {
    let mut command = cases::command("valgrind", mode);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(format!("--toggle-collect=alloc_probe_bench::pairs::{function}"));
    command.args([PAIRS, "run", allocator, &depth.to_string(), sites.name(), &COUNTED.to_string()]);
    let output = command.output().expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let count = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    // None, too, where it does not know the function.
    count.filter(|count| *count > 0.0).unwrap_or_else(|| panic!("callgrind says: {text}"))
        / f64::from(COUNTED)
}

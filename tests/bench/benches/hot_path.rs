//! Nanoseconds that recording adds to one allocation with its free, in each mode, by depth, and by whether the stack
//! changes; and what a wrapper of the same shape adds that does the least. Short runs with and without the probe alternate in one process, which is pinned to a core.
//!
//! ```text
//! cargo bench -p alloc-probe-bench --bench hot_path
//! ```

use alloc_probe_bench::cases::{self, Case};
use alloc_probe_bench::cores::Cores;
use alloc_probe_bench::median;
use alloc_probe_bench::pairs::DEPTHS;

/// What is measured in each process: its name, the mode, and what the program is asked for.
const ROWS: [(&str, &str, &str); 5] = [
    ("least", "off", "least-time"),
    ("off", "off", "time"),
    ("count", "count", "time"),
    ("sample", "sample", "time"),
    ("full", "full", "time"),
];

const PAIRS: &str = env!("CARGO_BIN_EXE_bench_pairs");

/// How often each mode's process runs, in turns.
const ROUNDS: usize = 9;

fn main() {
    Cores::allowed().first().keep_to();
    let rounds: Vec<Vec<Vec<Case>>> = (0..ROUNDS)
        .map(|_| ROWS.iter().map(|(_, mode, what)| cases::measure(PAIRS, mode, what, &DEPTHS)).collect())
        .collect();
    let of_mode = |index: usize| {
        let cases = rounds[0][index].iter().enumerate();
        let middle = |place: usize, figure: fn(&Case) -> f64| {
            median(rounds.iter().map(|round| figure(&round[index][place])).collect())
        };
        let middle = |(place, case): (usize, &Case)| Case {
            system: middle(place, |case| case.system),
            global: middle(place, |case| case.global),
            ..*case
        };
        cases.map(middle).collect::<Vec<_>>()
    };
    let rows: Vec<(&str, Vec<Case>)> =
        ROWS.iter().enumerate().map(|(index, (name, ..))| (*name, of_mode(index))).collect();
    println!("nanoseconds added to a pair:\n{}", cases::table(&rows, 1));
    println!("the system's allocator takes {:.1} ns", rows[0].1[0].system);
}

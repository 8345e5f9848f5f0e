//! The hot path under the probe, in the mode that the environment names.
//!
//! ```text
//! bench_pairs instructions DEPTH…     a line for each case: depth, sites, instructions of the system's pair, of ours
//! bench_pairs time DEPTH…             the same in nanoseconds
//! bench_pairs least-instructions DEPTH…           the same of the wrapper that does the least, in place of ours
//! bench_pairs least-time DEPTH…
//! bench_pairs run ALLOCATOR DEPTH SITES PAIRS     allocates and frees, as for callgrind
//! ```

use alloc_probe_bench::median;
use alloc_probe_bench::pairs::{self, Allocator, DEPTHS, Sites};
use alloc_probe_bench::trap;
use std::process::ExitCode;
use std::time::Instant;

alloc_probe::install!();

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match parse(&arguments) {
        Some(Task::Measure(measure, depths)) => {
            for sites in Sites::ALL {
                for &depth in &depths {
                    let [system, global] = measure(depth, sites);
                    println!("{depth} {} {system} {global}", sites.name());
                }
            }
            ExitCode::SUCCESS
        }
        Some(Task::Run(allocator, depth, sites, count)) => {
            pairs::at_depth(depth, &mut || pairs::run(allocator, sites, count / 2));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("usage: bench_pairs [least-]instructions|[least-]time DEPTH…");
            eprintln!("       bench_pairs run system|global DEPTH unchanged|another-site PAIRS");
            ExitCode::from(2)
        }
    }
}

enum Task {
    /// Measures at each of these depths.
    Measure(fn(u32, Sites) -> [f64; 2], Vec<u32>),
    /// Allocates and frees so many blocks.
    Run(Allocator, u32, Sites, u32),
}

fn parse(arguments: &[&str]) -> Option<Task> {
    let depth = |word: &str| word.parse().ok().filter(|depth| *depth >= DEPTHS[0]);
    match *arguments {
        ["run", allocator, frames, sites, count] => {
            let allocator = match allocator {
                "system" => Allocator::System,
                "global" => Allocator::Global,
                _ => return None,
            };
            Some(Task::Run(allocator, depth(frames)?, Sites::named(sites)?, count.parse().ok()?))
        }
        [what, ref depths @ ..] => {
            let measure = match what {
                "instructions" => |depth, sites| instructions(Allocator::Global, depth, sites),
                "time" => |depth, sites| nanos(Allocator::Global, depth, sites),
                "least-instructions" => |depth, sites| instructions(Allocator::Least, depth, sites),
                "least-time" => |depth, sites| nanos(Allocator::Least, depth, sites),
                _ => return None,
            };
            let depths: Option<Vec<u32>> = depths.iter().map(|word| depth(word)).collect();
            Some(Task::Measure(measure, depths?))
        }
        [] => None,
    }
}

/// Instructions of one pair, by the system's allocator and by another.
fn instructions(other: Allocator, depth: u32, sites: Sites) -> [f64; 2] {
    const RUNS: usize = 3;
    [Allocator::System, other].map(|allocator| {
        let mut count = None;
        pairs::at_depth(depth, &mut || {
            // The first of them add to the tree, and make the caches that later ones use.
            pairs::run(allocator, sites, 100);
            count = trap::instructions(RUNS, &mut || pairs::run(allocator, sites, 1));
        });
        count.expect("the processor can count, as x86-64 can") as f64 / 2.0
    })
}

/// Nanoseconds of one pair. Short runs of both allocators alternate, and of each the median is taken.
fn nanos(other: Allocator, depth: u32, sites: Sites) -> [f64; 2] {
    const ROUNDS: usize = 301;
    const TWICE: u32 = 500;
    let mut times = [vec![0.0; ROUNDS], vec![0.0; ROUNDS]];
    pairs::at_depth(depth, &mut || {
        for round in 0..ROUNDS {
            for (times, allocator) in times.iter_mut().zip([Allocator::System, other]) {
                let start = Instant::now();
                pairs::run(allocator, sites, TWICE);
                times[round] = start.elapsed().as_nanos() as f64 / f64::from(2 * TWICE);
            }
        }
    });
    times.map(median)
}

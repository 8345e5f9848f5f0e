//! What recording adds to one allocation with its free, in instructions, stays below a ceiling. They are counted in the
//! process itself, so that the test needs no tool.

// Ceilings are of optimised code: `cargo test --release`.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(debug_assertions)))]

use alloc_probe_bench::cases::{self, Case, MODES};
use alloc_probe_bench::pairs::{DEPTHS, Sites};
use alloc_probe_format::dump::Dump;

const PAIRS: &str = env!("CARGO_BIN_EXE_bench_pairs");

/// The most instructions that a pair may take beyond the system's own: half as many again as it took when the ceiling
/// was set, in 2026-11. Whoever makes the hot path shorter lowers its ceiling.
fn ceiling(mode: &str, depth: u32, sites: Sites) -> u64 {
    match (mode, depth, sites) {
        ("off", _, _) => 37,
        ("count", _, _) => 123,
        ("sample", _, _) => 145,
        (_, 10, Sites::One) => 1_130,
        (_, 10, Sites::Two) => 1_820,
        (_, 40, Sites::One) => 1_390,
        (_, 40, Sites::Two) => 2_030,
        (_, _, Sites::One) => 2_640,
        (_, _, Sites::Two) => 3_330,
    }
}

#[test]
fn a_pair_takes_no_more_instructions_than_its_ceiling() {
    let counted = MODES.map(|mode| (mode, cases::measure(PAIRS, mode, "instructions", &DEPTHS)));
    println!("instructions added to a pair of an allocation and its free:\n{}", cases::table(&counted, 0));
    for (mode, cases) in &counted {
        assert_eq!(cases.len(), 2 * DEPTHS.len());
        for case in cases {
            let Case { depth, sites, .. } = *case;
            let ceiling = ceiling(mode, depth, sites);
            let added = case.added();
            assert!(case.system > 20.0 && added > 0.0, "{mode}: nothing was counted: {case:?}");
            assert!(added <= ceiling as f64, "{mode}, {depth} frames, {sites:?}: {added} of {ceiling}");
        }
    }
}

#[test]
fn what_is_measured_has_the_depth_and_the_sites_that_it_says() {
    const BLOCKS: u64 = 2_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.json");
    for sites in Sites::ALL {
        for depth in DEPTHS {
            let mut command = cases::command(PAIRS, "full");
            command.env("ALLOC_PROBE_OUT", &out).args(["run", "global", &depth.to_string(), sites.name()]);
            assert!(command.arg(BLOCKS.to_string()).status().expect("it runs").success());
            let text = std::fs::read_to_string(&out).expect("a dump");
            let dump = serde_json::from_str::<Dump>(&text).expect("a dump");
            let ways = if sites == Sites::One { 1 } else { 2 };
            let of_pairs = |blocks: u64| blocks == BLOCKS / ways;
            let found =
                dump.sites.iter().filter(|site| of_pairs(site.figures.total_blocks)).collect::<Vec<_>>();
            assert_eq!(found.len() as u64, ways, "{depth} frames, {sites:?}");
            for site in found {
                let frames = frames(&dump, site.stack);
                // Without optimisation, the standard library's wrappers have frames of their own.
                let most = if cfg!(debug_assertions) { depth + 6 } else { depth };
                assert!((depth..=most).contains(&frames), "{frames} frames instead of {depth}");
            }
        }
    }
}

/// The frames of a stack, by its row.
fn frames(dump: &Dump, mut row: u32) -> u32 {
    let mut frames = 0;
    while row != 0 {
        (row, frames) = (dump.stacks[row as usize].parent, frames + 1);
    }
    frames
}

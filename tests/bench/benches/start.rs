//! What a program takes from its start to its end that does nothing: processor time and elapsed time of the whole process, and
//! the peak of resident memory, in each mode, beyond the same program without the probe. Runs take turns.
//!
//! ```text
//! cargo bench -p alloc-probe-bench --bench start
//! ```

use alloc_probe_bench::{TELL_MEMORY, median};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PLAIN: &str = env!("CARGO_BIN_EXE_bench_nothing_plain");
const PROBE: &str = env!("CARGO_BIN_EXE_bench_nothing_probe");

/// Its name, the program, the mode, and whether a dump is written.
const CANDIDATES: [(&str, &str, &str, bool); 7] = [
    ("plain", PLAIN, "", false),
    ("off", PROBE, "off", false),
    ("count", PROBE, "count", false),
    ("sample", PROBE, "sample", false),
    ("full", PROBE, "full", false),
    ("sample, dump", PROBE, "sample", true),
    ("full, dump", PROBE, "full", true),
];

const ROUNDS: usize = 301;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut elapsed = vec![Vec::new(); CANDIDATES.len()];
    let mut memory = vec![Vec::new(); CANDIDATES.len()];
    for round in 0..ROUNDS {
        for (index, (_, program, mode, dump)) in CANDIDATES.into_iter().enumerate() {
            let mut command = command(program, mode, dump, folder.path());
            let start = Instant::now();
            assert!(command.status().expect("it starts").success());
            elapsed[index].push(start.elapsed().as_secs_f64() * 1e3);
            if round < 11 {
                let output =
                    command.env(TELL_MEMORY, "1").stdout(Stdio::piped()).output().expect("it starts");
                let text = String::from_utf8(output.stdout).expect("text");
                memory[index].push(text.trim().parse::<f64>().expect("a number"));
            }
        }
    }
    println!("{:14}{:>12}{:>14}", "", "elapsed", "memory");
    let plain = (median(elapsed[0].clone()), median(memory[0].clone()));
    for (index, (name, ..)) in CANDIDATES.iter().enumerate() {
        // A round's runs are close to each other in time: so is what disturbs them.
        let added = elapsed[index].iter().zip(&elapsed[0]).map(|(it, plain)| it - plain).collect();
        let kib = median(memory[index].clone());
        match index {
            0 => println!("{name:14}{:>9.2} ms{:>10.0} KiB", plain.0, plain.1),
            _ => println!("{name:14}{:>+9.2} ms{:>+10.0} KiB", median(added), kib - plain.1),
        }
    }
}

fn command(program: &str, mode: &str, dump: bool, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder).stdout(Stdio::null());
    if !mode.is_empty() {
        command.env("ALLOC_PROBE", mode);
    }
    if dump {
        command.env("ALLOC_PROBE_OUT", folder.join("out.json"));
    }
    command
}

//! Allocates at 2^DEPTH sites, to have a dump of so many: `bench_sites DEPTH [BLOCKS [dump]]`.
//!
//! Two functions call each other from two places each, so every leaf of the calls has a stack of its own. Each site keeps one
//! block and frees `BLOCKS` more, none if it is left out. With `dump`, a dump is written while all that is kept is live, and
//! the memory is told that the process had more meanwhile: in all, and beside files and the spool.

use std::hint::black_box;
use std::process::ExitCode;

alloc_probe::install!();

struct Work {
    kept: Vec<Vec<u8>>,
    freed: u64,
}

impl Work {
    #[inline(never)]
    fn left(&mut self, depth: u32, path: u64) {
        if depth == 0 {
            self.leaf(path);
        } else {
            self.left(depth - 1, path * 2);
            self.right(depth - 1, path * 2 + 1);
        }
        // No call is the last one, which the optimiser would make a jump of.
        black_box(depth);
    }

    #[inline(never)]
    fn right(&mut self, depth: u32, path: u64) {
        if depth == 0 {
            self.leaf(path);
        } else {
            self.right(depth - 1, path * 2);
            self.left(depth - 1, path * 2 + 1);
        }
        // No call is the last one, which the optimiser would make a jump of.
        black_box(depth);
    }

    #[inline(never)]
    fn leaf(&mut self, path: u64) {
        self.kept.push(Vec::with_capacity(16 + path as usize % 100));
        for block in 0..self.freed {
            drop(black_box(Vec::<u8>::with_capacity(1 << (block % 12))));
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).map_or(Some(0), |it| it.parse::<u64>().ok());
    let dumps = arguments.get(2).is_some_and(|it| it == "dump");
    let (Some(depth), Some(freed), true) =
        (number(0), number(1), (1..=if dumps { 3 } else { 2 }).contains(&arguments.len()))
    else {
        eprintln!("usage: bench_sites DEPTH [BLOCKS [dump]]");
        return ExitCode::from(2);
    };
    let mut work = Work { kept: Vec::with_capacity(1 << depth), freed };
    work.left(depth as u32, 0);
    black_box(&work.kept);
    if dumps {
        dump_and_tell();
    }
    ExitCode::SUCCESS
}

/// Writes a dump, and tells the memory that it took for a moment.
fn dump_and_tell() {
    let kib = |name: &str| {
        let status = std::fs::read_to_string("/proc/self/status").expect("the status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line").to_owned();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    // The most so far is forgotten.
    std::fs::write("/proc/self/clear_refs", "5").expect("it is the process's own");
    let (before, files) = (kib("VmRSS"), kib("RssFile") + kib("RssShmem"));
    alloc_probe::dump("dump.json").expect("a dump");
    let (most, files) = (kib("VmHWM") - before, kib("RssFile") + kib("RssShmem") - files);
    println!(
        "{most} KiB more at most; {} KiB of them no file's and not the spool's",
        most.saturating_sub(files)
    );
}

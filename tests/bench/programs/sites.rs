//! Allocates at 2^DEPTH sites, to have a dump of so many: `bench_sites DEPTH [BLOCKS]`.
//!
//! Two functions call each other from two places each, so every leaf of the calls has a stack of its own. Each site keeps one
//! block and frees `BLOCKS` more, none if it is left out.

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
    let arguments: Vec<u64> = std::env::args().skip(1).map_while(|it| it.parse().ok()).collect();
    let (depth, freed) = match arguments[..] {
        [depth] => (depth, 0),
        [depth, freed] => (depth, freed),
        _ => {
            eprintln!("usage: bench_sites DEPTH [BLOCKS]");
            return ExitCode::from(2);
        }
    };
    let mut work = Work { kept: Vec::with_capacity(1 << depth), freed };
    work.left(depth as u32, 0);
    black_box(&work.kept);
    ExitCode::SUCCESS
}

//! Switching between modes while the process runs, in all orders, with blocks that live across switches, and addresses
//! that are given out again.

use crate::support::child::Child;
use crate::support::figures::{are_true, count, of_dump};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe::{Mode, Stats};
use alloc_probe_format::dump::Figures;
use std::hint::black_box;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        figures_are_exact_whatever_is_recorded,
        a_pause_leaves_out_what_begins_in_it,
        no_order_of_switches_makes_nonsense,
        a_pause_in_counting_makes_no_nonsense,
        recording_can_begin_late,
        what_was_off_from_the_start_stays_off,
        two_switches_at_once_are_one_after_the_other,
    ],
    scenarios: cases![
        switches_at_once,
        walks_without_off,
        pauses,
        walks_anywhere,
        counts_with_pauses,
        begins_late,
        stays_off,
    ],
};

/// Blocks, whether each was counted, and a source of numbers that are always the same.
struct Walk {
    blocks: Vec<(Vec<u8>, bool)>,
    seed: u64,
    mode: Mode,
    total: (u64, u64),
}

impl Walk {
    fn new() -> Walk {
        let blocks = Vec::with_capacity(10_000);
        let stats = alloc_probe::stats();
        Walk { blocks, seed: 1, mode: stats.mode, total: (stats.total_bytes, stats.total_blocks) }
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.seed >> 33) as usize % below
    }

    fn switch(&mut self, mode: Mode) {
        alloc_probe::set_mode(mode).expect("it was prepared");
        assert_eq!(alloc_probe::mode(), mode);
        self.mode = mode;
    }

    fn begun(&mut self, bytes: usize) -> bool {
        let counted = self.mode != Mode::Off;
        if counted {
            self.total = (self.total.0 + bytes as u64, self.total.1 + 1);
        }
        counted
    }

    /// Allocates, grows, shrinks and frees: now and then more, and now and then less.
    fn step(&mut self) {
        for _ in 0..30 {
            let bytes = 1 + self.random(200) * self.random(50);
            let block = black_box(Vec::with_capacity(bytes));
            let counted = self.begun(bytes);
            self.blocks.push((block, counted));
        }
        for _ in 0..self.random(60).min(self.blocks.len()) {
            let index = self.random(self.blocks.len());
            if self.random(4) == 0 {
                let more = 1 + self.random(300);
                let mut block = self.blocks.swap_remove(index).0;
                let bytes = block.capacity() + more;
                block.reserve_exact(bytes);
                let counted = self.begun(bytes);
                self.blocks.push((black_box(block), counted));
            } else {
                drop(black_box(self.blocks.swap_remove(index)));
            }
        }
    }

    /// What is live of all that was counted since the start of the walk.
    fn counted(&self) -> (u64, u64) {
        let counted = self.blocks.iter().filter(|(_, counted)| *counted);
        counted.fold((0, 0), |(bytes, blocks), (block, _)| (bytes + block.capacity() as u64, blocks + 1))
    }
}

const MODES: [Mode; 4] = [Mode::Off, Mode::Count, Mode::Sample, Mode::Full];

fn of_stats(stats: Stats) -> Counted {
    Counted {
        total_bytes: stats.total_bytes,
        total_blocks: stats.total_blocks,
        live_bytes: stats.live_bytes,
        live_blocks: stats.live_blocks,
        peak_bytes: stats.peak_bytes,
        reallocs: stats.realloc_calls,
    }
}

/// Every switch from each mode that records to each, often.
fn walks_without_off() {
    let mut walk = Walk::new();
    for _ in 0..300 {
        let mode = MODES[1 + walk.random(3)];
        walk.switch(mode);
        walk.step();
        assert_eq!(of_stats(alloc_probe::stats()), Counted::now());
    }
    walk.blocks = Vec::new();
    assert_eq!(of_stats(alloc_probe::stats()), Counted::now());
    Counted::tell_at_exit();
}

fn figures_are_exact_whatever_is_recorded() {
    for mode in ["count", "sample=500", "full"] {
        let outcome = Child::new("walks_without_off", mode).succeed();
        let dump = outcome.dump();
        assert_eq!(of_dump(&dump), Counted::told(&outcome), "{mode}: {:?}", dump.lost);
        assert_eq!((dump.lost.blocks, dump.lost.unknown_frees), (0, 0), "{mode}");
        let mut sum = Figures::default();
        dump.sites.iter().for_each(|site| sum.add(&site.figures));
        // One block is live, which a sample may take for two.
        assert!(sum.end_blocks <= 2, "{mode}: a record outlived its block");
    }
}

/// Recorded, paused, recorded: what begins in a pause is in no figure, and what ends in one has ended.
fn pauses() {
    let mut walk = Walk::new();
    let base = alloc_probe::stats();
    for round in 0..100 {
        walk.switch(if round % 2 == 0 { Mode::Full } else { Mode::Off });
        walk.step();
        let (stats, counted) = (alloc_probe::stats(), walk.counted());
        assert_eq!((stats.total_bytes, stats.total_blocks), walk.total);
        assert_eq!((stats.live_bytes - base.live_bytes, stats.live_blocks - base.live_blocks), counted);
    }
    tell("live_blocks", alloc_probe::stats().live_blocks);
}

fn a_pause_leaves_out_what_begins_in_it() {
    let outcome = Child::new("pauses", "full").succeed();
    let dump = outcome.dump();
    crate::support::figures::agree(&dump);
    let ages: u64 = dump.sites.iter().map(|site| count(&site.ages)).sum();
    assert_eq!(ages, dump.totals.end_blocks);
    assert!(dump.totals.end_blocks <= outcome.told("live_blocks"));
}

/// Any order, with every mode. Not all that ends is known, but nothing wraps around, and totals are right.
fn walks_anywhere() {
    let mut walk = Walk::new();
    for _ in 0..300 {
        let mode = MODES[walk.random(4)];
        walk.switch(mode);
        walk.step();
        let stats = alloc_probe::stats();
        assert_eq!((stats.total_bytes, stats.total_blocks), walk.total, "{stats:?}");
        assert!(
            stats.freed_bytes <= stats.total_bytes && stats.freed_blocks <= stats.total_blocks,
            "{stats:?}"
        );
        assert_eq!(stats.live_bytes, stats.total_bytes - stats.freed_bytes, "{stats:?}");
        assert_eq!(stats.live_blocks, stats.total_blocks - stats.freed_blocks, "{stats:?}");
        assert!(stats.peak_bytes >= stats.live_bytes && stats.peak_bytes <= stats.total_bytes, "{stats:?}");
    }
    tell("total_bytes", walk.total.0);
    tell("total_blocks", walk.total.1);
}

fn no_order_of_switches_makes_nonsense() {
    for mode in ["count", "sample=500", "full"] {
        let outcome = Child::new("walks_anywhere", mode).succeed();
        let dump = outcome.dump();
        assert!(dump.totals.total_blocks >= outcome.told("total_blocks"), "{mode}");
        assert!(dump.totals.end_blocks <= dump.totals.total_blocks, "{mode}");
        assert!(dump.totals.end_bytes <= dump.totals.total_bytes, "{mode}");
        // What has no stack is what is left of the exact figures, without the sites' estimates.
        for site in dump.sites.iter().filter(|site| site.stack != 0) {
            assert!(site.figures.end_bytes <= site.figures.total_bytes, "{mode}: {site:?}");
            assert!(site.figures.end_blocks <= site.figures.total_blocks, "{mode}: {site:?}");
        }
    }
}

/// Where blocks are only ever counted, nothing tells one from another.
fn counts_with_pauses() {
    let mut walk = Walk::new();
    for round in 0..100 {
        walk.switch(if round % 2 == 0 { Mode::Off } else { Mode::Count });
        walk.step();
        let stats = alloc_probe::stats();
        assert_eq!((stats.total_bytes, stats.total_blocks), walk.total, "{stats:?}");
        assert!(
            stats.freed_bytes <= stats.total_bytes && stats.freed_blocks <= stats.total_blocks,
            "{stats:?}"
        );
        if round % 5 == 0 {
            walk.blocks.clear();
        }
    }
}

fn a_pause_in_counting_makes_no_nonsense() {
    let dump = Child::new("counts_with_pauses", "count").succeed().dump();
    assert!(dump.totals.end_blocks <= dump.totals.total_blocks, "{:?}", dump.totals);
    assert!(dump.totals.peak_bytes <= dump.totals.total_bytes, "{:?}", dump.totals);
}

/// A service that counts, and records for a while when it is asked to.
fn begins_late() {
    let early: Vec<Vec<u8>> = (0..100).map(|_| black_box(Vec::with_capacity(1000))).collect();
    alloc_probe::start().expect("it was prepared");
    let late: Vec<Vec<u8>> = (0..100).map(|_| black_box(Vec::with_capacity(1000))).collect();
    drop(early);
    assert_eq!(of_stats(alloc_probe::stats()), Counted::now());
    drop(black_box(late));
    Counted::tell_at_exit();
}

fn recording_can_begin_late() {
    let dump = are_true(&Child::new("begins_late", "count").succeed());
    let before = dump.sites.iter().find(|site| site.stack == 0).expect("what was only counted has no stack");
    assert!(before.figures.total_blocks >= 101 && before.figures.end_blocks <= 10, "{before:?}");
    assert_eq!(dump.lost.unknown_frees, 0);
}

fn stays_off() {
    assert!(alloc_probe::start().is_err() && alloc_probe::stop().is_err());
    assert!(alloc_probe::dump("never.json").is_err());
    assert_eq!(of_stats(alloc_probe::stats()).total_blocks, 0);
}

fn what_was_off_from_the_start_stays_off() {
    assert_eq!(Child::new("stays_off", "off").succeed().files(), [""; 0]);
}

/// Two threads switch at the same moment, from `count`, the first time that stacks are ever taken.
fn switches_at_once() {
    let barrier = std::sync::Barrier::new(2);
    let blocks = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            barrier.wait();
            alloc_probe::set_mode(Mode::Full).expect("it was prepared");
            // Recorded with their stacks, up to the other's switch, if that comes later.
            let mut blocks = Vec::with_capacity(2000);
            while blocks.len() < 2000 && (blocks.len() < 50 || alloc_probe::mode() == Mode::Full) {
                blocks.push(black_box(Vec::<u8>::with_capacity(6000)));
            }
            blocks
        });
        barrier.wait();
        alloc_probe::set_mode(Mode::Sample).expect("it was prepared");
        other.join().expect("it returns")
    });
    drop(blocks);
    Counted::tell_at_exit();
}

fn two_switches_at_once_are_one_after_the_other() {
    for _ in 0..30 {
        let dump = Child::new("switches_at_once", "count").succeed().dump();
        let live = dump.sites.iter().filter(|site| site.stack != 0 && site.figures.end_bytes >= 6000);
        assert_eq!(live.count(), 0, "blocks that were freed are live in the dump");
    }
}

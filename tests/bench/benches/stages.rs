//! The stages of recording a block in `full`, each by itself: nanoseconds, and instructions.
//!
//! ```text
//! cargo bench -p alloc-probe-bench --features stages --bench stages
//! ```

use alloc_probe::stages::{self, Capture};
use alloc_probe::{AllocProbe, Mode};
use alloc_probe_bench::cores::Cores;
use alloc_probe_bench::pairs::{self, DEPTHS, Sites};
use alloc_probe_bench::{median, trap};
use std::hint::black_box;
use std::time::Instant;

#[global_allocator]
static ALLOC: AllocProbe = AllocProbe::system().with_mode(Mode::Full);

/// Short runs of which the median is taken.
const RUNS: usize = 301;

/// Bytes of every block.
const SIZE: u64 = 48;

fn main() {
    Cores::allowed().first().keep_to();
    // Recording begins with the first allocation, and the thread is known from then on.
    drop(black_box(Box::new(0)));
    println!("{:44}{:>10}{:>16}", "", "time", "instructions");
    captures();
    interning();
    blocks();
    counters();
}

/// Measures one thing that is done again and again. Each call gets the next number, and does it so often.
fn measure(name: &str, times_a_call: u64, mut f: impl FnMut(u64)) {
    const CALLS: u64 = 2_000;
    let mut number = 0;
    let mut next = move || {
        number += 1;
        number - 1
    };
    let mut nanos = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        (0..CALLS).for_each(|_| f(next()));
        nanos.push(start.elapsed().as_nanos() as f64 / (CALLS * times_a_call) as f64);
    }
    let nothing = trap::instructions(5, &mut || {
        black_box(black_box(&mut next)());
    });
    let all = trap::instructions(5, &mut || f(black_box(&mut next)()));
    let instructions = all.zip(nothing).map(|(all, nothing)| (all - nothing) / times_a_call);
    let instructions = instructions.map_or("–".to_owned(), |count| count.to_string());
    println!("{name:44}{:>7.1} ns{instructions:>16}", median(nanos));
}

fn captures() {
    for sites in Sites::ALL {
        for depth in DEPTHS {
            let name = format!("capture, {depth} frames, {}", sites.name().replace('-', " "));
            pairs::at_depth(depth, &mut || {
                // The thread has to be known before it is counted.
                drop(black_box(Box::new(0)));
                let mut capture = Capture::new().expect("there is memory");
                measure(&name, 2, |_| match sites {
                    Sites::One => (0..black_box(2)).for_each(|_| {
                        black_box(capture.take());
                    }),
                    Sites::Two => {
                        black_box(capture.take());
                        black_box(capture.take());
                    }
                });
            });
        }
    }
}

/// Looking a frame up under its caller, by its place among the caller's callees: of one caller, and of many in turn, whose
/// nodes are in no near cache.
fn interning() {
    const CALLERS: u64 = 16_384;
    for (callees, passed_by) in [(1, 0), (4, 3), (100, 50)] {
        let callers: Vec<u32> = (0..CALLERS).map(|frame| intern(intern(0, callees), frame)).collect();
        for &caller in &callers {
            (0..callees).for_each(|frame| {
                intern(caller, frame);
            });
        }
        // The newest is found first.
        let frame = callees - 1 - passed_by;
        let name = format!("intern, {passed_by} of {callees} passed by");
        measure(&name, 1, |_| {
            black_box(intern(callers[0], frame));
        });
        measure(&format!("{name}, {CALLERS} callers"), 1, |number| {
            black_box(intern(callers[(scattered(number) % CALLERS) as usize], frame));
        });
    }
}

fn intern(parent: u32, frame: u64) -> u32 {
    stages::intern(parent, frame).expect("there is space")
}

/// A number far from that of the number before.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9)
}

/// Taking the record of a live block away and putting it back, among so many others.
fn blocks() {
    for live in [1_u64, 10_000, 1_000_000] {
        // A part of the address space that no allocator is given.
        let address = |number: u64| 0x1000_0000 + number % live * 64;
        (0..live).for_each(|number| assert!(stages::insert_block(address(number), SIZE, 0)));
        measure(&format!("block, remove and insert, {live} live"), 1, |number| {
            let address = address(scattered(number));
            black_box(stages::remove_block(address, SIZE));
            black_box(stages::insert_block(address, SIZE, 0));
        });
        (0..live).for_each(|number| assert!(stages::remove_block(address(number), SIZE)));
    }
}

/// Counting a block of a site when it is allocated and when it ends.
fn counters() {
    for count in [1_u64, 16_384] {
        let node = |number: u64| intern(0, 1 << 40 | number);
        let sites: Vec<u32> =
            (0..count).map(|site| stages::site(node(site)).expect("there is space")).collect();
        measure(&format!("counters, allocation and end, {count} sites"), 1, |number| {
            let site = sites[(scattered(number) % count) as usize];
            stages::count_alloc(site, SIZE);
            stages::count_end(site, SIZE);
        });
    }
}

//! What scopes and operations cost: `cargo run --release -p alloc-probe --example scope_cost`. Nanoseconds, the least of many runs.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use alloc_probe::{Scope, assert_peak_below, measure, operation};
use std::hint::black_box;
use std::time::Instant;

alloc_probe::install!();

const ROUNDS: u32 = 20_000;

/// The least time of one call, over many runs of many calls.
fn time(mut f: impl FnMut()) -> f64 {
    let run = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| f());
        start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    };
    (0..100).map(|_| run(&mut f)).fold(f64::INFINITY, f64::min)
}

fn pair() {
    drop(black_box(vec![1u8; 64]));
}

/// Calls `f` from a stack of so many frames more.
#[inline(never)]
fn deep(frames: usize, f: &mut dyn FnMut() -> f64) -> f64 {
    let result = if frames > 0 { deep(frames - 1, f) } else { f() };
    black_box(result)
}

fn main() {
    println!("one allocation with its free:");
    println!("  no scope open                        {:7.1}", time(pair));
    let other = Scope::new();
    println!("  one open, on no thread's way         {:7.1}", time(pair));
    println!("  in it                                {:7.1}", other.run(|| time(pair)));
    println!("  in one that is in it                 {:7.1}", other.run(|| Scope::new().run(|| time(pair))));
    drop(other);
    for frames in [0, 40] {
        let time = deep(frames, &mut || Scope::with_sites().run(|| time(pair)));
        println!("  in one with sites, {frames:2} frames deeper   {time:7.1}");
    }
    println!("  again none open                      {:7.1}", time(pair));
    println!("an operation, begun and ended:");
    let empty = || drop(operation("nothing"));
    println!("  with nothing in it                   {:7.1}", time(empty));
    for frames in [0, 40] {
        let in_one = || {
            let _operation = operation("a pair");
            pair();
        };
        let time = deep(frames, &mut || time(in_one));
        println!("  with one pair, {frames:2} frames deeper      {time:7.1}");
    }
    println!("a whole measurement:");
    println!(
        "  measure                              {:7.1}",
        time(|| {
            black_box(measure(|| ()));
        })
    );
    println!("  assert_peak_below!                   {:7.1}", time(|| assert_peak_below!(100, ())));
}

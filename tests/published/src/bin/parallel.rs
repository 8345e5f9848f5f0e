//! Work that rayon shares out, in no order; what comes before and after is judged. `parallel COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::UNORDERED;
use alloc_probe_programs::{Logged, step};
use rayon::prelude::*;
use std::sync::{Arc, Barrier};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: parallel COUNT")?.parse()?;
    step(1);
    let texts: Vec<String> =
        (0..count).map(|number| format!("text {number} ").repeat(1 + number as usize % 5)).collect();
    step(UNORDERED);
    // A thread that the end of the process comes before would leave a log without a step.
    let started = Arc::new(Barrier::new(3));
    let start = Arc::clone(&started);
    let start = move |_| {
        step(UNORDERED);
        start.wait();
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(start).build()?;
    started.wait();
    let words: Vec<Vec<String>> = pool
        .install(|| texts.par_iter().map(|text| text.split(' ').map(str::to_uppercase).collect()).collect());
    let longest = pool.install(|| texts.par_iter().map(|text| text.repeat(2).len()).max().unwrap_or(0));
    drop(pool);
    step(2);
    let all: Vec<String> = words.iter().map(|words| words.join("-")).collect();
    step(3);
    println!("{longest}, {}", all.concat().len());
    Ok(())
}

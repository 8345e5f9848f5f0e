//! Whole processes whose allocator counts what reaches it, from their first allocation to however they end.

mod ends;
mod failures;
mod forks;
mod no_space;
mod operations;
mod peaks;
mod sampling;
#[path = "../support/mod.rs"]
mod support;
mod threads;
mod triggers;

use alloc_probe::AllocProbe;
use std::process::ExitCode;
use support::groups;
use support::truth::Truth;

#[global_allocator]
static ALLOC: AllocProbe<Truth> = AllocProbe::new(Truth(std::alloc::System));

fn main() -> ExitCode {
    support::main(&groups![ends, failures, forks, no_space, operations, peaks, sampling, threads, triggers])
}

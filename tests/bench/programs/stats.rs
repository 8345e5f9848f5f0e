//! The workloads under `stats_alloc`, which counts blocks and bytes in words that all threads share.

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::process::ExitCode;

#[global_allocator]
static ALLOC: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    alloc_probe_bench::workloads::main(|| ())
}

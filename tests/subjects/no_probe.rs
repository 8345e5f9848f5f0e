//! The shared workload without the probe, as the reference sees it. It starts as `subjects` does, and has a name as long, so that
//! both make the same calls.

use alloc_probe_tests::reference::{self, Reference};
use alloc_probe_tests::subject;
use alloc_probe_tests::workload::{self, Usage};
use std::alloc::System;

#[global_allocator]
static ALLOC: Reference<System> = Reference::new(System);

fn main() {
    subject::run(&[("workload", workload)]);
}

fn workload() {
    let before = reference::snapshot();
    std::hint::black_box(workload::run());
    let after = reference::snapshot();
    let usage = Usage {
        total_bytes: after.total_bytes - before.total_bytes,
        total_blocks: after.total_blocks - before.total_blocks,
        peak_bytes: after.peak_bytes - before.live_bytes,
        peak_blocks: after.peak_blocks - before.live_blocks,
    };
    println!("{usage}");
}

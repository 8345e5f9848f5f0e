//! The shared workload without the probe, as the reference sees it.

use alloc_probe_tests::reference::{self, Reference};
use alloc_probe_tests::workload::{self, Usage};
use std::alloc::System;

#[global_allocator]
static ALLOC: Reference<System> = Reference::new(System);

fn main() {
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

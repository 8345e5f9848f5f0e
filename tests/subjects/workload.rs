//! The shared workload as the probe sees it.

use alloc_probe_tests::workload::{self, Usage};

pub(crate) fn main() {
    let before = alloc_probe::stats();
    std::hint::black_box(workload::run());
    let after = alloc_probe::stats();
    let usage = Usage {
        total_bytes: after.total_bytes - before.total_bytes,
        total_blocks: after.total_blocks - before.total_blocks,
        peak_bytes: after.peak_bytes - before.live_bytes,
        peak_blocks: after.peak_blocks - before.live_blocks,
    };
    println!("{usage}");
}

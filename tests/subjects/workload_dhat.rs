//! The shared workload as `dhat` sees it.

use alloc_probe_tests::workload::{self, Usage};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() {
    let profiler = dhat::Profiler::builder().testing().build();
    std::hint::black_box(workload::run());
    let stats = dhat::HeapStats::get();
    drop(profiler);
    let usage = Usage {
        total_bytes: stats.total_bytes,
        total_blocks: stats.total_blocks,
        peak_bytes: stats.max_bytes as u64,
        peak_blocks: stats.max_blocks as u64,
    };
    println!("{usage}");
}

//! The shared workload as `dhat` sees it. With arguments it leaves a file as well: the first is its path, and with
//! `whole` after it, stacks are whole.

use alloc_probe_tests::subject;
use alloc_probe_tests::workload::{self, Usage};

pub(crate) fn main() {
    let arguments: Vec<String> = subject::arguments().collect();
    let builder = dhat::Profiler::builder();
    let profiler = match arguments.as_slice() {
        [] => builder.testing().build(),
        [path] => builder.file_name(path).build(),
        [path, ..] => builder.file_name(path).trim_backtraces(None).build(),
    };
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

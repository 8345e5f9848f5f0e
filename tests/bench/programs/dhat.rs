//! The workloads under `dhat`: with stacks of ten frames, its default, or with whole ones where `BENCH_DHAT` is `whole`.

use std::process::ExitCode;

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    let builder = dhat::Profiler::builder();
    let profiler = match std::env::var_os("BENCH_DHAT") {
        Some(depth) if depth == "whole" => builder.trim_backtraces(None).build(),
        _ => builder.build(),
    };
    alloc_probe_bench::workloads::main(|| drop(profiler))
}

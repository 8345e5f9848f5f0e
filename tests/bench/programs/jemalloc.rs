//! The workloads with jemalloc, whose profiler `_RJEM_MALLOC_CONF` sets going.

use std::process::ExitCode;

#[global_allocator]
static ALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    alloc_probe_bench::workloads::main(|| ())
}

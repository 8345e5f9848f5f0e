//! The workloads without a profiler: what all others are compared with.

use std::process::ExitCode;

fn main() -> ExitCode {
    alloc_probe_bench::workloads::main(|| ())
}

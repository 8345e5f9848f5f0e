//! The workloads under the probe, in the mode that the environment names.

use std::process::ExitCode;

alloc_probe::install!();

fn main() -> ExitCode {
    alloc_probe_bench::workloads::main(|| ())
}

//! The service under the probe, in the mode that the environment names.

alloc_probe::install!();

fn main() {
    alloc_probe_bench::service::main(|| alloc_probe::stats().total_blocks);
}

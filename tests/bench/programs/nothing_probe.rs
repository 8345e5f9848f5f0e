//! A program that does nothing, under the probe, in the mode that the environment names.

alloc_probe::install!();

fn main() {
    alloc_probe_bench::tell_memory_if_asked();
}

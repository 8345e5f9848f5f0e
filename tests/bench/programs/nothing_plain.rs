//! A program that does nothing.

fn main() {
    alloc_probe_bench::tell_memory_if_asked();
}

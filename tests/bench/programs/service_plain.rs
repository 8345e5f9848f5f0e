//! The service without a profiler.

fn main() {
    alloc_probe_bench::service::main(|| 0);
}

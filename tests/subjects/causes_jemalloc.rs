//! One cause of memory at a time, with Jemalloc: `causes_jemalloc CASE VARIANT`.

alloc_probe::install!(tikv_jemallocator::Jemalloc);

fn main() {
    alloc_probe_tests::causes::main();
}

//! One cause of memory at a time, with the system's allocator: `causes CASE VARIANT`.

alloc_probe::install!();

fn main() {
    alloc_probe_tests::causes::main();
}

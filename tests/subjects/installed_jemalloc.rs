//! One cause of memory at a time, and states of the heap, with jemalloc: `installed_jemalloc NAME ARGUMENT…`.

use alloc_probe_tests::{causes, heap_scenarios, subject};

alloc_probe::install!(tikv_jemallocator::Jemalloc);

fn main() {
    subject::run(&[("causes", causes::main), ("heap", heap_scenarios::run)]);
}

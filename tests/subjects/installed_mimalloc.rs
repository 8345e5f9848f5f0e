//! States of the heap, with mimalloc: `installed_mimalloc heap SCENARIO`.

use alloc_probe_tests::{heap_scenarios, subject};

alloc_probe::install!(mimalloc::MiMalloc);

fn main() {
    subject::run(&[("heap", heap_scenarios::run)]);
}

//! Programs with the one line, as users write it: `installed NAME [ARGUMENT]…` runs one. No second wrapper has its memory in
//! the same heap.

mod little;
mod service;

use alloc_probe_tests::{causes, heap_scenarios, subject};

alloc_probe::install!();

fn main() {
    subject::run(&[
        ("causes", causes::main),
        ("heap", heap_scenarios::run),
        ("little", little::main),
        ("service", service::main),
    ]);
}

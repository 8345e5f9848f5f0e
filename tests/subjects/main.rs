//! Programs whose figures are known: `subjects NAME [ARGUMENT]…` runs one. Each is a module with a `main`.

mod aligned;
mod boxes;
mod calls;
mod endings;
mod lifetimes;
mod neighbours;
#[cfg(feature = "real-input")]
mod parse_sources;
mod peak;
mod random;
mod recursion;
#[cfg(feature = "real-input")]
mod search_sources;
mod temporaries;
mod thread_locals;
mod threads;
mod vec_growth;
mod workload;
mod zeroed;

use alloc_probe::AllocProbe;
use alloc_probe_tests::reference::Reference;
use alloc_probe_tests::subject;
use std::alloc::System;

#[global_allocator]
static ALLOC: AllocProbe<Reference<System>> = AllocProbe::new(Reference::new(System));

fn main() {
    subject::run(&[
        ("aligned", aligned::main),
        ("boxes", boxes::main),
        ("calls", calls::main),
        ("endings", endings::main),
        ("lifetimes", lifetimes::main),
        ("neighbours", neighbours::main),
        #[cfg(feature = "real-input")]
        ("parse_sources", parse_sources::main),
        ("peak", peak::main),
        ("random", random::main),
        ("recursion", recursion::main),
        #[cfg(feature = "real-input")]
        ("search_sources", search_sources::main),
        ("temporaries", temporaries::main),
        ("thread_locals", thread_locals::main),
        ("threads", threads::main),
        ("vec_growth", vec_growth::main),
        ("workload", workload::main),
        ("zeroed", zeroed::main),
    ]);
}

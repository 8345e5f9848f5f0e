//! The probe around Jemalloc: the same program, another allocator.

use alloc_probe::AllocProbe;
use alloc_probe_tests::reference::Reference;
use alloc_probe_tests::{subject, workload};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: AllocProbe<Reference<Jemalloc>> = AllocProbe::new(Reference::new(Jemalloc));

fn main() {
    std::hint::black_box(workload::run());
    subject::agree();
    // Some frees of a block are another thread's.
    let words = std::thread::spawn(workload::words).join().expect("it ends well");
    drop(words);
    subject::agree();
}

//! What resident memory is made of, with another allocator: `heap_mimalloc SCENARIO`.

use alloc_probe::AllocProbe;
use alloc_probe_tests::heap_scenarios;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOC: AllocProbe<MiMalloc> = AllocProbe::new(MiMalloc);

fn main() {
    heap_scenarios::run();
}

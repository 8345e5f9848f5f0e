//! What resident memory is made of, with another allocator: `heap_jemalloc SCENARIO`.

use alloc_probe::AllocProbe;
use alloc_probe_tests::heap_scenarios;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: AllocProbe<Jemalloc> = AllocProbe::new(Jemalloc);

fn main() {
    heap_scenarios::run();
}

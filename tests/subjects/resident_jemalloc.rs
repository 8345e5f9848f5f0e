//! What resident memory is made of, with another allocator: `resident_jemalloc SCENARIO`.

use alloc_probe::AllocProbe;
use alloc_probe_tests::resident;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: AllocProbe<Jemalloc> = AllocProbe::new(Jemalloc);

fn main() {
    resident::run();
}

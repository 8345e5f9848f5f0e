//! What resident memory is made of, with another allocator: `resident_mimalloc SCENARIO`.

use alloc_probe::AllocProbe;
use alloc_probe_tests::resident;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOC: AllocProbe<MiMalloc> = AllocProbe::new(MiMalloc);

fn main() {
    resident::run();
}

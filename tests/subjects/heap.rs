//! What resident memory is made of: `heap SCENARIO`, each of which leaves the heap in a state whose figures are known.
//! Without a second wrapper, whose own memory would be in the same heap.

use alloc_probe::AllocProbe;
use alloc_probe_tests::heap_scenarios;

#[global_allocator]
static ALLOC: AllocProbe = AllocProbe::system();

fn main() {
    heap_scenarios::run();
}

//! Programs that `dhat` profiles: `with_dhat NAME [ARGUMENT]…` runs one.

mod usages;
mod workload;

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() {
    alloc_probe_tests::subject::run(&[("usages", usages::main), ("workload", workload::main)]);
}

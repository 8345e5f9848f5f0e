//! The service under `dhat`, with stacks of ten frames, its default.

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() {
    let _profiler = dhat::Profiler::builder().build();
    alloc_probe_bench::service::main(|| dhat::HeapStats::get().total_blocks);
}

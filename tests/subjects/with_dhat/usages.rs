//! One of the expressions, in `dhat`'s testing mode, `with_dhat usages NAME`: one process each, as that has one profiler for a process.

use alloc_probe_tests::{subject, usages};

pub(crate) fn main() {
    let name = subject::arguments().next().unwrap_or_default();
    let (_, expression) = usages::named(&name).expect("the argument is an expression's name");
    let profiler = dhat::Profiler::builder().testing().build();
    let value = expression();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    drop(value);
    println!(
        "total {} in {}, peak {} in {}, live {} in {}",
        stats.total_bytes,
        stats.total_blocks,
        stats.max_bytes,
        stats.max_blocks,
        stats.curr_bytes,
        stats.curr_blocks,
    );
}

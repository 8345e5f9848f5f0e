//! A program that does little: for what the environment says. `installed little [FILE]` also writes a dump to the file while it runs.
use alloc_probe_tests::subject;

pub(crate) fn main() {
    let kept = std::hint::black_box(vec![1_u8; 10_000]);
    println!("mode {:?}", alloc_probe::stats().mode);
    if let Some(path) = subject::arguments().next()
        && let Err(error) = alloc_probe::dump(&path)
    {
        println!("no dump: {error}");
    }
    std::mem::forget(kept);
}

//! The one line, as users write it, and a program that does little: for what the environment says.
//!
//! `installed [FILE]` also writes a dump to the file while it runs.

alloc_probe::install!();

fn main() {
    let kept = std::hint::black_box(vec![1_u8; 10_000]);
    println!("mode {:?}", alloc_probe::stats().mode);
    if let Some(path) = std::env::args_os().nth(1)
        && let Err(error) = alloc_probe::dump(&path)
    {
        println!("no dump: {error}");
    }
    std::mem::forget(kept);
}

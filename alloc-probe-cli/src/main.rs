//! `alloc-probe`, the command.
fn main() {}

//! Whole processes in which the first allocation is a test's own.

#![no_main]

mod marks;
mod stack_use;
#[path = "../support/mod.rs"]
mod support;

use alloc_probe::AllocProbe;
use std::process::ExitCode;
use support::groups;
use support::truth::Truth;

#[global_allocator]
static ALLOC: AllocProbe<Truth> = AllocProbe::new(Truth(std::alloc::System));

// Not Rust's `main`, which may make the first allocation of the process.
#[unsafe(no_mangle)]
extern "C" fn main(_: i32, _: *const *const i8) -> i32 {
    let status = support::main(&groups![marks, stack_use]);
    if status == ExitCode::SUCCESS { 0 } else { 101 }
}

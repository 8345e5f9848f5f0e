//! Whole processes whose allocator has no locks, so that signal handlers may call it, and gives addresses out again at once.

mod forks;
mod modes;
mod signals;
#[path = "../support/mod.rs"]
mod support;

use alloc_probe::AllocProbe;
use std::process::ExitCode;
use support::groups;
use support::slots::Slots;
use support::truth::Truth;

/// Gives out the address that was freed last, so that a record that outlives its block is taken for another's.
#[global_allocator]
static ALLOC: AllocProbe<Truth<Slots>> = AllocProbe::new(Truth(Slots));

fn main() -> ExitCode {
    support::main(&groups![forks, modes, signals])
}

//! Whole processes with the system's allocator: what of it is resident, how deep their stacks are, what they load, what
//! is not theirs to harm, and what a kill leaves of them.

mod harmless;
mod plugins;
mod program;
mod resident_memory;
mod stacks;
#[path = "../support/mod.rs"]
mod support;
mod torture;

use alloc_probe::AllocProbe;
use std::process::ExitCode;
use support::groups;

#[global_allocator]
static ALLOC: AllocProbe = AllocProbe::system();

fn main() -> ExitCode {
    support::main(&groups![harmless, plugins, program, resident_memory, stacks, torture])
}

//! What a service answers to those that watch it: its metrics, and its profile.

mod metrics;
mod pprof;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use support::groups;

alloc_probe::install!();

fn main() -> ExitCode {
    support::main(&groups![metrics, pprof])
}

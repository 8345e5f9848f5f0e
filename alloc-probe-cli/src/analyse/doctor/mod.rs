//! Whether a project builds programs that are fit for production: a list of checks, each a pure function of what was read
//! of the project.

mod code;
mod finding;
mod images;
mod pinned;
mod probe;
pub mod rebuild;
mod reproducible;
pub mod settings;
mod subject;
mod symbols;

pub use finding::{Finding, Fix, Outcome, Severity};
pub use subject::Subject;

/// A check.
#[derive(Clone, Copy)]
pub struct Check {
    /// What it is called, as `--allow` takes it.
    pub name: &'static str,
    run: fn(&Subject<'_>) -> Outcome,
}

/// The checks, in the order in which they are told.
pub const CHECKS: &[Check] = &[
    Check { name: "debug-info", run: symbols::debug_info },
    Check { name: "strip", run: symbols::strip },
    Check { name: "split-debuginfo", run: symbols::split },
    Check { name: "build-id", run: symbols::build_id },
    Check { name: "opt-level", run: code::opt_level },
    Check { name: "lto", run: code::lto },
    Check { name: "panic", run: code::panic },
    Check { name: "debug-assertions", run: code::debug_assertions },
    Check { name: "overflow-checks", run: code::overflow_checks },
    Check { name: "incremental", run: code::incremental },
    Check { name: "profile-place", run: code::profile_place },
    Check { name: "toolchain", run: pinned::toolchain },
    Check { name: "lock-file", run: pinned::lock_file },
    Check { name: "locked", run: pinned::locked },
    Check { name: "debug-shipped", run: images::debug_shipped },
    Check { name: "global-allocator", run: probe::global_allocator },
    Check { name: "probe", run: probe::probe },
    Check { name: "reproducible", run: reproducible::reproducible },
];

/// What came of each check of a project.
pub fn examine(subject: &Subject<'_>) -> Vec<(Check, Outcome)> {
    CHECKS.iter().map(|check| (*check, (check.run)(subject))).collect()
}

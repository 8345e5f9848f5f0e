//! What the tests share. Each test file is a program with a global allocator and a `main` of its own, since what is
//! tested is a whole process: from its first allocation to however it ends.
//!
//! A file has *checks*, which the program runs, and *scenarios*, each of which a check runs in a child process: the
//! same program, started again with the scenario's name in its environment.

#![allow(dead_code, reason = "no file uses everything")]

pub(crate) mod child;
pub(crate) mod figures;
pub(crate) mod slots;
pub(crate) mod truth;

use std::panic;
use std::process::ExitCode;

/// The variable that names the scenario to run.
const SCENARIO: &std::ffi::CStr = c"ALLOC_PROBE_TEST_SCENARIO";

/// A function and its name.
pub(crate) type Case = (&'static str, fn());

/// Functions with their names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => { &[$((stringify!($case), $case as fn())),*] };
}
pub(crate) use cases;

/// The `main` of a test file: runs one scenario if the environment names one, else the checks, in the way of the
/// standard harness, as far as `cargo test` needs it: one argument filters by name, `--list` only lists.
#[allow(clippy::print_stdout, reason = "it is the output of a test harness")]
pub(crate) fn main(checks: &[Case], scenarios: &[Case]) -> ExitCode {
    if let Some(run) = scenario(scenarios) {
        run();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen =
        |(name, _): &&Case| filters.is_empty() || filters.iter().any(|filter| name.contains(*filter));
    if arguments.iter().any(|argument| argument == "--list") {
        checks.iter().filter(chosen).for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (name, check) in checks.iter().filter(chosen) {
        let passed = panic::catch_unwind(check).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Whether this is the child process of a check.
pub(crate) fn is_scenario() -> bool {
    std::env::var_os(SCENARIO.to_str().expect("ASCII")).is_some()
}

/// The scenario that the environment names, found without allocating.
fn scenario(scenarios: &[Case]) -> Option<fn()> {
    // SAFETY: the name is a C string, and nobody changes the environment while this looks at it.
    let name = unsafe {
        let value = libc::getenv(SCENARIO.as_ptr());
        (!value.is_null()).then(|| std::ffi::CStr::from_ptr(value))?
    };
    let found = scenarios.iter().find(|(scenario, _)| scenario.as_bytes() == name.to_bytes());
    Some(found.unwrap_or_else(|| panic!("no scenario {name:?}")).1)
}

/// Tells the check a figure, without allocating: [`child::Outcome::told`] has it.
pub(crate) fn tell(name: &str, value: u64) {
    use std::io::Write as _;
    let mut line = [0u8; 100];
    let left = {
        let mut rest = &mut line[..];
        let _ = writeln!(rest, "{name} {value}");
        rest.len()
    };
    // SAFETY: the buffer is that long.
    unsafe { libc::write(1, line.as_ptr().cast(), line.len() - left) };
}

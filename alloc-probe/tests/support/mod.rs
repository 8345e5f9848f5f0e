//! What the tests share that run whole processes: from their first allocation to however they end.
//!
//! A file has *checks*, which the test program runs, and *scenarios*, each of which a check runs in a child process: the
//! same program, started again with the scenario's name in its environment. So each scenario has a process to itself, and
//! the files whose allocator is the same are one program, which is built and linked once.

#![allow(dead_code, reason = "no program uses everything")]

pub(crate) mod child;
pub(crate) mod figures;
pub(crate) mod slots;
pub(crate) mod truth;

use std::cell::Cell;
use std::panic;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// The variable that names the scenario to run, as `file::scenario`.
const SCENARIO: &std::ffi::CStr = c"ALLOC_PROBE_TEST_SCENARIO";

thread_local! {
    /// The file whose check this thread runs.
    static FILE: Cell<&'static str> = const { Cell::new("") };
}

/// A function and its name.
pub(crate) type Case = (&'static str, fn());

/// What a file has.
pub(crate) struct Cases {
    pub(crate) checks: &'static [Case],
    pub(crate) scenarios: &'static [Case],
}

/// Functions with their names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => { &[$((stringify!($case), $case as fn())),*] };
}
pub(crate) use cases;

/// Files with their names.
#[allow(unused_macros, reason = "a program that is one file needs none")]
macro_rules! groups {
    ($($file:ident),* $(,)?) => { [$((stringify!($file), $file::CASES)),*] };
}
#[allow(unused_imports, reason = "the same")]
pub(crate) use groups;

/// Copies a program that is to be run. A process of its own does it: where this one has the copy open, a child that another
/// thread starts has it open too for a moment, and what anybody may write to can't be run.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().expect("cp runs").success(), "{}", to.display());
}

/// The `main` of a test program: runs one scenario if the environment names one, else the checks, in the way of the
/// standard harness, as far as `cargo test` needs it: an argument filters by name, `--list` only lists. As many checks run
/// at a time as there are processors: most of the time, each waits for a child.
#[allow(clippy::print_stdout, reason = "it is the output of a test harness")]
pub(crate) fn main(files: &[(&'static str, Cases)]) -> ExitCode {
    if let Some(run) = scenario(files) {
        run();
        return ExitCode::SUCCESS;
    }
    // What runs in the background ignores SIGINT, and what it starts does too, unless it is told otherwise.
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the default disposition runs no code.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let checks = files.iter().flat_map(|(file, cases)| {
        cases.checks.iter().map(move |(name, check)| (*file, format!("{file}::{name}"), check))
    });
    let chosen: Vec<_> = checks
        .filter(|(_, name, _)| filters.is_empty() || filters.iter().any(|filter| name.contains(*filter)))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        chosen.iter().for_each(|(_, name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some((file, name, check)) = chosen.get(next.fetch_add(1, SeqCst)) {
            FILE.set(file);
            let passed = panic::catch_unwind(check).is_ok();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            failed.fetch_add(usize::from(!passed), SeqCst);
        }
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|threads| (0..at_once).for_each(|_| _ = threads.spawn(work)));
    match failed.into_inner() {
        0 => ExitCode::SUCCESS,
        failed => {
            println!("{failed} of {} checks failed", chosen.len());
            ExitCode::from(101)
        }
    }
}

/// Whether this is the child process of a check.
pub(crate) fn is_scenario() -> bool {
    wanted().is_some()
}

/// Whether this is the child process of a check of that file.
pub(crate) fn is_scenario_of(file: &str) -> bool {
    wanted().is_some_and(|name| without_file(name, file).is_some())
}

/// The name of the scenario to run, found without allocating.
fn wanted() -> Option<&'static [u8]> {
    // SAFETY: the name is a C string, and nobody changes the environment of a test program.
    unsafe {
        let value = libc::getenv(SCENARIO.as_ptr());
        (!value.is_null()).then(|| std::ffi::CStr::from_ptr(value).to_bytes())
    }
}

/// What follows on `file::`.
fn without_file<'a>(name: &'a [u8], file: &str) -> Option<&'a [u8]> {
    name.strip_prefix(file.as_bytes())?.strip_prefix(b"::")
}

/// The scenario that the environment names, found without allocating.
fn scenario(files: &[(&'static str, Cases)]) -> Option<fn()> {
    let name = wanted()?;
    let found = files.iter().find_map(|(file, cases)| {
        let name = without_file(name, file)?;
        cases.scenarios.iter().find(|(scenario, _)| scenario.as_bytes() == name)
    });
    Some(found.unwrap_or_else(|| panic!("no scenario {}", String::from_utf8_lossy(name))).1)
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

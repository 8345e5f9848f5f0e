//! A diff names the cause of memory: for each kind of finding a program that has that cause and no other, and one that
//! looks alike. The cause must come first, with the right site, and a figure within 10% of what the program did by
//! construction; of the one that looks alike, nothing of the kind may be said.

use crate::binaries::Profile;
use crate::faults::Faults;
use crate::run::{Subject, mode_name};
use crate::tool::{alloc_probe, frames};
use alloc_probe_format::dump::Mode;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The programs that run the cases of `tests/src/causes/`: with glibc's allocator, and with jemalloc.
const PROGRAMS: &[&str] =
    if cfg!(feature = "allocators") { &["installed", "installed_jemalloc"] } else { &["installed"] };

/// How far a finding's figure may be from the truth.
const TOLERANCE: f64 = 0.1;

#[test]
fn retained_memory_is_named() {
    check("retained", PROGRAMS);
}

#[test]
fn fragmentation_is_named() {
    check("fragmentation", PROGRAMS);
}

#[test]
fn capacity_that_was_kept_is_named() {
    check("capacity-kept", PROGRAMS);
}

#[test]
fn stack_growth_by_inlining_is_named() {
    check("stack-growth", PROGRAMS);
}

#[test]
fn longer_lives_are_named() {
    check("lifetimes", PROGRAMS);
}

#[test]
fn more_work_is_named() {
    check("more-work", PROGRAMS);
}

#[test]
fn a_loop_that_panicked_in_the_base_is_named() {
    check_kind("panicked", "more-work", PROGRAMS);
}

#[test]
fn more_threads_are_named() {
    check("threads", PROGRAMS);
}

#[test]
fn growth_without_end_is_named() {
    check("growth", PROGRAMS);
}

#[test]
fn what_is_reserved_and_not_used_is_named() {
    check("reserved", PROGRAMS);
}

#[test]
fn what_is_no_concern_is_said_to_be_none() {
    check("no-concern", PROGRAMS);
}

/// Holds the diffs of a case that is called as its finding is.
fn check(case: &str, programs: &[&'static str]) {
    check_kind(case, case, programs);
}

/// Runs a case with each of these programs, the base in `dev` and the rest in `release`, and holds the diffs against
/// what it says: a finding of this kind.
fn check_kind(case: &str, kind: &str, programs: &[&'static str]) {
    for program in programs {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut faults = Faults::of(format_args!("{program} {case}"));
        let (base, _) = run(program, case, "base", Profile::Dev, folder.path());
        let (new, truth) = run(program, case, "new", Profile::Release, folder.path());
        let (control, _) = run(program, case, "control", Profile::Release, folder.path());

        let diff = difference(&base, &new);
        let found = findings(&diff);
        match found.first() {
            Some(first) if first["kind"] == kind => truth.check(&diff, first, &mut faults),
            _ => faults.check(false, format_args!("it's not the first of {}", kinds(found))),
        }
        let diff = difference(&base, &control);
        let named = findings(&diff).iter().find(|finding| finding["kind"] == kind);
        faults.check(named.is_none(), format_args!("the control: {named:#?}"));
    }
}

/// What a case says of itself.
struct Truth {
    bytes: f64,
    site: Option<String>,
}

impl Truth {
    fn parse(output: &str) -> Truth {
        let words =
            || output.lines().filter_map(|line| line.strip_prefix("truth ")).flat_map(str::split_whitespace);
        let word = |name: &str| {
            words().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let bytes = word("bytes").and_then(|bytes| bytes.parse().ok());
        Truth { bytes: bytes.unwrap_or_else(|| panic!("no truth in {output}")), site: word("site") }
    }

    fn check(&self, diff: &Value, finding: &Value, faults: &mut Faults) {
        let bytes = finding["bytes"].as_f64().unwrap_or(0.0);
        let off = (bytes - self.bytes).abs() / self.bytes.abs();
        faults.check(off <= TOLERANCE, format_args!("{bytes} bytes for {}: {finding:#}", self.bytes));
        if let Some(site) = &self.site {
            let first = finding["sites"][0].as_u64().map(|first| &diff["sites"][first as usize]);
            let mut sides = first.into_iter().flat_map(|first| [&first["base"], &first["new"]]);
            let is_there =
                sides.any(|side| frames(diff, side).any(|frame| frame["function"] == site.as_str()));
            faults.check(is_there, format_args!("{site} is not in the first site's stack: {finding:#}"));
        }
        for text in ["sentence", "advice"] {
            faults.check(
                finding[text].as_str().is_some_and(|text| !text.is_empty()),
                format_args!("no {text}"),
            );
        }
        let evidence = finding["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty());
        faults.check(evidence, format_args!("no evidence"));
    }
}

/// Runs a variant of a case; returns where its dump is, and what it says of itself.
fn run(
    program: &'static str,
    case: &str,
    variant: &str,
    profile: Profile,
    folder: &Path,
) -> (PathBuf, Truth) {
    let dump = folder.join(format!("{variant}.json"));
    let subject =
        Subject::of(program, profile, Mode::Full).argument("causes").argument(case).argument(variant);
    let mut command = subject.command();
    let output = command
        .env("ALLOC_PROBE", mode_name(Mode::Full))
        .env("ALLOC_PROBE_OUT", &dump)
        .output()
        .unwrap_or_else(|error| panic!("{subject}: {error}"));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{subject} {case} {variant}: {}\n{messages}", output.status);
    (dump, Truth::parse(&String::from_utf8_lossy(&output.stdout)))
}

/// What the command line says of two runs. It may warn that they did not do the same work.
fn difference(base: &Path, new: &Path) -> Value {
    let output = alloc_probe().arg("diff").args([base, new]).arg("--json").output().expect("it runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    let ended_well = output.status.success() && !messages.contains("no symbols");
    assert!(ended_well, "diff {}: {}\n{messages}", new.display(), output.status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The findings, in their order.
fn findings(diff: &Value) -> &[Value] {
    diff["findings"].as_array().expect("findings")
}

fn kinds(findings: &[Value]) -> String {
    let kinds: Vec<String> =
        findings.iter().map(|finding| format!("{} {}", finding["kind"], finding["bytes"])).collect();
    format!("[{}]", kinds.join(", "))
}

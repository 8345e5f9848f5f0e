//! The verdicts of docs/why-release.md: the same programs, built for `dev` and for `release`, and what differs because of that.

use crate::binaries::{self, Profile};
use crate::faults::Faults;
use crate::tool::{alloc_probe, json};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How far the figures of two builds may be apart that are the same.
const TOLERANCE: f64 = 0.1;

/// What is so because of how a program is written is so in both builds, to the same extent.
#[test]
fn what_is_not_because_of_the_build() {
    for case in ["retained", "fragmentation", "capacity-kept", "reserved", "threads", "growth"] {
        let builds = Builds::of(case, ["new", "new"]);
        let mut faults = Faults::of(case);
        let [dev, release] = builds.bytes_of(case);
        let apart = (dev - release).abs() / dev.max(1.0);
        faults.check(dev > 0.0 && apart <= TOLERANCE, format_args!("{dev} in dev, {release} in release"));
    }
}

/// When a value is dropped, the language says, and not the compiler.
#[test]
fn values_live_as_long_in_both_builds() {
    let builds = Builds::of("lifetimes", ["new", "new"]);
    let mut faults = Faults::of("lifetimes");
    let peak = |dump: &Path| {
        json(alloc_probe().arg("explain").arg(dump).arg("--json"))["summary"]["peak_bytes"].as_f64()
    };
    let [dev, release] = [&builds.dev, &builds.release].map(|dump| peak(dump).expect("a figure"));
    faults
        .check((dev - release).abs() / dev <= TOLERANCE, format_args!("{dev} in dev, {release} in release"));
    let differs = builds.finding("lifetimes");
    faults.check(differs.is_none(), format_args!("{differs:#?}"));
}

/// A large function that is inlined into a recursive one puts its variables into each frame. Where it is not, there is no
/// difference.
#[test]
fn inlining_grows_the_stack_of_a_recursion_only() {
    let mut faults = Faults::of("stack-growth");
    let [dev, release] = Builds::of("stack-growth", ["new", "new"]).bytes_of("stack-growth");
    faults.check(dev == 0.0 && release > 3e6, format_args!("{dev} in dev, {release} in release"));
    let [dev, release] = Builds::of("stack-growth", ["control", "control"]).bytes_of("stack-growth");
    faults.check(dev == 0.0 && release == 0.0, format_args!("apart: {dev} in dev, {release} in release"));
}

/// The two variants are one program but for how it says that it has ended well.
#[test]
fn a_loop_that_overflows_ends_early_in_dev() {
    let builds = Builds::of("panicked", ["base", "new"]);
    let mut faults = Faults::of("panicked");
    let found = builds.finding("more-work");
    let says = found.as_ref().is_some_and(|finding| finding.to_string().contains("add overflow"));
    faults.check(says, format_args!("{found:#?}"));
}

/// A case that ran in both builds, each in a variant.
struct Builds {
    dev: PathBuf,
    release: PathBuf,
    _folder: tempfile::TempDir,
}

impl Builds {
    fn of(case: &str, variants: [&str; 2]) -> Builds {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = |profile, variant: &str| {
            let dump = folder.path().join(format!("{profile:?}.json"));
            let mut command = Command::new(binaries::subject("installed", profile));
            command.args(["causes", case, variant]).env_clear().env("ALLOC_PROBE_OUT", &dump);
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
            assert!(status.success(), "{case} {variant} {profile:?}: {status}");
            dump
        };
        let [dev, release] = [(Profile::Dev, variants[0]), (Profile::Release, variants[1])]
            .map(|(profile, variant)| run(profile, variant));
        Builds { dev, release, _folder: folder }
    }

    /// What `explain` says of each build about a kind of finding: its bytes, or 0.
    fn bytes_of(&self, kind: &str) -> [f64; 2] {
        [&self.dev, &self.release].map(|dump| {
            let whole = json(alloc_probe().arg("explain").arg(dump).arg("--json"));
            finding(&whole, kind).and_then(|finding| finding["bytes"].as_f64()).unwrap_or(0.0)
        })
    }

    /// The finding of a kind by which the builds differ.
    fn finding(&self, kind: &str) -> Option<Value> {
        let output = alloc_probe().arg("diff").args([&self.dev, &self.release]).arg("--json").output();
        let whole: Value = serde_json::from_slice(&output.expect("it runs").stdout).expect("JSON");
        finding(&whole, kind).cloned()
    }
}

fn finding<'a>(whole: &'a Value, kind: &str) -> Option<&'a Value> {
    whole["findings"].as_array()?.iter().find(|finding| finding["kind"] == kind)
}

//! `doctor --json`.

use crate::analyse::doctor::{Fix, Outcome, Severity};
use crate::render::doctor::Report;
use serde::Serialize;
use std::io::{self, Write};

/// The version of this output, which has nothing in common with dumps.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct DoctorOf<'a> {
    schema_version: u32,
    project: String,
    profiles: &'a [String],
    programs: Vec<&'a str>,
    checks: Vec<CheckOf<'a>>,
    findings: Vec<FindingOf<'a>>,
}

#[derive(Serialize)]
struct CheckOf<'a> {
    name: &'a str,
    /// `passed`, `found`, `allowed` or `does-not-apply`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct FindingOf<'a> {
    check: &'a str,
    severity: Severity,
    allowed: bool,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    why: &'a str,
    fixes: &'a [Fix],
}

/// Writes what came of all checks.
///
/// # Errors
///
/// Those of `out`.
pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let project = report.subject.project;
    let mut findings = Vec::new();
    let mut checks = Vec::new();
    for (check, outcome) in report.checks {
        let allowed = report.is_allowed(check);
        let (word, reason) = match outcome {
            _ if allowed => ("allowed", None),
            Outcome::Apart(reason) => ("does-not-apply", Some(*reason)),
            Outcome::Checked(findings) => (if findings.is_empty() { "passed" } else { "found" }, None),
        };
        checks.push(CheckOf { name: check.name, outcome: word, reason });
        let Outcome::Checked(found) = outcome else { continue };
        findings.extend(found.iter().map(|finding| FindingOf {
            check: check.name,
            severity: finding.severity,
            allowed,
            what: &finding.what,
            file: finding.place.as_ref().map(|place| project.relative(&place.path).display().to_string()),
            line: finding.place.as_ref().and_then(|place| place.line),
            why: &finding.why,
            fixes: &finding.fixes,
        }));
    }
    let report = DoctorOf {
        schema_version: SCHEMA_VERSION,
        project: project.root.display().to_string(),
        profiles: &report.subject.profiles,
        programs: report.subject.programs().map(|(_, target)| target.name.as_str()).collect(),
        checks,
        findings,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

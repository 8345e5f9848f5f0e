//! What `doctor` found, as text.

use crate::analyse::doctor::{Check, Finding, Outcome, Severity, Subject};
use crate::project::document::Place;
use crate::term::{style, text};
use crate::units;
use std::io::{self, Write};

/// What came of all checks.
pub struct Report<'a> {
    /// What was checked.
    pub subject: &'a Subject<'a>,
    /// The checks.
    pub checks: &'a [(Check, Outcome)],
    /// Those that may find what they like.
    pub allowed: &'a [String],
    /// Columns of a line.
    pub width: usize,
}

impl Report<'_> {
    /// Whether a check may find what it likes.
    pub fn is_allowed(&self, check: &Check) -> bool {
        self.allowed.iter().any(|allowed| allowed == check.name)
    }

    /// A place as seen from the project's folder.
    pub fn place(&self, place: &Place) -> String {
        let path = self.subject.project.relative(&place.path).display();
        place.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"))
    }

    /// All findings that count, those that matter most first.
    fn findings(&self) -> Vec<(&Check, &Finding)> {
        let counted = self.checks.iter().filter(|(check, _)| !self.is_allowed(check));
        let mut findings: Vec<(&Check, &Finding)> = counted
            .flat_map(|(check, outcome)| match outcome {
                Outcome::Checked(findings) => findings.iter().map(|finding| (check, finding)).collect(),
                Outcome::Apart(_) => Vec::new(),
            })
            .collect();
        findings.sort_by_key(|(_, finding)| finding.severity);
        findings
    }
}

/// Writes the findings, then which checks passed, and which do not apply.
///
/// # Errors
///
/// Those of `out`.
pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.findings();
    for (check, finding) in &findings {
        write_finding(report, check, finding, out)?;
    }
    let of = |wanted| findings.iter().filter(|(_, finding)| finding.severity == wanted).count();
    let (required, advice, notes) = (of(Severity::Required), of(Severity::Advice), of(Severity::Note));
    let strong = style::STRONG;
    writeln!(
        out,
        "{strong}{required} required, {advice} advice, {}{strong:#}",
        units::plural(notes as u64, "note")
    )?;
    let mut passed = Vec::new();
    let mut apart = Vec::new();
    for (check, outcome) in report.checks {
        match outcome {
            Outcome::Checked(findings) if findings.is_empty() => passed.push(check.name.to_owned()),
            Outcome::Apart(reason) if !report.is_allowed(check) => {
                apart.push(format!("{} ({reason})", check.name))
            }
            _ => {}
        }
    }
    for (title, names) in
        [("passed", &passed), ("allowed", &report.allowed.to_vec()), ("does not apply", &apart)]
    {
        if !names.is_empty() {
            wrapped(&format!("{title}: {}", names.join(", ")), "", "  ", report.width, style::FAINT, out)?;
        }
    }
    let profiles: Vec<String> =
        report.subject.profiles.iter().map(|profile| format!("`{profile}`")).collect();
    let programs: Vec<&str> = report.subject.programs().map(|(_, target)| target.name.as_str()).collect();
    let of_what = match programs.len() {
        0 => "only libraries".to_owned(),
        1 => format!("the program {}", programs[0]),
        number => units::plural(number as u64, "program"),
    };
    let line = format!("checked: {of_what}, under {}", profiles.join(", "));
    wrapped(&line, "", "  ", report.width, style::FAINT, out)
}

fn write_finding(
    report: &Report<'_>,
    check: &Check,
    finding: &Finding,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (word, look) = match finding.severity {
        Severity::Required => ("required", style::ERROR),
        Severity::Advice => ("advice", style::WARNING),
        Severity::Note => ("note", style::HINT),
    };
    let strong = style::STRONG;
    write!(out, "{look}{word}{look:#} {strong}{}{strong:#}", check.name)?;
    if let Some(place) = &finding.place {
        write!(out, "  {}", text::printable(&report.place(place)))?;
    }
    writeln!(out)?;
    wrapped(&format!("{}.", finding.what), "  ", "  ", report.width, style::PLAIN, out)?;
    wrapped(&finding.why, "  ", "  ", report.width, style::FAINT, out)?;
    for fix in &finding.fixes {
        writeln!(out, "  {}:", text::printable(&fix.place))?;
        for line in &fix.lines {
            writeln!(out, "      {}", text::printable(line))?;
        }
    }
    writeln!(out)
}

/// Writes text in lines of so many columns.
fn wrapped(
    words: &str,
    first: &str,
    indent: &str,
    width: usize,
    look: anstyle::Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = String::new();
    let mut start = first;
    let words = text::printable(words);
    for word in words.split_whitespace() {
        let is_full = text::width(start) + text::width(&line) + 1 + text::width(word) > width;
        if is_full && !line.is_empty() {
            writeln!(out, "{start}{look}{line}{look:#}")?;
            line.clear();
            start = indent;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{start}{look}{line}{look:#}")
}

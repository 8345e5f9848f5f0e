//! Whether building twice, in two folders, makes the same file.

use super::finding::{Finding, Fix, Outcome, Severity};
use super::subject::Subject;
use std::collections::BTreeSet;

const SHOWN: usize = 3;

/// Two builds of one commit are one file.
pub(super) fn reproducible(subject: &Subject<'_>) -> Outcome {
    let Some(rebuilt) = &subject.rebuilt else { return Outcome::Apart("it takes --rebuild") };
    let mut findings = Vec::new();
    let why = "Whoever builds the commit again can't tell whether they have what runs; caches and layers of images are \
               made anew; and the build id, by which debug info is found, is another.";
    for (program, difference) in &rebuilt.programs {
        let Some(difference) = difference else { continue };
        let mut causes = Vec::new();
        let mut fixes = Vec::new();
        if !difference.paths.is_empty() {
            let sections: Vec<&str> = difference.paths.keys().map(String::as_str).collect();
            let examples: BTreeSet<&String> = difference.paths.values().flatten().collect();
            let examples: Vec<&str> = examples.into_iter().take(SHOWN).map(String::as_str).collect();
            let examples =
                if examples.is_empty() { String::new() } else { format!(": {}", examples.join(", ")) };
            causes.push(format!("paths of the folder it was built in ({}){examples}", sections.join(", ")));
            fixes.push(Fix::new(
                "in the environment of the build",
                &["RUSTFLAGS=\"--remap-path-prefix=$PWD=. --remap-path-prefix=$HOME/.cargo=/cargo\""],
            ));
        }
        if !difference.times.is_empty() {
            let examples: Vec<String> = difference
                .times
                .iter()
                .take(SHOWN)
                .map(|(one, other)| format!("{one} and {other}"))
                .collect();
            causes.push(format!("time stamps: {}", examples.join(", ")));
            fixes.push(Fix::new(
                "where the time stamp is made",
                &["# read SOURCE_DATE_EPOCH, and the commit's date without it"],
            ));
        }
        if !rebuilt.scripts.is_empty() {
            causes.push(format!("what build scripts made: {}", rebuilt.scripts.join(", ")));
            fixes.push(Fix::new(
                "build.rs",
                &["# write the same for the same input: no time, no path, no order of a map"],
            ));
        }
        if causes.is_empty() {
            causes.push("nothing that has a name".to_owned());
        }
        findings.push(Finding {
            severity: Severity::Advice,
            what: format!(
                "two builds of `{program}` differ in {}: {}",
                difference.sections.join(", "),
                causes.join("; ")
            ),
            place: None,
            why: why.to_owned(),
            fixes,
        });
    }
    Outcome::Checked(findings)
}

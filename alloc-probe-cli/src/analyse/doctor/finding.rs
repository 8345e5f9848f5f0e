//! What a check finds.

use crate::project::document::Place;
use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The build is not fit for what it is for: the exit status says so.
    Required,
    /// Worth a change, unless there is a reason.
    Advice,
    /// To know; somebody may have decided it so.
    Note,
}

/// What a check found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is, in one sentence.
    pub what: String,
    /// Where.
    pub place: Option<Place>,
    /// Why it matters.
    pub why: String,
    /// What to put in, and where.
    pub fixes: Vec<Fix>,
}

/// Lines to put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// The file, or where else.
    pub place: String,
    /// The lines.
    pub lines: Vec<String>,
}

impl Fix {
    /// Lines for a place.
    pub fn new(place: &str, lines: &[&str]) -> Fix {
        Fix { place: place.to_owned(), lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    /// A setting of a profile.
    pub fn of_profile(profile: &str, setting: &str) -> Fix {
        Fix::new("Cargo.toml", &[&format!("[profile.{profile}]"), setting])
    }
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What it found: nothing, if all is well.
    Checked(Vec<Finding>),
    /// There is nothing that it could be held against, and why.
    Apart(&'static str),
}

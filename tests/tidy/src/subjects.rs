//! Every subject is built, and used.

use crate::{expect_none, files};
use std::collections::HashSet;

#[test]
fn every_subject_is_built_and_used() {
    let files = files();
    let manifest = &files.iter().find(|file| file.path == "tests/Cargo.toml").expect("the manifest").text;
    let tests = files.iter().filter(|file| file.path.starts_with("tests/tests/"));
    let words = tests
        .flat_map(|file| file.text.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .map(|word| word.trim_start_matches("CARGO_BIN_EXE_"))
        .collect::<HashSet<_>>();
    let subjects =
        files.iter().filter_map(|file| file.path.strip_prefix("tests/subjects/")?.strip_suffix(".rs"));
    let unused = subjects
        .filter(|name| !manifest.contains(&format!("\"subjects/{name}.rs\"")) || !words.contains(name));
    expect_none("each subject is a binary that some test runs", unused.map(str::to_owned).collect());
}

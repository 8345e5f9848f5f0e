//! Every subject is built, and used.

use crate::{expect_none, files};
use std::collections::HashSet;

#[test]
fn every_subject_is_built_and_used() {
    let files = files();
    let tests = files.iter().filter(|file| file.path.starts_with("tests/tests/"));
    let used = tests
        .flat_map(|file| file.text.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .map(|word| word.trim_start_matches("CARGO_BIN_EXE_"))
        .collect::<HashSet<_>>();
    // The compiler holds that each file is a module of its program, and that the program's list names it.
    let subjects =
        files.iter().filter_map(|file| file.path.strip_prefix("tests/subjects/")?.strip_suffix(".rs"));
    let names =
        subjects.map(|path| path.strip_suffix("/main").unwrap_or(path).rsplit('/').next().unwrap_or(path));
    let unused = names.filter(|name| *name != "main" && !used.contains(name));
    expect_none("each subject is run by some test", unused.map(str::to_owned).collect());
}

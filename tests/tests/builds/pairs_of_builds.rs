//! The diff pairs what is the same. All programs and builds are in the test of that name beside the suite.

use crate::sources::list;
use crate::truth::build::{Build, Package};
use crate::truth::recording::Built;
use crate::truth::verdict::{Limits, judge};
use std::collections::BTreeSet;

/// What is asked of both builds: claims and exact matches are held to more by the test of all programs.
const LIMITS: Limits =
    Limits { matched: 99.0, exact: 90.0, wrong: 0, false_sentences: usize::MAX, false_claims: 1.0 };

/// Holds the diff of the two builds that everybody has against the truth, and that of two runs of one build.
fn check(program: &str, argument: &str) {
    let package = Package::own(&[(program, argument)]);
    let built = |build| Built::new(&package, Build::named(build), BTreeSet::from([program.to_owned()]));
    let [dev, release] = ["0", "3"].map(built);
    let base = dev.record(&package.programs[0], 0);
    let [new, again] = [0, 1].map(|run| release.record(&package.programs[0], run));
    assert_eq!(judge(&base, &new).failure(program, &LIMITS), None);
    let same = judge(&new, &again);
    assert_eq!(same.failure(program, &LIMITS), None);
    assert_eq!((same.exact, same.astray_bytes), ([100.0; 2], 0), "{program}: two runs of one build");
}

#[test]
fn searching_is_matched() {
    let (_folder, list) = list(20);
    check("searching", list.to_str().expect("the temporary folder has a plain name"));
}

#[test]
fn a_document_is_matched() {
    check("document", "100");
}

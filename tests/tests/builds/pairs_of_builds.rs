//! The diff pairs what is the same. All programs and builds are in the test of that name beside the suite.

use crate::sources::list;
use crate::truth::{Build, built, judge, record};

/// Holds the diff of the two builds that everybody has against the truth, and that of two runs of one build.
fn check(program: &str, argument: &str) {
    let [base, new, again] = [Build::Dev, Build::Release(None), Build::Release(None)]
        .map(|build| record(built(build), program, argument));
    assert_eq!(judge(&base, &new).failure(program, 99.0, 0), None);
    let same = judge(&new, &again);
    assert_eq!(same.failure(program, 99.0, 0), None);
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

//! Real input, written by no one here: programs that work on the sources of the workspace's own dependencies.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::sources::list;
use crate::subjects::{self, Threads};
use alloc_probe_format::dump::Mode;

/// Gives a subject so many files, in both profiles, with every block recorded. It has to allocate at least so many
/// blocks of them.
fn check(subject: &'static str, files: usize, least_blocks: u64) {
    let (_folder, list) = list(files);
    for profile in Profile::ALL {
        let run = Subject::new(subject, profile, Mode::Full).argument(&list).run().expect_success();
        assert!(run.dump.totals.total_blocks > least_blocks, "{}: {}", run.subject, run.stdout());
        subjects::check(&run, Threads::One);
    }
}

#[test]
fn parsing_with_syn() {
    check("parse_sources", 100, 500_000);
}

#[test]
fn searching_with_regex() {
    check("search_sources", 400, 50_000);
}

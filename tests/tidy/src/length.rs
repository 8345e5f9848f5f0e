//! Source files, the README and the guide are short enough to read.

use crate::{expect_none, files};

/// The lines that a source file may have before it should be two.
const LONGEST_SOURCE: usize = 700;

#[test]
fn sources_are_short_enough_to_read() {
    let files = files();
    let long = files.iter().filter(|file| file.is("rs") && file.text.lines().count() > LONGEST_SOURCE);
    let broken = long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect();
    expect_none("a source file has 700 lines at most", broken);
}

/// The pages that a newcomer reads first, and the words that each may have.
const FIRST_PAGES: [(&str, usize); 2] = [("README.md", 700), ("docs/guide.md", 1_800)];

#[test]
fn first_pages_are_short_enough_to_read() {
    let files = files();
    let mut broken = Vec::new();
    for (path, most) in FIRST_PAGES {
        let page =
            files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not there"));
        let words = page.text.split_whitespace().count();
        if words > most {
            broken.push(format!("{path}: {words} words, {most} at most"));
        }
    }
    expect_none("the README and the guide are short; reference has pages of its own", broken);
}

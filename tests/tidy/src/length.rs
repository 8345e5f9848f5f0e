//! Source files are short enough to read.

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

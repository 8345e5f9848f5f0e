//! Nothing is left lying about.

use crate::{expect_none, files};

#[test]
fn nothing_is_left_lying_about() {
    // In two halves, so that this file passes.
    let words = [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"), ("<<<<", "<<<"), (">>>>", ">>>")];
    let words = words.map(|(one, other)| format!("{one}{other}"));
    let mut broken = Vec::new();
    for file in
        files().iter().filter(|file| ["rs", "md", "toml", "json"].iter().any(|extension| file.is(extension)))
    {
        for (number, line) in file.lines() {
            let has_word = |word: &String| {
                line.split(|c: char| c.is_whitespace() || ":(),".contains(c)).any(|w| w == word)
            };
            let stray = words.iter().any(has_word);
            let untidy = line.ends_with([' ', '\t']) || (!file.is("md") && line.contains('\t'));
            if stray || untidy {
                broken.push(format!("{}:{number}: {line}", file.path));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            broken.push(format!("{}: no end of the last line", file.path));
        }
    }
    expect_none("no reminders, no merge markers, no stray white space", broken);
}

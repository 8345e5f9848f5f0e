//! Real input: compiles regular expressions and searches every source file of a list with them.
//! `search_sources LIST`, a file with one path a line.

use alloc_probe_tests::subject;
use regex::Regex;
use std::collections::HashMap;
use std::error::Error;
use std::fs;

const PATTERNS: [&str; 5] = [
    r"\bfn\s+(\w+)\s*[<(]",
    r"(?m)^\s*//[/!]?\s?(.*)$",
    r"\bunsafe\s*\{",
    r"(?i)[\p{Greek}\p{Cyrillic}]+|caf\u{e9}",
    r#""((?:[^"\\]|\\.)*)""#,
];

pub(crate) fn main() {
    search().expect("the files can be read");
}

fn search() -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(subject::arguments().next().ok_or("usage: search_sources LIST")?)?;
    let patterns = PATTERNS.map(Regex::new).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut found = HashMap::<String, usize>::new();
    for path in list.lines() {
        let text = fs::read_to_string(path)?;
        for pattern in &patterns {
            for captures in pattern.captures_iter(&text) {
                let last = captures.iter().flatten().last().map_or("", |group| group.as_str());
                *found.entry(last.to_owned()).or_default() += 1;
            }
        }
        subject::agree();
    }
    println!("found {} different texts", found.len());
    drop((found, patterns));
    subject::agree();
    Ok(())
}

//! Compiles regular expressions and searches every source file of a list with them. `searching LIST`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use regex::{Captures, Regex, RegexSet};
use std::collections::HashMap;
use std::error::Error;
use std::fs;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

const PATTERNS: [&str; 6] = [
    r"\bfn\s+(\w+)\s*[<(]",
    r"(?m)^\s*//[/!]?\s?(.*)$",
    r"\bunsafe\s*\{",
    r"(?i)[\p{Greek}\p{Cyrillic}]+|caf\u{e9}",
    r#""((?:[^"\\]|\\.)*)""#,
    r"(?x) (?<name>[a-z_]+) \s* : \s* (?: & (?: '[a-z]+ \s+ )? )? (?<type>[A-Z]\w+) (?: < ([^<>]*) > )?",
];

fn main() -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(std::env::args().nth(1).ok_or("usage: searching LIST")?)?;
    let mut patterns = Vec::new();
    for (number, pattern) in (1..).zip(PATTERNS) {
        step(number);
        patterns.push(Regex::new(pattern)?);
    }
    step(100);
    let set = RegexSet::new(PATTERNS)?;
    let mut found = HashMap::<String, usize>::new();
    for (number, path) in (1..).zip(list.lines()) {
        step(number << 32);
        let text = fs::read_to_string(path)?;
        for line in text.lines() {
            for index in set.matches(line) {
                step((number << 32) + 1 + index as u64);
                search(&patterns[index], line, &mut found);
            }
        }
        step((number << 32) + 100);
        let plain = patterns[1].replace_all(&text, "");
        step((number << 32) + 101);
        let swapped =
            patterns[5].replace_all(&plain, |found: &Captures<'_>| format!("{}: {}", &found[2], &found[1]));
        step((number << 32) + 102);
        let parts: Vec<&str> = patterns[2].split(&swapped).collect();
        *found.entry(parts.len().to_string()).or_default() += 1;
    }
    step(101);
    println!("found {} different texts", found.len());
    Ok(())
}

fn search(pattern: &Regex, line: &str, found: &mut HashMap<String, usize>) {
    for captures in pattern.captures_iter(line) {
        let last = captures.iter().flatten().last().map_or("", |group| group.as_str());
        *found.entry(last.to_owned()).or_default() += 1;
    }
}

//! Patterns, searched for with regex-lite. `text LINES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use regex_lite::{Captures, Regex};
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: text LINES")?.parse()?;
    step(1);
    let word = Regex::new(r"\b(?<first>[A-Z])(?<rest>[a-z]+)\b")?;
    step(2);
    let number = Regex::new(r"(\d+)(?:\.(\d+))?|0x([0-9a-f]{2,4})")?;
    step(3);
    let wrong = Regex::new(r"(a|b").map_or_else(|error| error.to_string(), |_| String::new());
    let mut found = BTreeMap::<String, u64>::new();
    for line in 0..count {
        step(4 + line);
        let text = format!("Line {line} has Some Words, {}.{} and 0x{line:x}", line * 3, line % 7);
        step(4 + line);
        for captures in word.captures_iter(&text) {
            *found.entry(captures["rest"].to_owned()).or_default() += captures["first"].len() as u64;
        }
        step(4 + line);
        let swapped = number.replace_all(&text, |captures: &Captures<'_>| format!("<{}>", &captures[0]));
        step(4 + line);
        *found.entry(swapped.into_owned()).or_default() += number.find_iter(&text).count() as u64;
    }
    step(1 << 32);
    println!("{} found, {}", found.len(), wrong.len());
    Ok(())
}

//! A first profile: one line installs the probe, the rest is an ordinary program.
//!
//! `ALLOC_PROBE_OUT=quickstart.json cargo run --release -p alloc-probe-examples --bin quickstart`

use std::collections::BTreeMap;

alloc_probe::install!();

fn main() {
    let text = "the heap remembers what the program forgets ".repeat(2_000);
    let index = positions_by_word(&text);
    let longest = index.values().map(Vec::len).max().unwrap_or_default();
    println!("{} words, the most frequent {longest} times", index.len());
}

/// Where each word of `text` stands. Every word is copied, even those that are in the index already.
fn positions_by_word(text: &str) -> BTreeMap<String, Vec<usize>> {
    let mut index = BTreeMap::<String, Vec<usize>>::new();
    for (position, word) in text.split_whitespace().enumerate() {
        index.entry(word.to_owned()).or_default().push(position);
    }
    index
}

//! Real input: parses every source file of a list with `syn` and keeps the last trees for a while.
//! `parse_sources LIST`, a file with one path a line.

use alloc_probe_tests::subject;
use std::collections::VecDeque;
use std::error::Error;
use std::fs;

/// Syntax trees that are kept at a time.
const KEPT: usize = 20;

pub(crate) fn main() {
    parse().expect("the files can be read");
}

fn parse() -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(subject::arguments().next().ok_or("usage: parse_sources LIST")?)?;
    let mut trees = VecDeque::new();
    let (mut parsed, mut items) = (0, 0);
    for path in list.lines() {
        // Some files hold Rust that needs a newer parser, or none: what a failed parse allocates counts as well.
        let Ok(tree) = syn::parse_file(&fs::read_to_string(path)?) else { continue };
        parsed += 1;
        items += tree.items.len();
        trees.push_back(tree);
        if trees.len() > KEPT {
            trees.pop_front();
            subject::agree();
        }
    }
    println!("parsed {parsed} files with {items} items");
    subject::agree();
    Ok(())
}

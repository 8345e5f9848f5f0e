//! Real input: parses every source file of a list with `syn` and keeps the last trees for a while.
//! `parse_sources LIST`, a file with one path a line.

use alloc_probe::AllocProbe;
use alloc_probe_tests::reference::Reference;
use alloc_probe_tests::subject;
use std::alloc::System;
use std::collections::VecDeque;
use std::error::Error;
use std::fs;

#[global_allocator]
static ALLOC: AllocProbe<Reference<System>> = AllocProbe::new(Reference::new(System));

/// Syntax trees that are kept at a time.
const KEPT: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(std::env::args().nth(1).ok_or("usage: parse_sources LIST")?)?;
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

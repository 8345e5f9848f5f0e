//! Parses every source file of a list with `syn` and keeps the last trees for a while. `parsing LIST`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::collections::VecDeque;
use std::error::Error;
use std::fs;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

/// Syntax trees that are kept at a time.
const KEPT: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(std::env::args().nth(1).ok_or("usage: parsing LIST")?)?;
    let mut trees = VecDeque::new();
    let mut items = 0;
    for (number, path) in (1..).zip(list.lines()) {
        step(number << 32);
        let text = fs::read_to_string(path)?;
        step((number << 32) + 1);
        // Some files hold Rust that needs a newer parser: what a failed parse allocates counts as well.
        let Ok(tree) = syn::parse_file(&text) else { continue };
        step((number << 32) + 2);
        for (index, item) in (3..).zip(&tree.items) {
            step((number << 32) + index);
            items += usize::from(matches!(item.clone(), syn::Item::Fn(_) | syn::Item::Impl(_)));
        }
        step((number << 32) + 2);
        trees.push_back(tree);
        if trees.len() > KEPT {
            trees.pop_front();
        }
    }
    println!("{items} functions and implementations");
    Ok(())
}

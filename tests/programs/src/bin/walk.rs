//! Recursions of which the optimiser makes jumps and loops: a walk that ends in a call of itself, two functions that call
//! each other, and a search as deep as its input. `walk PLACES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::error::Error;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

/// What a walk has found.
struct Found {
    seen: Vec<bool>,
    names: Vec<String>,
}

fn visit(found: &mut Found, place: usize) {
    match found.seen.get_mut(place) {
        None | Some(true) => return,
        Some(seen) => *seen = true,
    }
    found.names.push("place".repeat(1 + place % 7));
    for next in [place * 3, place * 2 + 1, place.wrapping_sub(1)] {
        visit(found, next);
    }
    visit(found, place + 5);
}

fn even(number: usize, notes: &mut Vec<Box<[u16]>>) -> bool {
    notes.push(vec![0; 1 + number % 11].into_boxed_slice());
    if number == 0 { true } else { odd(number - 1, notes) }
}

fn odd(number: usize, notes: &mut Vec<Box<[u16]>>) -> bool {
    if number == 0 {
        return false;
    }
    notes.push(vec![1; 20 + number % 3].into_boxed_slice());
    even(number - 1, notes)
}

/// An expression with brackets, as a tree.
enum Tree {
    Leaf(String),
    Branch(Vec<Tree>),
}

fn parse(text: &mut std::str::Chars<'_>) -> Tree {
    let mut parts = Vec::new();
    while let Some(letter) = text.next() {
        match letter {
            '(' => parts.push(parse(text)),
            ')' => break,
            letter => parts.push(Tree::Leaf(String::from(letter))),
        }
    }
    Tree::Branch(parts)
}

fn print(tree: &Tree) -> String {
    match tree {
        Tree::Leaf(text) => text.clone(),
        Tree::Branch(parts) => format!("[{}]", parts.iter().map(print).collect::<Vec<_>>().join(" ")),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let places: usize = std::env::args().nth(1).ok_or("usage: walk PLACES")?.parse()?;
    let mut found = Found { seen: vec![false; places], names: Vec::new() };
    step(1);
    visit(&mut found, 1);
    step(2);
    let mut notes = Vec::new();
    let mut evens = 0;
    for number in 0..places / 10 {
        step(3 + number as u64);
        evens += usize::from(even(number, &mut notes));
    }
    step(1 << 32);
    let text = "(a(bc)d)".repeat(places / 20) + &"(x".repeat(places / 20) + &")".repeat(places / 20);
    step(2 << 32);
    let tree = parse(&mut text.chars());
    step(3 << 32);
    let printed = print(&tree);
    step(4 << 32);
    println!("{} places, {evens} of {} are even, {} letters", found.names.len(), notes.len(), printed.len());
    Ok(())
}

//! Copies values whose derived `Clone` and `PartialEq` have arms that the optimiser merges. `copies COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::error::Error;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, PartialEq)]
enum Target {
    Remote(String),
    Local(String),
    Number(u64),
    Both { remote: String, local: String },
    Nested(Box<Target>),
}

impl Target {
    fn len(&self) -> usize {
        match self {
            Target::Remote(name) | Target::Local(name) => name.len(),
            Target::Number(number) => *number as usize,
            Target::Both { remote, local } => remote.len() + local.len(),
            Target::Nested(target) => target.len(),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: copies COUNT")?.parse()?;
    let target = |number: u64| match number % 50 {
        0 => Target::Local("here".repeat(1 + number as usize % 3)),
        1 => Target::Number(number),
        2..9 => Target::Both { remote: "far".repeat(4), local: "near".repeat(number as usize % 6) },
        9..12 => Target::Nested(Box::new(Target::Remote("deep".to_owned()))),
        _ => Target::Remote("there".repeat(number as usize % 9)),
    };
    step(1);
    let targets: Vec<Target> = (0..count).map(target).collect();
    let mut copies = Vec::new();
    for round in 2..6 {
        step(round);
        copies.push(targets.clone());
    }
    step(6);
    let same = copies.iter().filter(|copy| **copy == targets).count();
    println!("{same} copies, {}", copies.iter().flatten().map(Target::len).sum::<usize>());
    Ok(())
}

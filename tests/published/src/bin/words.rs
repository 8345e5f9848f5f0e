//! Sets of words as automata, with fst. `words COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use fst::automaton::{Str, Subsequence};
use fst::{Automaton, IntoStreamer, Map, MapBuilder, Set, Streamer};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: words COUNT")?.parse()?;
    let mut words: Vec<String> = (0..count)
        .map(|number| format!("w{:x}o{}", number * 37 % 4096, "rd".repeat(number as usize % 3)))
        .collect();
    words.sort();
    words.dedup();
    step(1);
    let set = Set::from_iter(&words)?;
    step(2);
    let mut builder = MapBuilder::memory();
    for (word, number) in words.iter().zip(0..) {
        builder.insert(word, number)?;
    }
    let map = Map::new(builder.into_inner()?)?;
    step(3);
    let found = map.search(Subsequence::new("1d")).into_stream().into_str_vec()?;
    step(4);
    let starting = set.search(Str::new("w1").starts_with()).into_stream().into_strs()?;
    step(5);
    let other = Set::from_iter(words.iter().filter(|word| word.len() > 5))?;
    step(6);
    let mut both = set.op().add(&other).intersection();
    let mut common = Vec::new();
    while let Some(word) = both.next() {
        common.push(word.to_vec());
    }
    step(7);
    println!("{}, {}, {}, {}", found.len(), starting.len(), common.len(), set.contains("w0o"));
    Ok(())
}

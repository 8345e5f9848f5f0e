//! Maps and sets that keep their order, with indexmap. `index ENTRIES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: index ENTRIES")?.parse()?;
    let mut words = IndexMap::<String, Vec<u64>>::new();
    let mut seen = IndexSet::new();
    for number in 0..count {
        step(number);
        let word = format!("word {}", number * 7 % 53);
        match words.entry(word) {
            Entry::Occupied(mut entry) => entry.get_mut().push(number),
            Entry::Vacant(entry) => _ = entry.insert(vec![number]),
        }
        step(number);
        seen.insert((number % 31, (number % 7).to_string()));
    }
    step(1 << 32);
    words.sort_by(|one, _, other, _| other.cmp(one));
    step(2 << 32);
    let copy = words.clone();
    step(3 << 32);
    words.retain(|_, numbers| numbers.len() > 4);
    let both: IndexSet<(u64, String)> = seen.iter().filter(|(number, _)| number % 2 == 0).cloned().collect();
    step(4 << 32);
    let joined: String = copy.into_iter().map(|(word, numbers)| format!("{word}: {numbers:?}\n")).collect();
    step(5 << 32);
    println!("{}, {}, {}", words.len(), both.len(), joined.len());
    Ok(())
}

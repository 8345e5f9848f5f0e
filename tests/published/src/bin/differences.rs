//! Differences of texts, with similar. `differences COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use similar::{Algorithm, ChangeTag, TextDiff};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn text(number: u64) -> String {
    (0..20 + number % 7).map(|line| format!("line {} of {}\n", line * (1 + number % 3), number / 4)).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: differences COUNT")?.parse()?;
    let mut output = String::new();
    let mut inserted = 0;
    for number in 0..count {
        step(number);
        let (old, new) = (text(number), text(number + 1));
        step(number);
        let diff = TextDiff::from_lines(&old, &new);
        step(number);
        output += &diff.unified_diff().context_radius(2).header("old", "new").to_string();
        step(number);
        let algorithm = [Algorithm::Patience, Algorithm::Lcs, Algorithm::Myers][number as usize % 3];
        let words = TextDiff::configure().algorithm(algorithm).diff_words(&old, &new);
        inserted += words.iter_all_changes().filter(|change| change.tag() == ChangeTag::Insert).count();
    }
    step(1 << 32);
    println!("{} letters, {inserted} words", output.len());
    Ok(())
}

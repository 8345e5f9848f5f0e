//! Two threads: one reads the source files of a list and takes them apart into words, the other counts these.
//! `pipeline LIST`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

/// What the one thread hands to the other.
enum Parsed {
    File { path: Arc<str>, lines: Vec<Line> },
    Unreadable(Box<dyn Error + Send + Sync>),
}

struct Line {
    number: usize,
    words: Vec<Box<str>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(std::env::args().nth(1).ok_or("usage: pipeline LIST")?)?;
    let (sender, receiver) = sync_channel(4);
    let counting = thread::Builder::new().name("counting".into()).spawn(move || count(&receiver))?;
    for (number, path) in (1..).zip(list.lines().chain(["/nowhere"])) {
        step(number);
        let parsed = parse(path).unwrap_or_else(|error| Parsed::Unreadable(error.into()));
        step(number);
        sender.send(parsed)?;
    }
    drop(sender);
    let report = counting.join().map_err(|_| "the other thread panicked")?;
    println!("{}", report.lines().count());
    Ok(())
}

fn parse(path: &str) -> std::io::Result<Parsed> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().enumerate().map(|(index, line)| Line { number: index + 1, words: words(line) });
    Ok(Parsed::File { path: path.into(), lines: lines.filter(|line| !line.words.is_empty()).collect() })
}

fn words(line: &str) -> Vec<Box<str>> {
    let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| word.len() > 2).map(|word| word.to_lowercase().into_boxed_str()).collect()
}

/// Where a word is, and how often.
#[derive(Default)]
struct Uses {
    count: usize,
    files: HashSet<Arc<str>>,
    lines: Vec<usize>,
}

fn count(receiver: &Receiver<Parsed>) -> String {
    let mut words = HashMap::<Box<str>, Uses>::new();
    let mut errors = Vec::new();
    for (number, parsed) in (1..).zip(receiver) {
        step(number << 32);
        match parsed {
            Parsed::File { path, lines } => {
                for line in lines {
                    step((number << 32) + line.number as u64);
                    for word in line.words {
                        let uses = words.entry(word).or_default();
                        uses.count += 1;
                        uses.files.insert(Arc::clone(&path));
                        uses.lines.push(line.number);
                    }
                }
            }
            Parsed::Unreadable(error) => errors.push(error.to_string()),
        }
        step(1);
    }
    step(2);
    let mut by_count = BTreeMap::<usize, Vec<&str>>::new();
    let mut sorted: Vec<(&str, &Uses)> = words.iter().map(|(word, uses)| (&**word, uses)).collect();
    sorted.sort_by_key(|(word, _)| *word);
    for (word, uses) in sorted {
        by_count.entry(uses.count * uses.files.len() + uses.lines.len()).or_default().push(word);
    }
    step(3);
    let mut report = String::new();
    for (count, words) in by_count.iter().rev() {
        report += &format!("{count}: {}\n", words.join(", "));
    }
    step(4);
    report + &errors.join("\n")
}

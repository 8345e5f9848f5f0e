//! A document with undo, in persistent collections of imbl and rpds. `persistent EDITS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use imbl::{OrdMap, OrdSet, Vector, ordmap};
use rpds::{List, Queue, RedBlackTreeMap, Stack};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug)]
struct Document {
    lines: Vector<String>,
    marks: OrdMap<usize, OrdSet<String>>,
    history: List<&'static str>,
}

#[derive(Debug)]
enum Edit {
    Insert(usize, String),
    Remove(usize),
    Swap(usize, usize),
    Mark(usize, String),
    Split(usize),
}

#[derive(Debug)]
struct OutOfRange(String);

impl Document {
    fn apply(&self, edit: Edit) -> Result<Document, OutOfRange> {
        let mut new = self.clone();
        let length = new.lines.len();
        let check =
            |at: usize| if at < length { Ok(at) } else { Err(OutOfRange(format!("{at} of {length}"))) };
        let what = match edit {
            Edit::Insert(at, text) => {
                new.lines.insert(at.min(length), text);
                "insert"
            }
            Edit::Remove(at) => {
                new.lines.remove(check(at)?);
                new.marks.remove(&at);
                "remove"
            }
            Edit::Swap(one, other) => {
                let (one, other) = (check(one)?, check(other)?);
                new.lines.swap(one, other);
                "swap"
            }
            Edit::Mark(at, mark) => {
                let marks = new.marks.get(&check(at)?).cloned().unwrap_or_default();
                new.marks.insert(at, marks.update(mark));
                "mark"
            }
            Edit::Split(at) => {
                let (mut left, right) = new.lines.clone().split_at(check(at)?);
                left.push_back("---".to_owned());
                left.append(right);
                new.lines = left;
                "split"
            }
        };
        new.history = new.history.push_front(what);
        Ok(new)
    }
}

fn edit(number: usize) -> Edit {
    match number % 9 {
        0..=3 => Edit::Insert(number * 7 % (number + 1), format!("line {number}")),
        4 => Edit::Remove(number / 3),
        5 => Edit::Swap(number / 2, number / 4),
        6 | 7 => Edit::Mark(number / 4, format!("mark {}", number % 4)),
        _ => Edit::Split(number / 5),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).ok_or("usage: persistent EDITS")?.parse()?;
    let empty = Document { lines: Vector::new(), marks: ordmap! {}, history: List::new() };
    let mut undo: Stack<Document> = Stack::new().push(empty);
    let mut errors: Queue<String> = Queue::new();
    let mut index: RedBlackTreeMap<String, usize> = RedBlackTreeMap::new();
    let mut texts = Vec::new();
    for number in 0..count * 6 {
        step(number as u64);
        let now = undo.peek().ok_or("nothing left")?;
        match now.apply(edit(number)) {
            Ok(new) => undo = undo.push(new),
            Err(error) => errors = errors.enqueue(error.0),
        }
        step(number as u64);
        if number % 11 == 10 {
            undo = undo.pop().and_then(|undo| undo.pop()).ok_or("nothing left")?;
        }
        step(number as u64);
        let now = undo.peek().ok_or("nothing left")?;
        index = index.insert(now.lines.iter().take(3).cloned().collect::<Vec<_>>().join("/"), number);
        step(number as u64);
        if number % 5 == 4 {
            if let Some((first, _)) = index.first() {
                let first = first.clone();
                index = index.remove(&first);
            }
            texts.push(now.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>());
        }
    }
    step(1 << 32);
    let now = undo.peek().ok_or("nothing left")?;
    let sorted: Vector<String> = {
        let mut lines = now.lines.clone();
        lines.sort();
        lines.into_iter().filter(|line| line != "---").collect()
    };
    step(2 << 32);
    let marks: OrdSet<String> = now.marks.values().fold(OrdSet::new(), |all, marks| all.union(marks.clone()));
    step(3 << 32);
    println!(
        "{} lines, {} marks, {} errors, {}, {}",
        sorted.len(),
        marks.len(),
        errors.len(),
        index.size(),
        texts.len()
    );
    Ok(())
}

//! Counts messages by what their derived `Debug` prints: inlined, that ends in a jump, so that the frame of it is lost.
//! `derived MESSAGES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::collections::BTreeMap;
use std::error::Error;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Debug, Clone, Copy)]
enum Level {
    Note,
    Warning,
    FatalError,
}

// What is only printed counts as never read.
#[allow(dead_code)]
#[derive(Debug, Clone)]
enum Message {
    Empty,
    Text(&'static str),
    At { level: Level, line: u32 },
}

#[inline(never)]
fn levels(messages: &[Message]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for message in messages {
        let level = match message {
            Message::Empty => Level::Note,
            Message::Text(_) => Level::Warning,
            Message::At { level, .. } => *level,
        };
        *counts.entry(format!("{level:?}")).or_default() += 1;
    }
    counts
}

#[inline(never)]
fn kinds(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| format!("{message:?}")).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: u32 = std::env::args().nth(1).ok_or("usage: derived MESSAGES")?.parse()?;
    let message = |number: u32| match number % 4 {
        0 => Message::Empty,
        1 => Message::Text("a text"),
        2 => Message::At { level: Level::FatalError, line: number },
        _ => Message::At { level: Level::Note, line: number * 1_000 },
    };
    let messages: Vec<Message> = (0..count).map(message).collect();
    step(1);
    let levels = levels(&messages);
    step(2);
    let kinds = kinds(&messages);
    step(3);
    println!("{levels:?}, {} letters", kinds.iter().map(String::len).sum::<usize>());
    Ok(())
}

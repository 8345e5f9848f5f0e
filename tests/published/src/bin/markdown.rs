//! Markdown to HTML, with pulldown-cmark. `markdown DOCUMENTS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use pulldown_cmark::{Event, Options, Parser, Tag, html};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn document(number: u64) -> String {
    let items: String = (0..number % 8)
        .map(|item| format!("{}* item *{item}* with `code`\n", "  ".repeat(item as usize % 3)))
        .collect();
    let rows: String = (0..number % 5).map(|row| format!("| {row} | [link][{row}] |\n")).collect();
    format!(
        "# Title {number}\n\nSome **bold** text[^1] & more.\n\n{items}\n| a | b |\n|---|---|\n{rows}\n[^1]: A note.\n\n[1]: http://one\n\n> quoted\n>> twice\n\n```rust\nfn f() {{}}\n```\n"
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: markdown DOCUMENTS")?.parse()?;
    let mut pages = Vec::new();
    let mut headings = Vec::new();
    for number in 0..count {
        step(number);
        let text = document(number);
        step(number);
        let parser = Parser::new_ext(&text, Options::all());
        step(number);
        let mut page = String::new();
        html::push_html(&mut page, parser);
        pages.push(page);
        step(number);
        let events: Vec<Event<'_>> = Parser::new(&text).collect();
        step(number);
        headings.extend(
            events
                .into_iter()
                .filter(|event| matches!(event, Event::Start(Tag::Heading { .. })))
                .map(Event::into_static),
        );
    }
    step(1 << 32);
    println!("{} bytes, {} headings", pages.concat().len(), headings.len());
    Ok(())
}

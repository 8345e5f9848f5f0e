//! Parses HTML into trees, selects from them and writes them again, with scraper. `html PAGES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use scraper::{Html, Selector};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn page(number: u64) -> String {
    let rows: String =
        (0..number % 9).map(|row| format!("<tr class='r{row}'><td>{row}<td>&amp;{number}")).collect();
    format!(
        "<!doctype html><title>Page {number}</title><p>One <b>two <i>three</b> four</i><table>{rows}</table><ul><li>a<li>b</ul>"
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: html PAGES")?.parse()?;
    step(1);
    let cells = Selector::parse("table tr[class^=r]:not(:first-child) > td")?;
    step(2);
    let items = Selector::parse("ul li, p b i")?;
    step(3);
    let wrong = Selector::parse("td >> ::").map_or_else(|error| error.to_string(), |_| String::new());
    let mut found = Vec::new();
    let mut bytes = 0;
    for number in 0..count {
        step(number);
        let text = page(number);
        step(number);
        let tree = Html::parse_document(&text);
        step(number);
        found.extend(tree.select(&cells).map(|cell| cell.text().collect::<String>()));
        step(number);
        found.extend(tree.select(&items).map(|item| item.inner_html()));
        step(number);
        bytes += tree.html().len();
        step(number);
        drop(tree);
    }
    step(1 << 32);
    println!("{} found, {bytes} bytes, {}", found.len(), wrong.len());
    Ok(())
}

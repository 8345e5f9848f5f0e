//! Settings, read and written with toml. `settings COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    title: String,
    limits: Limits,
    #[serde(default)]
    hosts: Vec<Host>,
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Limits {
    open: u32,
    rate: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Host {
    name: String,
    ports: Vec<u16>,
}

fn text(number: u64) -> String {
    let hosts: String = (0..number % 4)
        .map(|host| format!("[[hosts]]\nname = 'host {host}'\nports = [80, {}]\n", 8000 + host))
        .collect();
    format!(
        "title = \"number {number}\"\n[limits]\nopen = {number}\nrate = 0.5\n[labels]\na = 'b'\n'long key' = \"\"\"\nsome\nlines\"\"\"\n{hosts}"
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: settings COUNT")?.parse()?;
    let mut kept = Vec::new();
    let mut letters = 0;
    for number in 0..count {
        step(number);
        let text = text(number);
        step(number);
        let settings: Settings = toml::from_str(&text)?;
        step(number);
        let table: toml::Table = text.parse()?;
        step(number);
        letters += toml::to_string_pretty(&settings)?.len();
        step(number);
        letters += table.to_string().len();
        step(number);
        letters += toml::from_str::<Settings>(&text.replace("open", "shut"))
            .map_or_else(|error| error.to_string().len(), |_| 0);
        kept.push((settings.clone(), table));
    }
    step(1 << 32);
    println!("{letters} letters, {}", kept.len());
    Ok(())
}

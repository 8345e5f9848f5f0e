//! Filters of jq, with jaq. `filters INPUTS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

const FILTERS: [&str; 7] = [
    ".items | map(select(.price > 3) | {name, double: (.price * 2)})",
    "[.items[] | .tags[]?] | group_by(.) | map({(.[0]): length}) | add",
    "def f(x): if x > 0 then x * f(x - 1) else 1 end; [range(5) | f(.)] + [.id]",
    "reduce .items[] as $item ({}; .[$item.name] += $item.price) | to_entries | sort_by(-.value) | .[0:2]",
    ".items |= map(.name |= ascii_upcase) | .items[].name, (.title | split(\" \") | join(\"-\"))",
    "[paths(type == \"number\")] | length, (try error(\"no \\(.)\") catch .)",
    ".title | .[",
];

fn input(number: u64) -> String {
    let items: Vec<String> = (0..number % 6)
        .map(|item| {
            format!(
                "{{\"name\": \"item {item}\", \"price\": {item}.5, \"tags\": [\"t{}\", \"all\"]}}",
                item % 2
            )
        })
        .collect();
    format!(
        "{{\"id\": {number}, \"title\": \"number {number} of all\", \"items\": [{}], \"none\": null}}",
        items.join(", ")
    )
}

fn run(code: &str, inputs: &[Val], number: u64) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    step(number);
    let arena = Arena::default();
    let loader = Loader::new(defs);
    step(number);
    let modules =
        loader.load(&arena, File { code, path: () }).map_err(|errors| format!("{} errors", errors.len()))?;
    step(number);
    let filter = Compiler::default()
        .with_funs(funs)
        .compile(modules)
        .map_err(|errors| format!("{} unknown", errors.len()))?;
    let mut shown = Vec::new();
    for input in inputs {
        step(number);
        let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
        for value in filter.id.run((context, input.clone())).map(unwrap_valr) {
            step(number);
            shown.push(value.map_or_else(|error| error.to_string(), |value| value.to_string()));
        }
    }
    Ok(shown)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: filters INPUTS")?.parse()?;
    let mut inputs = Vec::new();
    for number in 0..count {
        step(number);
        let text = input(number);
        step(number);
        inputs.push(read::parse_single(text.as_bytes()).map_err(|error| error.to_string())?);
    }
    let mut shown = Vec::new();
    let mut errors = Vec::new();
    for (number, filter) in (1_u64 << 32..).zip(FILTERS) {
        step(number);
        match run(filter, &inputs, number) {
            Ok(lines) => shown.extend(lines),
            Err(error) => errors.push(error.to_string()),
        }
    }
    step(2 << 32);
    println!("{} letters, {} errors", shown.concat().len(), errors.len());
    Ok(())
}

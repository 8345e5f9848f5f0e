//! Templates, compiled and filled with minijinja. `templates COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use minijinja::{Environment, context};
use serde::Serialize;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Serialize)]
struct Line {
    name: String,
    count: u64,
    tags: Vec<&'static str>,
}

const PAGE: &str = "{% extends 'base' %}{% block body %}{% for line in lines %}{% if line.count > 2 %}{{ line.name|upper }}: \
{{ line.count * 2 }}{% else %}{{ line.tags|join(', ') }}{% endif %}{% else %}nothing{% endfor %}{{ twice(total) }}{% endblock %}";
const BASE: &str = "{% macro row(x) %}<{{ x }}>{% endmacro %}<h1>{{ title|title }}</h1>{% block body %}{% endblock %}{{ row(title) }}";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: templates COUNT")?.parse()?;
    step(1);
    let mut environment = Environment::new();
    environment.add_template("base", BASE)?;
    environment.add_template("page", PAGE)?;
    environment.add_function("twice", |number: u64| format!("{number}{number}"));
    let mut letters = 0;
    for number in 0..count {
        step(2 + number);
        let lines: Vec<Line> = (0..number % 6)
            .map(|count| Line { name: format!("line {count}"), count, tags: vec!["new", "old"] })
            .collect();
        step(2 + number);
        let template = environment.get_template("page")?;
        letters +=
            template.render(context! { lines, title => format!("page {number}"), total => number })?.len();
        step(2 + number);
        letters += environment
            .render_str("{{ missing.field }}", ())
            .map_or_else(|error| error.to_string().len(), |text| text.len());
        step(2 + number);
        letters += environment
            .render_str("{% for x in range(4) %}{{ loop.index }}{{ x ~ 'a' }}{% endfor", ())
            .map_or(1, |text| text.len());
    }
    step(1 << 32);
    println!("{letters} letters");
    Ok(())
}

//! Pages of a shop, with handlebars. `pages PAGES`.
#![expect(missing_docs, reason = "a macro makes it public")]

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason, handlebars_helper,
};
use serde::Serialize;
use serde_json::json;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Serialize)]
struct Page {
    title: String,
    items: Vec<Item>,
    footer: Option<String>,
}

#[derive(Serialize)]
struct Item {
    name: String,
    price: f64,
    tags: Vec<&'static str>,
}

handlebars_helper!(shout: |text: str, {times: u64 = 1}| format!("{}{}", text.to_uppercase(), "!".repeat(times as usize)));

fn money(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let amount = helper
        .param(0)
        .and_then(|param| param.value().as_f64())
        .ok_or(RenderErrorReason::ParamNotFoundForIndex("money", 0))?;
    let cents = (amount * 100.0).round() as u64;
    let whole = (cents / 100).to_string();
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    out.write(&format!("{}.{:02} €", groups.join(","), cents % 100))?;
    Ok(())
}

fn page(number: u64) -> Page {
    let items = (0..number % 6)
        .map(|item| Item {
            name: format!("Item <{item}> & co"),
            price: 1234.5 * (item + number) as f64,
            tags: ["new", "cheap", "large"].into_iter().take(item as usize % 4).collect(),
        })
        .collect();
    Page {
        title: format!("page {number}"),
        items,
        footer: (number % 3 == 0).then(|| format!("made by {number}")),
    }
}

const PAGE: &str = r#"<h1>{{shout title times=2}}</h1>
{{#each items}}
  {{> item this index=@index}}
{{else}}
  <p>nothing</p>
{{/each}}
{{#with footer as |f|}}<footer>{{f}} {{../title}}</footer>{{/with}}
{{{lookup items 0}}} {{len items}} {{#if (gt (len items) 2)}}many{{/if}}
"#;
const ITEM: &str = r#"<li class="{{#if @last}}last{{/if}}">{{index}}: {{name}} {{money price}}{{#each tags}}{{#unless @first}}, {{/unless}}{{this}}{{/each}}</li>"#;

fn registered() -> Result<Handlebars<'static>, Box<dyn std::error::Error>> {
    let mut registry = Handlebars::new();
    registry.register_template_string("page", PAGE)?;
    registry.register_partial("item", ITEM)?;
    registry.register_helper("shout", Box::new(shout));
    registry.register_helper("money", Box::new(money));
    Ok(registry)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: pages PAGES")?.parse()?;
    step(u64::from(u32::MAX));
    let registry = registered()?;
    let mut pages = Vec::new();
    let mut errors = Vec::new();
    for number in 0..count {
        step(number);
        let page = page(number);
        step(number);
        pages.push(registry.render("page", &page)?);
        step(number);
        let template = format!(
            "{{{{#each list as |x i|}}}}{{{{i}}}}={{{{money x}}}};{{{{/each}}}}{}",
            ["", "{{#if}}", "{{money}}", "{{>none}}"][number as usize % 4]
        );
        step(number);
        match registry.render_template(
            &template,
            &json!({ "list": (0..number % 9).collect::<Vec<_>>(), "other": null }),
        ) {
            Ok(text) => pages.push(text),
            Err(error) => errors.push(error.to_string()),
        }
    }
    step(1 << 32);
    println!("{} letters, {} errors", pages.concat().len(), errors.len());
    Ok(())
}

//! A figure of a site stands in one table, is recorded, and is documented: nothing else has to know of it.

use crate::{File, expect_none, files};
use alloc_probe_format::dump::Figures;
use alloc_probe_format::metric::Metric;
use std::collections::BTreeSet;

/// The text of a file of the repository.
fn text<'a>(files: &'a [File], path: &str) -> &'a str {
    &files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is missing")).text
}

#[test]
fn the_example_names_every_file_that_a_figure_touches() {
    let files = files();
    let document = text(&files, "docs/architecture.md");
    let example = document.split_once("### Example: a figure of a site").expect("the example").1;
    let steps = example.split("\nThe test ").next().expect("text");
    // Links are relative to docs/.
    let links = steps.split("](").skip(1).filter_map(|link| link.split([')', '#']).next());
    let listed = links
        .map(|link| link.strip_prefix("../").map_or_else(|| format!("docs/{link}"), str::to_owned))
        .filter(|path| path != "docs/commands.md")
        .collect::<BTreeSet<_>>();
    let of_a_file = |file: &&File| {
        let sought = ["alloc-probe/src/", "alloc-probe/format/src/", "docs/"];
        sought.iter().any(|folder| file.path.starts_with(folder)) && file.path != "docs/architecture.md"
    };
    let touched = files
        .iter()
        .filter(of_a_file)
        .filter(|file| file.text.contains("moved_bytes") || file.text.contains("MOVED_BYTES"))
        .map(|file| file.path.clone())
        .collect::<BTreeSet<_>>();
    assert_eq!(listed, touched, "what docs/architecture.md lists, and where `moved_bytes` is");
}

#[test]
fn every_figure_is_documented() {
    let files = files();
    let [format, json, commands] =
        ["docs/format.md", "docs/json.md", "docs/commands.md"].map(|path| text(&files, path));
    let schema: serde_json::Value =
        serde_json::from_str(text(&files, "docs/dump.schema.json")).expect("JSON");
    let mut missing = Vec::new();
    for (figure, _) in Figures::default().each() {
        let quoted = format!("`{figure}`");
        if !json.contains(&quoted) {
            missing.push(format!("{figure} in docs/json.md"));
        }
        // A verdict of whoever reads a dump is in none.
        if figure == "growth_bytes" {
            continue;
        }
        if !format.contains(&quoted) {
            missing.push(format!("{figure} in docs/format.md"));
        }
        for owner in ["figures", "site"] {
            if schema["$defs"][owner]["properties"][figure].is_null() {
                missing.push(format!("{figure} of {owner} in docs/dump.schema.json"));
            }
        }
    }
    let metrics = Metric::ALL.iter().map(|metric| metric.name());
    let unknown = metrics.filter(|metric| !commands.contains(&format!("`{metric}`")));
    missing.extend(unknown.map(|metric| format!("{metric} in docs/commands.md")));
    expect_none("figures stand in the documents", missing);
}

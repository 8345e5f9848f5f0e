//! Folders are layers: a file imports from its own layer and from those below, and no files import each other in a
//! circle. The order of the layers is the table of `docs/architecture.md`.

mod arrows;
mod circles;
mod exceptions;
mod fixtures;
mod modules;
mod names;
mod table;

use crate::{File, expect_none, files};
use arrows::Arrows;
use exceptions::EXCEPTIONS;
use modules::Sources;
use std::collections::{BTreeSet, HashMap};
use table::{Table, covers};

#[test]
fn files_import_from_their_own_layer_or_from_below() {
    let files = files();
    let document = files.iter().find(|file| file.path == "docs/architecture.md").expect("the document");
    let table = table::read(&document.text).unwrap_or_else(|error| panic!("docs/architecture.md: {error}"));
    let is_source =
        |file: &&File| file.is("rs") && table.crates.iter().any(|folder| file.path.starts_with(folder));
    let sources = files.iter().filter(is_source).map(|file| (file.path.clone(), file.text.clone())).collect();
    let broken = check(&sources, &table, EXCEPTIONS).unwrap_or_else(|error| panic!("{error}"));
    expect_none("folders are layers, and docs/architecture.md has their order", broken);
}

/// All that breaks the rule.
fn check(sources: &Sources, table: &Table, exceptions: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let Read { arrows, reached, for_tests } = read(sources, table)?;
    let mut broken = Vec::new();
    for layer in &table.layers {
        for entry in layer.iter().filter(|entry| !sources.keys().any(|file| covers(&entry.path, file))) {
            broken.push(format!("the table has {}, which isn't there", entry.path));
        }
    }
    for file in sources.keys() {
        if reached.contains(file) && table.layer(file).is_none() {
            broken.push(format!("{file} is in no layer of the table"));
        }
        if !reached.contains(file) && !for_tests.iter().any(|path| covers(path, file)) {
            broken.push(format!("{file} belongs to no module"));
        }
    }
    let excepted =
        |from: &str, to: &str| exceptions.iter().any(|one| covers(one.0, from) && covers(one.1, to));
    for ((from, to), names) in &arrows {
        if let Some(layers) = rises(table, from, to)
            && !excepted(from, to)
        {
            broken.push(format!("{from} imports {} from {to}: {layers}", list(names)));
        }
    }
    let mut others = arrows.clone();
    others.retain(|(from, to), _| !excepted(from, to) && rises(table, from, to).is_none());
    for (circle, size) in circles::of(&others) {
        let steps = circle.windows(2).map(|pair| {
            let names = &others[&(pair[0].to_owned(), pair[1].to_owned())];
            format!("{} imports {} from {}", pair[0], list(names), pair[1])
        });
        let steps = steps.collect::<Vec<_>>().join("\n    ");
        broken
            .push(format!("a circle, in a group of {size} files that all lead to each other:\n    {steps}"));
    }
    for (from, to) in exceptions {
        let is_needed = |(start, end): &(String, String)| {
            covers(from, start)
                && covers(to, end)
                && (rises(table, start, end).is_some() || circles::leads(&arrows, end, start))
        };
        if !arrows.keys().any(is_needed) {
            broken.push(format!("the exception {from} → {to} is no longer needed: take it off the list"));
        }
    }
    Ok(broken)
}

/// What the sources of all crates say.
#[derive(Default)]
struct Read {
    arrows: Arrows,
    /// The files that belong to a crate.
    reached: BTreeSet<String>,
    /// Files and folders that only tests compile.
    for_tests: Vec<String>,
}

fn read(sources: &Sources, table: &Table) -> Result<Read, String> {
    let mut read = Read::default();
    for folder in &table.crates {
        let root = |name: &str| Some(format!("{folder}{name}")).filter(|path| sources.contains_key(path));
        let library = root("lib.rs").map(|root| modules::read(sources, &root)).transpose()?;
        let binary = root("main.rs").map(|root| modules::read(sources, &root)).transpose()?;
        // A binary names its package's library as any other crate would.
        let package = folder.trim_end_matches("/src/").rsplit('/').next().unwrap_or_default();
        let by_name = library.iter().map(|library| (package.replace('-', "_"), library)).collect();
        for (own, others) in [(&library, &HashMap::new()), (&binary, &by_name)] {
            if let Some(own) = own {
                read.arrows.extend(arrows::of(own, others));
                read.reached.extend(own.modules.iter().map(|module| module.file.clone()));
                read.for_tests.extend(own.for_tests.iter().cloned());
            }
        }
    }
    Ok(read)
}

/// The layers of an arrow that runs up, in words.
fn rises(table: &Table, from: &str, to: &str) -> Option<String> {
    let ((lower, own), (higher, other)) = (table.layer(from)?, table.layer(to)?);
    (lower < higher).then(|| format!("`{}` lies below `{}`", own.short, other.short))
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

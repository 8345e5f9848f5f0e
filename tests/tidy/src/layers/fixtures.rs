//! The rule itself, on made-up crates.

use super::modules::Sources;
use super::{check, table};

const TABLE: &str = "\
# A document

| another | table |
|---|---|
| `not this` | |

## Layers

| layer | holds |
|---|---|
| **`a/src`** | |
| `low.rs` | |
| `middle/` `beside.rs` | |
| `high.rs` | |
| `lib.rs` | |

## More

| `nor/this/` | |
";

/// What the rule says of a crate `a` with these files.
fn complaints(files: &[(&str, &str)], exceptions: &[(&str, &str)]) -> Vec<String> {
    let path = |name: &str| format!("a/src/{name}");
    let mut sources = files.iter().map(|(name, text)| (path(name), text.to_string())).collect::<Sources>();
    let mut root = String::new();
    for name in ["low", "middle", "beside", "high"] {
        let is_there = [format!("{name}.rs"), format!("{name}/mod.rs")];
        let is_there = is_there.iter().any(|file| sources.contains_key(&path(file)));
        root += &format!("mod {name};\n");
        if !is_there {
            sources.insert(
                path(&if name == "middle" { "middle/mod.rs".to_owned() } else { format!("{name}.rs") }),
                String::new(),
            );
        }
    }
    sources.entry(path("lib.rs")).or_insert(root);
    let table = table::read(TABLE).expect("a table");
    check(&sources, &table, exceptions).expect("sources that can be read")
}

#[track_caller]
fn expect(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(complaints(files, &[]), expected);
}

#[test]
fn arrows_down_are_right() {
    expect(
        &[
            ("low.rs", "pub struct Low;"),
            ("middle/mod.rs", "use crate::low::Low; pub fn middle(_: Low) {}"),
            (
                "high.rs",
                "use crate::{low, middle::{self, *}}; fn high() { middle(low::Low); middle::middle(low::Low) }",
            ),
        ],
        &[],
    );
}

#[test]
fn an_arrow_up_is_found_however_the_name_is_written() {
    let up = "a/src/low.rs imports `High` from a/src/high.rs: `low.rs` lies below `high.rs`";
    for low in [
        "use crate::high::High;",
        "use crate::{high::{High as Other}};",
        "use super::high::High;",
        "fn low(_: crate::high::High) {}",
        "fn low() { let _ = Vec::<crate::high::High>::new(); }",
        "use crate::high; fn low() { println!(\"{}\", high::High::new()); }",
        "use crate::high::*; fn low(_: High) {}",
        "pub use crate::high::High;",
        "macro_rules! low { () => { $crate::high::High::new() } }",
        "mod inside { use super::super::high::High; }",
        "fn low() { use crate::high::High; }",
        "#[derive(Deserialize)] struct Low { #[serde(default = \"crate::high::High\")] low: u8 }",
        "#[cfg(any(test, feature = \"low\"))] use crate::high::High;",
    ] {
        let files = [("low.rs", low), ("high.rs", "pub struct High;")];
        assert_eq!(complaints(&files, &[]), [up], "{low}");
    }
}

#[test]
fn what_only_tests_import_does_not_count() {
    expect(
        &[
            (
                "low.rs",
                "#[cfg(test)] mod tests { use crate::high::High; }
                #[cfg(all(test, unix))] use crate::high::High;
                #[cfg(test)] mod elsewhere;
                struct Low { #[cfg(test)] high: crate::high::High }
                impl Low { #[cfg(test)] fn high(_: crate::high::High) {} }
                #[test] fn high() { crate::high::High; }",
            ),
            ("low/elsewhere.rs", "use crate::high::High; mod inside;"),
            ("low/elsewhere/inside.rs", "use crate::high::High;"),
            ("high.rs", "pub struct High;"),
        ],
        &[],
    );
}

#[test]
fn a_module_is_not_the_function_of_its_name() {
    // As `mode`, `start` and `dump` in the probe: the root passes a function on that is called like a module.
    let root = "mod low; mod middle; mod beside; mod high; pub use high::low;";
    expect(
        &[
            ("lib.rs", root),
            ("low.rs", "pub fn own() {}"),
            (
                "middle/mod.rs",
                "use crate::low; fn middle() { let low = low::own(); crate::low::own(); drop(low) }",
            ),
            ("high.rs", "pub fn low() {}"),
        ],
        &[],
    );
}

#[test]
fn a_circle_is_found() {
    expect(
        &[
            ("middle/mod.rs", "mod one; mod other; mod third;"),
            ("middle/one.rs", "use super::other::{Other, other}; pub struct One;"),
            ("middle/other.rs", "use super::third; pub struct Other; pub fn other() { third::third() }"),
            ("middle/third.rs", "pub fn third() { let _ = super::one::One; }"),
        ],
        &["a circle, in a group of 3 files that all lead to each other:
    a/src/middle/one.rs imports `Other`, `other` from a/src/middle/other.rs
    a/src/middle/other.rs imports `third` from a/src/middle/third.rs
    a/src/middle/third.rs imports `One` from a/src/middle/one.rs"],
    );
}

#[test]
fn a_name_counts_for_the_file_that_defines_it() {
    // `mod.rs` passes `One` on, and `other` gets it from there: no circle. From outside, too, it is the file's.
    let files = [
        ("middle/mod.rs", "mod one; mod other; pub use one::One; pub use other::*;"),
        ("middle/one.rs", "pub struct One;"),
        ("middle/other.rs", "use super::One; pub fn another(_: One) {}"),
        ("low.rs", "use crate::middle::{One, another};"),
    ];
    expect(
        &files,
        &[
            "a/src/low.rs imports `One` from a/src/middle/one.rs: `low.rs` lies below `middle/`",
            "a/src/low.rs imports `another` from a/src/middle/other.rs: `low.rs` lies below `middle/`",
        ],
    );
}

#[test]
fn a_folder_that_uses_its_child_is_a_circle_if_the_child_uses_what_the_folder_defines() {
    expect(
        &[
            ("middle/mod.rs", "mod child; pub struct Own; pub fn middle() { child::child(Own) }"),
            ("middle/child.rs", "use super::Own; pub fn child(_: Own) {}"),
        ],
        &["a circle, in a group of 2 files that all lead to each other:
    a/src/middle/child.rs imports `Own` from a/src/middle/mod.rs
    a/src/middle/mod.rs imports `child` from a/src/middle/child.rs"],
    );
}

#[test]
fn methods_and_macros_count_for_the_file_they_stand_in() {
    expect(
        &[
            ("low.rs", "pub struct Low; fn low(low: Low) { low.rise(); Low::climb(); made!(); }"),
            ("high.rs", "use crate::low::Low; impl Low { pub fn rise(&self) {} pub fn climb() {} }"),
            ("high/macros.rs", ""),
            ("beside.rs", "#[macro_export] macro_rules! made { () => {} }"),
        ],
        &[
            "a/src/high/macros.rs belongs to no module",
            "a/src/low.rs imports `made!` from a/src/beside.rs: `low.rs` lies below `beside.rs`",
            "a/src/low.rs imports `.rise()`, `Low::climb` from a/src/high.rs: `low.rs` lies below `high.rs`",
        ],
    );
}

#[test]
fn a_file_that_no_layer_has_is_found() {
    let root = "mod low; mod middle; mod beside; mod high; mod new; mod folder;";
    expect(
        &[("lib.rs", root), ("new.rs", ""), ("folder/mod.rs", "mod inside;"), ("folder/inside.rs", "")],
        &[
            "a/src/folder/inside.rs is in no layer of the table",
            "a/src/folder/mod.rs is in no layer of the table",
            "a/src/new.rs is in no layer of the table",
        ],
    );
}

#[test]
fn a_layer_that_is_not_there_is_found() {
    let table = table::read(TABLE).expect("a table");
    let sources =
        [("lib.rs", "mod low; mod beside; mod high;"), ("low.rs", ""), ("beside.rs", ""), ("high.rs", "")];
    let sources = sources.map(|(name, text)| (format!("a/src/{name}"), text.to_owned()));
    let said = check(&Sources::from(sources), &table, &[]).expect("sources that can be read");
    assert_eq!(said, ["the table has a/src/middle/, which isn't there"]);
}

#[test]
fn a_file_that_no_module_declares_is_found() {
    expect(&[("lib.rs", "mod low; mod middle; mod high;")], &["a/src/beside.rs belongs to no module"]);
}

#[test]
fn an_exception_holds_for_as_long_as_it_is_needed() {
    let files = [("low.rs", "use crate::high::High;"), ("high.rs", "pub struct High;")];
    let up = ("a/src/low.rs", "a/src/high.rs");
    assert_eq!(complaints(&files, &[up]), [""; 0]);
    assert_eq!(
        complaints(&files, &[up, ("a/src/middle/", "a/src/middle/")]),
        ["the exception a/src/middle/ → a/src/middle/ is no longer needed: take it off the list"]
    );
    let circle = [
        ("middle/mod.rs", "mod one; mod other;"),
        ("middle/one.rs", "use super::other::Other; pub struct One;"),
        ("middle/other.rs", "use super::one::One; pub struct Other;"),
    ];
    assert_eq!(complaints(&circle, &[("a/src/middle/one.rs", "a/src/middle/other.rs")]), [""; 0]);
    assert_eq!(complaints(&circle, &[("a/src/middle/", "a/src/middle/")]), [""; 0]);
}

#[test]
fn a_table_that_is_not_there_is_an_error() {
    assert_eq!(table::read("# A document").err().as_deref(), Some("there is no table of layers"));
    let row = "## Layers\n\n| layer |\n|---|\n| **`a/src`** |\n| no code |\n";
    let said = "a row of the table of layers can't be understood: | no code |";
    assert_eq!(table::read(row).err().as_deref(), Some(said));
}

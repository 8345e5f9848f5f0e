//! What of a stack is shown, on recorded ones.
//!
//! The files in `stacks/` are whole stacks of real programs, built in several ways by several compilers, from the
//! allocation outwards. Someone has looked at each frame and marked it: `+` is shown, `-` is folded away. `>` stands
//! after that where the call was inlined into the next line's.

use alloc_probe_cli::analyse::fold;
use alloc_probe_cli::symbolicate::profile;
use alloc_probe_format::dump::*;
use std::path::Path;

/// One line: whether it is shown, whether it was inlined, the function and its file.
type Line<'a> = (bool, bool, &'a str, Option<&'a str>);

fn line(text: &str) -> Line<'_> {
    let (function, file) = match text[3..].split_once(" | ") {
        Some((function, file)) => (function, Some(file)),
        None => (&text[3..], None),
    };
    (text.starts_with('+'), text[1..].starts_with('>'), function, file)
}

/// A dump of one stack that carries its symbols: a row for each function that has code of its own.
fn dump(lines: &[Line<'_>]) -> Dump {
    let mut symbols = Symbols { frames: [[]].iter().collect(), ..Symbols::default() };
    let mut stacks = vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }];
    // From the outside inwards, as the tree has it.
    let rows = lines.split_inclusive(|(_, inlined, ..)| !inlined).rev();
    for row in rows {
        let mut string = |text: &str| {
            symbols.strings.push(text.to_owned());
            symbols.strings.len() as u32 - 1
        };
        let frames = row.iter().map(|(_, _, function, file)| SymbolFrame {
            function: string(function),
            file: file.map(&mut string),
            ..SymbolFrame::default()
        });
        let frames = if row[0].2.contains(" in unknown code") { Vec::new() } else { frames.collect() };
        symbols.frames.push(&frames);
        // Nobody knows whose code an address outside of all images is.
        let image = (!row[0].2.contains(" in unknown code")).then_some(0);
        let parent = stacks.len() as u32 - 1;
        stacks.push(StackNode { parent, image, address: 0x1000, kind: FrameKind::Call });
    }
    Dump {
        images: vec![Image { path: "/home/me/shop/target/shop".to_owned(), ..Image::default() }],
        sites: vec![Site { stack: stacks.len() as u32 - 1, ..Site::default() }],
        stacks,
        symbols: Some(symbols),
        ..Dump::default()
    }
}

fn check(recorded: &str) {
    let stacks = recorded.split("\n\n").skip(1);
    let mut count = 0;
    for stack in stacks {
        let mut lines = stack.trim_end().lines();
        let name = lines.next().unwrap_or_default();
        let lines: Vec<Line<'_>> = lines.map(line).collect();
        let expected: Vec<&str> =
            lines.iter().filter(|(shown, ..)| *shown).map(|(_, _, function, _)| *function).collect();
        assert!(!expected.is_empty() && expected.len() < lines.len(), "{name}");
        let profile = profile(Path::new("shop.json"), dump(&lines), Vec::new());
        let visible = |all: bool| -> Vec<String> {
            let shown = fold::visible(&profile, &profile.sites[0], all);
            shown.iter().map(|id| profile.frames[id.0 as usize].function.clone()).collect()
        };
        assert_eq!(visible(false), expected, "{name}");
        assert_eq!(visible(true).len(), lines.len(), "{name}: --all-frames");
        count += 1;
    }
    assert!(count > 1, "{count} stacks");
}

#[test]
fn of_an_unoptimised_build() {
    check(include_str!("stacks/unoptimised.txt"));
}

#[test]
fn of_an_optimised_build_with_v0_names() {
    check(include_str!("stacks/optimised-v0.txt"));
}

#[test]
fn of_an_optimised_build_with_line_tables() {
    check(include_str!("stacks/optimised-line-tables.txt"));
}

#[test]
fn of_another_standard_library() {
    check(include_str!("stacks/nightly-line-tables.txt"));
}

#[test]
fn of_an_executor() {
    check(include_str!("stacks/executor-unoptimised.txt"));
    check(include_str!("stacks/executor-line-tables.txt"));
}

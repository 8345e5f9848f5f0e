//! `symbolize` and the options for symbols, through the built command.

use crate::support::*;
use alloc_probe_format::dump::Dump;
use std::path::Path;
use std::process::{Command, Output};

/// The built command, with a home of its own.
fn alloc_probe(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-probe"));
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    output
}

fn write(program: &Program, dump: &Dump) {
    std::fs::write(program.path("shop.json"), serde_json::to_vec(dump).unwrap()).unwrap();
}

#[test]
fn a_symbolized_dump_is_read_anywhere() {
    let program = Program::optimised();
    let home = program.folder.path();
    write(&program, &program.dump());
    let folder = program.strip_into_build_id_folder();
    let id = build_id(&program.binary);
    let show = |file: &str, more: &[&str]| {
        let output =
            alloc_probe(home).args(["show", file, "--json", "--no-cache"]).args(more).output().unwrap();
        (serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap(), text(&output.stderr))
    };
    let debug = folder.to_str().unwrap();
    let expected = show("shop.json", &["--debug-dir", debug]);
    assert_eq!(expected.1, "");
    assert_ne!(show("shop.json", &[]).0["sites"], expected.0["sites"]);

    let output = succeeded(alloc_probe(home).args(["symbolize", "shop.json", "-v", "--debug-dir", debug]));
    let messages = text(&output.stderr);
    let lines: Vec<&str> = messages.lines().collect();
    let own = program.binary.display();
    assert_eq!(lines[0], format!("{own} (build id {id})"));
    assert_eq!(lines[1], format!("  {own}: stripped"));
    let file = format!("{}/.build-id/{}/{}.debug", folder.display(), &id[..2], &id[2..]);
    assert_eq!(lines[2], format!("  {file}: debug info and symbols"));
    assert!(lines.last().unwrap().starts_with("wrote shop.symbols.json: "), "{messages}");

    // Neither the binary nor its debug info is there, nor the cache.
    std::fs::remove_file(&program.binary).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::remove_dir_all(program.path(".cache")).unwrap();
    let anywhere = show("shop.symbols.json", &[]);
    assert_eq!(anywhere, expected);
    let again = succeeded(alloc_probe(home).args(["symbolize", "shop.symbols.json", "-o", "again.json.gz"]));
    assert!(text(&again.stderr).contains("wrote again.json.gz: it already had its symbols"));
    assert!(std::fs::read(program.path("again.json.gz")).unwrap().starts_with(&[0x1f, 0x8b]));
    assert_eq!(show("again.json.gz", &[]), expected);
}

#[test]
fn what_a_dump_lacks_is_looked_for_again() {
    let program = Program::optimised();
    let home = program.folder.path();
    write(&program, &program.dump());
    let folder = program.strip_into_build_id_folder();
    let debug = folder.to_str().unwrap();
    let expected =
        succeeded(alloc_probe(home).args(["show", "shop.json", "--debug-dir", debug, "--no-cache"]));

    let output = succeeded(alloc_probe(home).args(["symbolize", "shop.json", "-o", "poor.json"]));
    assert!(text(&output.stderr).contains("it was stripped"), "{}", text(&output.stderr));
    // On another machine, the reason is still the one that helps.
    std::fs::remove_file(&program.binary).unwrap();
    let poor = succeeded(alloc_probe(home).args(["show", "poor.json"]));
    let message = text(&poor.stderr);
    assert!(message.contains("of ") && message.contains(" allocated: it was stripped"), "{message}");
    assert!(message.contains("--debug-dir DIR"), "{message}");
    let rich = succeeded(alloc_probe(home).args(["show", "poor.json", "--debug-dir", debug, "--no-cache"]));
    assert_eq!((text(&rich.stdout), text(&rich.stderr)), (text(&expected.stdout), String::new()));
}

#[test]
fn the_cache_is_the_users_and_can_be_left_alone() {
    let program = Program::optimised();
    let home = program.folder.path();
    write(&program, &program.dump());
    let cache =
        program.path(".cache/alloc-probe/symbols").join(format!("{}.json", build_id(&program.binary)));
    succeeded(alloc_probe(home).args(["show", "shop.json", "--no-cache"]));
    assert!(!cache.exists());
    let first = succeeded(alloc_probe(home).args(["show", "shop.json"]));
    assert!(cache.exists());
    std::fs::remove_file(&program.binary).unwrap();
    let second = succeeded(alloc_probe(home).args(["show", "shop.json"]));
    assert_eq!((text(&second.stdout), text(&second.stderr)), (text(&first.stdout), String::new()));
    let without = succeeded(alloc_probe(home).args(["show", "shop.json", "--no-cache"]));
    assert!(text(&without.stderr).contains("the file is not there"));
}

#[test]
fn the_source_of_a_site_is_printed() {
    let program = Program::build(OPTIMISED);
    let home = program.folder.path();
    write(&program, &program.dump());
    let source = ["show", "shop.json", "--by", "total-bytes", "--source"];
    let output = succeeded(alloc_probe(home).args(source).arg("stock::recursive"));
    let shown = text(&output.stdout);
    let marked: Vec<&str> = shown.lines().filter(|line| line.starts_with("→ ")).collect();
    let [marked] = marked.as_slice() else { panic!("{shown}") };
    let (number, code) = marked.trim_start_matches("→ ").split_once(" │ ").unwrap();
    let stock = std::fs::read_to_string(program.path("src/stock.rs")).unwrap();
    assert_eq!(stock.lines().nth(number.trim().parse::<usize>().unwrap() - 1), Some(code), "{shown}");
    // The sources were moved.
    std::fs::rename(program.path("src"), program.path("moved")).unwrap();
    let gone = alloc_probe(home).args(source).arg("1").output().unwrap();
    assert_eq!(gone.status.code(), Some(2));
    assert!(text(&gone.stderr).contains("--remap FROM=TO"), "{}", text(&gone.stderr));
    let remap = format!("{}={}", program.path("src").display(), program.path("moved").display());
    let found = succeeded(alloc_probe(home).args(source).arg("stock::recursive").args(["--remap", &remap]));
    assert!(
        text(&found.stdout).ends_with(&shown[shown.rfind("stock.rs:").unwrap()..]),
        "{}",
        text(&found.stdout)
    );
    let none = alloc_probe(home).args(source).arg("no_such_function").output().unwrap();
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn paths_are_whole_where_that_is_asked_for() {
    let program = Program::build(OPTIMISED);
    let home = program.folder.path();
    write(&program, &program.dump());
    let show = ["show", "shop.json", "--by", "total-bytes", "--top", "1000", "--focus", "stock"];
    let mut command = alloc_probe(home);
    let shown = text(&succeeded(command.env("COLUMNS", "300").args(show)).stdout);
    assert!(shown.contains(" src/stock.rs:") && !shown.contains(home.to_str().unwrap()), "{shown}");
    let mut command = alloc_probe(home);
    let whole = text(&succeeded(command.env("COLUMNS", "300").args(show).arg("--full-paths")).stdout);
    assert!(whole.contains(&format!("{}:", program.path("src/stock.rs").display())), "{whole}");
    assert!(!whole.contains(" src/stock.rs:"));
    let mut command = alloc_probe(home);
    let hidden = text(&succeeded(command.env("COLUMNS", "300").args(show).args(["--hide", "stock"])).stdout);
    assert!(!hidden.contains("stock.rs"), "{hidden}");
}

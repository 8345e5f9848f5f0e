//! A program before and after changes that people make to their code: what the diff matches, and what it does not, by
//! design. `docs/matching.md` has the same as a table.

use crate::tool::{alloc_probe, frames, json};
use once_cell::sync::OnceCell;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const MAIN: &str = include_str!("mutations/main.rs");
const BOOK: &str = include_str!("mutations/book.rs");
const NOTES: &str = include_str!("mutations/notes.rs");

/// The program's sources.
#[derive(Clone)]
struct Sources {
    main: String,
    book: String,
    notes: String,
}

impl Sources {
    fn new() -> Sources {
        Sources { main: MAIN.to_owned(), book: BOOK.to_owned(), notes: NOTES.to_owned() }
    }

    /// With another text in the book, which has to be there.
    fn book(mut self, old: &str, new: &str) -> Sources {
        assert!(self.book.contains(old), "{old}");
        self.book = self.book.replace(old, new);
        self
    }
}

/// The levels that a program is built at, unoptimised and optimised.
const LEVELS: [&str; 2] = ["0", "3"];

/// The probe as a library, for programs that are compiled without Cargo.
fn probe_library() -> &'static Path {
    static BUILT: OnceCell<PathBuf> = OnceCell::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--lib",
            "--package",
            "alloc-probe-tests",
            "--message-format",
            "json",
        ]);
        cargo.arg("--target-dir").arg(crate::cargo::target());
        cargo.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let is_rlib = |file: &&Value| file.as_str().is_some_and(|file| file.ends_with(".rlib"));
        let library = String::from_utf8_lossy(&output.stdout).lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let files =
                message["filenames"].as_array().filter(|_| message["target"]["name"] == "alloc_probe")?;
            Some(PathBuf::from(files.iter().find(is_rlib)?.as_str()?))
        });
        library.expect("cargo names the library")
    })
}

/// Compiles the sources in a folder of their own, runs the program, and gives its dump.
fn dump(folder: &Path, sources: &Sources, level: &str) -> PathBuf {
    let source = folder.join("src");
    fs::create_dir_all(&source).expect("a folder");
    for (name, text) in [("main.rs", &sources.main), ("book.rs", &sources.book), ("notes.rs", &sources.notes)]
    {
        fs::write(source.join(name), text).expect("a file");
    }
    let library = probe_library();
    let dependencies = library.parent().expect("a library lies in a folder");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(folder).env("CARGO_PKG_NAME", "shop").env("CARGO_PKG_VERSION", "1.0.0");
    rustc.args(["--edition=2024", "--crate-name=shop", "src/main.rs", "-o", "shop", "-Cdebuginfo=2"]);
    rustc.args([format!("-Copt-level={level}"), format!("-Ldependency={}", dependencies.display())]);
    rustc.arg("--extern").arg(format!("alloc_probe={}", library.display()));
    let output = rustc.output().expect("rustc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = folder.join("shop.json");
    let status = Command::new(folder.join("shop")).env_clear().env("ALLOC_PROBE_OUT", &path).status();
    assert!(status.expect("it runs").success());
    path
}

/// The program as it was, at both levels.
fn before() -> &'static [PathBuf; 2] {
    static BEFORE: OnceCell<(TempDir, [PathBuf; 2])> = OnceCell::new();
    let (_, dumps) = BEFORE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dumps = LEVELS.map(|level| dump(&folder.path().join(level), &Sources::new(), level));
        (folder, dumps)
    });
    dumps
}

/// The pairs of the program's own sites that are not exactly the same, as `base function | new function: match, class`.
fn changed(diff: &Value) -> Vec<String> {
    let own = |side: &Value| -> Option<String> {
        let mut names = frames(diff, side)
            .filter_map(|frame| frame["function"].as_str())
            .filter(|name| name.contains("shop::"));
        Some(names.next()?.trim_start_matches("shop::").replace("book::", ""))
    };
    let row = |site: &Value| -> Option<String> {
        let (base, new) = (own(&site["base"]), own(&site["new"]));
        let name = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        let mut row = format!("{} | {}: ", name(&base), name(&new));
        row += site["match"].as_str().unwrap_or("alone");
        row.extend(site["class"].as_str().map(|class| format!(", {class}")));
        ((base.is_some() || new.is_some()) && !row.ends_with(": exact")).then_some(row)
    };
    let mut rows: Vec<String> = diff["sites"].as_array().expect("sites").iter().filter_map(row).collect();
    rows.sort();
    rows
}

/// Holds what changed by a mutation against what is expected: at either level, and from one to the other.
#[track_caller]
fn check(after: &Sources, expected: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let after = LEVELS.map(|level| dump(&folder.path().join(level), after, level));
    let before = before();
    for (base, new) in [(&before[0], &after[0]), (&before[1], &after[1]), (&before[0], &after[1])] {
        let diff = json(alloc_probe().arg("diff").arg(base).arg(new).arg("--json"));
        assert_eq!(changed(&diff), expected, "{} to {}", base.display(), new.display());
    }
}

#[test]
fn nothing_changed() {
    check(&Sources::new(), &[]);
}

#[test]
fn twice_the_orders_are_the_same_for_each() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut after = Sources::new();
    after.main = after.main.replace("0..20", "0..40");
    let new = dump(folder.path(), &after, LEVELS[0]);
    let diff =
        json(alloc_probe().arg("diff").args([&before()[0], &new]).args(["--json", "--by", "total-blocks"]));
    assert_eq!(diff["unit"]["name"], "order");
    assert_eq!((&diff["unit"]["count"]["base"], &diff["unit"]["count"]["new"]), (&20.into(), &40.into()));
    // The lists of lines and of notes were opened with room for 20. They grow once, which ends the blocks they had.
    let expected = [
        "- | Book::enter: alone, added",
        "- | Book::enter: alone, added",
        "Book::open | Book::open: exact, lifetime",
        "Book::open | Book::open: exact, lifetime",
        "line | line: exact, more-work",
        "note | note: exact, more-work",
    ];
    assert_eq!(changed(&diff), expected);
}

#[test]
fn lines_were_inserted_above() {
    let lines = "// A comment.\n".repeat(30);
    check(&Sources::new().book("#[inline(never)]\nfn line(", &(lines + "#[inline(never)]\nfn line(")), &[]);
}

#[test]
fn a_function_was_renamed() {
    check(&Sources::new().book("note(id", "remark(id"), &["note | remark: site"]);
}

#[test]
fn a_caller_was_renamed() {
    let mut after = Sources::new().book("fn enter(", "fn insert(");
    after.main = after.main.replace("book.enter(", "book.insert(");
    check(&after, &["line | line: site", "note | note: site"]);
}

#[test]
fn a_function_was_moved_to_another_module() {
    let start = BOOK.find("#[inline(never)]\nfn note(").expect("it is there");
    let end = start + BOOK[start..].find("\n}\n").expect("it ends") + 3;
    let mut after = Sources::new().book(&BOOK[start..end], "").book("= note(id)", "= crate::notes::note(id)");
    after.notes += &BOOK[start..end].replace("fn note", "pub fn note");
    check(&after, &["note | notes::note: site"]);
}

#[test]
fn a_signature_became_generic() {
    let after = Sources::new()
        .book("fn line(id: u64)", "fn line<T: Into<u64>>(id: T)")
        .book("line.push(id as", "line.push(id.into() as");
    check(&after, &[]);
}

#[test]
fn a_parameter_was_added() {
    let after = Sources::new()
        .book("fn line(id: u64)", "fn line(id: u64, capacity: usize)")
        .book("Vec::with_capacity(101)", "Vec::with_capacity(capacity)")
        .book("= line(id)", "= line(id, 101)");
    check(&after, &[]);
}

#[test]
fn a_function_was_split_in_two() {
    let after = Sources::new().book(
        "    let title = title();\n    let mut report = Vec::with_capacity(4001);\n    report.extend_from_slice(&title);\n",
        "    let mut report = begin();\n",
    );
    let after = after.book(
        "#[inline(never)]\nfn title(",
        "#[inline(never)]\nfn begin() -> Vec<u8> {\n    let title = title();\n    let mut report = Vec::with_capacity(4001);\n    report.extend_from_slice(&title);\n    report\n}\n\n#[inline(never)]\nfn title(",
    );
    check(&after, &["report | begin: subsequence", "title | title: subsequence"]);
}

#[test]
fn a_function_was_inlined_by_hand() {
    let after = Sources::new().book(
        "    let title = title();\n",
        "    let mut title = Vec::with_capacity(307);\n    title.push(b'#');\n",
    );
    let start = after.book.find("#[inline(never)]\nfn title(").expect("it is there");
    let rest = after.book[start..].to_owned();
    // Two calls of one function now, so a line that differs counts.
    check(&after.book(&rest, ""), &["report | report: subsequence", "title | report: subsequence"]);
}

#[test]
fn a_call_was_put_between() {
    let after = Sources::new().book("= line(id)", "= checked(id)").book(
        "#[inline(never)]\nfn line(",
        "#[inline(never)]\nfn checked(id: u64) -> Vec<u8> {\n    let line = line(id);\n    assert!(line.len() == 1);\n    line\n}\n\n#[inline(never)]\nfn line(",
    );
    check(&after, &["line | line: subsequence"]);
}

#[test]
fn an_allocation_was_added() {
    let after = Sources::new().book("    self.index.push(id as u8);\n", "    self.index.push(id as u8);\n        let copy: Vec<u8> = Vec::with_capacity(503);\n        std::hint::black_box(&copy);\n");
    check(&after, &["- | Book::enter: alone"]);
}

#[test]
fn a_capacity_was_changed() {
    check(
        &Sources::new().book("Vec::with_capacity(101)", "Vec::with_capacity(1010)"),
        &["line | line: exact, capacity"],
    );
}

//! Built programs, as the compiler makes them.

use crate::support::Project;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Enough functions to tell how it was built.
const SOURCE: &str = r#"
use std::collections::{BTreeMap, HashMap};

fn main() {
    let mut words: HashMap<String, Vec<usize>> = HashMap::new();
    for argument in std::env::args() {
        for word in argument.split(' ') {
            words.entry(word.to_string()).or_default().push(word.len() + argument.len());
        }
    }
    let sorted: BTreeMap<_, _> = words.into_iter().collect();
    println!("{sorted:?}");
}
"#;

fn build(folder: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let source = folder.join("program.rs");
    std::fs::write(&source, SOURCE).unwrap();
    let program = folder.join(name);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2021", "-o"])
        .arg(&program)
        .args(flags)
        .arg(&source)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}

/// The checks that find something in a program, and how much it matters.
fn found(program: &Path) -> Vec<(String, String)> {
    let project = Project::new(&[]);
    let found = project.found_with(&["--binary", program.to_str().unwrap()], &[]);
    assert!(found.iter().all(|one| one.place == program.to_str().unwrap()), "{found:?}");
    found.into_iter().map(|one| (one.check, one.severity)).collect()
}

fn of(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(check, severity)| ((*check).to_owned(), (*severity).to_owned())).collect()
}

#[test]
fn a_built_program_says_how_it_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "debuginfo=line-tables-only";
    let build = |name: &str, flags: &[&str]| build(folder.path(), name, flags);
    let id = "link-arg=-Wl,--build-id";
    let release = build("release", &["-Copt-level=3", "-C", lines, "-C", id]);
    assert_eq!(found(&release), of(&[]));
    let small = build("small", &["-Copt-level=z", "-C", lines, "-C", id]);
    assert_eq!(found(&small), of(&[]));
    let debug = build("debug", &["-C", lines, "-C", id]);
    assert_eq!(found(&debug), of(&[("debug-shipped", "required")]));
    let bare = build("bare", &["-Copt-level=3", "-Cstrip=symbols", "-C", id]);
    assert_eq!(found(&bare), of(&[("debug-info", "note")]));
    let lost = build("lost", &["-Copt-level=3", "-Cstrip=symbols", "-Clink-arg=-Wl,--build-id=none"]);
    assert_eq!(found(&lost), of(&[("debug-info", "required"), ("build-id", "required")]));
    let without = build("without", &["-Copt-level=3", "-C", lines, "-Clink-arg=-Wl,--build-id=none"]);
    assert_eq!(found(&without), of(&[("build-id", "advice")]));
}

#[test]
fn a_flag_that_leaves_the_build_id_out() {
    let flags = "[build]\nrustflags = [\n    \"-Clink-arg=-Wl,--build-id=none\",\n]\n";
    let found = Project::new(&[(".cargo/config.toml", flags)]).found();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].check.as_str(), found[0].place.as_str()), ("build-id", ".cargo/config.toml:2"));
}

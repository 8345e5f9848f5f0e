//! The command itself: text, JSON, `--allow`, errors, and that nothing is changed.

use crate::support::{Project, manifest, manifest_with};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_finding_says_what_where_why_and_what_to_put_in() {
    let project = Project::new(&[("Cargo.toml", &manifest("strip = true\nopt-level = \"s\""))]);
    let output = project.doctor(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "required strip  Cargo.toml:14\n  \
           `release` strips all symbols, and nothing here keeps them.\n  \
           Once stripped, a program shows addresses: in a dump, a profile, a panic's backtrace and a core\n  \
           file. The unstripped file names them all later, found by its build id, if somebody keeps it.\n  \
           Cargo.toml:\n      [profile.release]\n      strip = \"none\"\n  \
           where the program is packaged:\n      \
               objcopy --only-keep-debug target/release/NAME NAME.debug    # keep this\n      \
               objcopy --strip-all --add-gnu-debuglink=NAME.debug target/release/NAME\n\n\
         note opt-level  Cargo.toml:15\n  \
           `release` is built for size (opt-level \"s\").\n  \
           Smaller code is often slower: fewer calls are inlined, fewer loops unrolled. Both can be measured.\n  \
           on the command line:\n      \
               alloc-probe compare --bin service --matrix 'opt-level=s,3'\n\n\
         1 required, 0 advice, 1 note\n\
         passed: debug-info, split-debuginfo, lto, panic, debug-assertions, overflow-checks, incremental,\n  \
           profile-place, toolchain, lock-file, locked, debug-shipped, global-allocator, probe\n\
         does not apply: build-id (no program was named with --binary), reproducible (it takes --rebuild)\n\
         checked: the program service, under `release`\n"
    );
}

#[test]
fn what_is_allowed_does_not_count() {
    let project = Project::new(&[("Cargo.toml", &manifest("strip = true"))]);
    let output = project.doctor(&["--allow", "strip"]);
    assert_eq!(output.status.code(), Some(0));
    let out = text(&output.stdout);
    assert!(
        out.starts_with("0 required, 0 advice, 0 notes\n") && out.contains("\nallowed: strip\n"),
        "{out}"
    );
    let json: serde_json::Value =
        serde_json::from_slice(&project.doctor(&["--allow", "strip", "--json"]).stdout).unwrap();
    assert_eq!(json["findings"][0]["allowed"], true);
    assert_eq!(json["checks"][1], serde_json::json!({ "name": "strip", "outcome": "allowed" }));
    let refused = project.doctor(&["--allow", "nonsense"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("possible values: debug-info, strip, "),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn what_keeps_it_from_its_work() {
    let failed = |project: &Project, arguments: &[&str]| {
        let output = project.doctor(arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
        text(&output.stderr).replace(&format!("{}/", project.path().display()), "")
    };
    let project = Project::new(&[]);
    assert_eq!(failed(&project, &["gone"]), "error: cannot read `gone`: no such file or directory\n");
    assert_eq!(
        failed(&project, &["Dockerfile"]),
        "error: cannot read `Dockerfile`: it is no Cargo.toml\n\nhint: name a project's folder, or its Cargo.toml\n"
    );
    assert_eq!(
        failed(&project, &["--binary", "src/main.rs"]),
        "error: cannot read `src/main.rs`: Unknown file magic\n"
    );
    let broken = Project::new(&[("Cargo.toml", &manifest("lto = "))]);
    let error = failed(&broken, &[]);
    assert!(error.starts_with("error: cannot read `Cargo.toml`: ") && error.contains("14"), "{error}");
    let broken = Project::new(&[(".cargo/config.toml", "[build]\nx\n")]);
    let error = failed(&broken, &[]);
    assert!(error.contains(".cargo/config.toml"), "{error}");
    let broken = Project::new(&[("Cargo.lock", "[[package\n")]);
    assert!(failed(&broken, &[]).starts_with("error: cannot read `Cargo.lock`: line 1: "));
    let nowhere = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_alloc-probe")).arg("doctor").arg(nowhere.path()).output().unwrap();
    assert!(
        text(&output.stderr).contains("there is no Cargo.toml, nor in a folder above"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn no_file_is_changed_or_made() {
    let none = manifest_with("debug = \"line-tables-only\"\n", "");
    let project = Project::new(&[("Cargo.toml", &none), ("Cargo.lock", "")]);
    let before = contents(project.path());
    project.found_with(&[], &[]).iter().for_each(drop);
    assert_eq!(contents(project.path()), before);
    assert!(!before.contains_key("Cargo.lock"));
}

/// All files below a folder with what is in them.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn this_workspace_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Project::new(&[]).doctor(&[root.to_str().unwrap()]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}{}", text(&output.stderr));
    assert!(out.contains("\n0 required, 0 advice, "), "{out}");
}

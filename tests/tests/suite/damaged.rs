//! Files that are no dumps, or no longer: each command says so in one line and exits with 2.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::tool::alloc_probe;
use alloc_probe_format::dump::Mode;
use std::fs;
use std::path::Path;
use std::process::Output;

/// Asserts that every command refuses the file, and says which it is.
fn check(path: &Path, sound: &Path, what: &str) {
    let out = path.with_extension("svg");
    let commands = [
        ("show", alloc_probe().arg("show").arg(path).output()),
        ("show --json", alloc_probe().arg("show").arg(path).arg("--json").output()),
        ("flamegraph", alloc_probe().arg("flamegraph").arg(path).arg("-o").arg(&out).output()),
        ("diff FILE", alloc_probe().arg("diff").arg(path).arg(sound).output()),
        ("diff BASE", alloc_probe().arg("diff").arg(sound).arg(path).arg("--json").output()),
    ];
    for (name, output) in commands {
        let Output { status, stdout, stderr } = output.expect("it runs");
        let message = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(2), "{name}, {what}: {message}");
        assert!(stdout.is_empty(), "{name}, {what}: {}", String::from_utf8_lossy(&stdout));
        // One line; a hint may follow after a blank one.
        let mut lines = message.lines();
        let named = lines.next().is_some_and(|line| line.contains(&*path.to_string_lossy()));
        assert!(named && lines.next().is_none_or(str::is_empty), "{name}, {what}: {message}");
        assert!(!message.contains("panicked"), "{name}, {what}: {message}");
        assert!(!out.exists(), "{name}, {what}: a picture was drawn");
    }
}

#[test]
fn files_that_are_no_dumps() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = Subject::new("boxes", Profile::Release, Mode::Full).run().expect_success();
    let (whole, sound) = (run.dump_text(), run.dump_path());
    let dangling = whole.replacen("\"stack\":", "\"stack\":4000000", 1);
    assert_ne!(dangling, whole);
    let newer = whole.replacen("\"version\":1", "\"version\":999", 1);
    assert_ne!(newer, whole);
    for (what, content) in [
        ("empty", ""),
        ("not JSON", "a heap of words\n"),
        ("of another program", "{\"name\": \"left-pad\", \"version\": \"1.0.0\"}"),
        ("an array", "[1, 2, 3]"),
        ("cut off in the middle", &whole[..whole.len() / 2]),
        ("cut off at the end", whole.trim_end().strip_suffix('}').expect("an object")),
        ("with a site without a stack", &dangling),
        ("of a newer version", &newer),
        ("deeply nested", &"[".repeat(200_000)),
    ] {
        let path = folder.path().join("damaged.json");
        fs::write(&path, content).expect("the file is written");
        check(&path, &sound, what);
    }
    // Bytes that are no text.
    let path = folder.path().join("bytes.json");
    fs::write(&path, [0x1f, 0x8b, 0xff, 0x00, 0x80].repeat(100)).expect("the file is written");
    check(&path, &sound, "binary");
    check(&folder.path().join("nowhere.json"), &sound, "not there");
    check(folder.path(), &sound, "a folder");
}

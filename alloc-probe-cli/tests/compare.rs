//! `alloc-probe compare` on a package of its own, built by cargo: the whole way from a source file to the pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Allocates 64 KiB that live to the end, in both builds; `black_box` keeps the optimiser from seeing that nobody
/// needs them. Fails where it is told to.
const MAIN: &str = r#"
alloc_probe::install!();

#[inline(never)]
fn keep() -> Vec<u8> {
    std::hint::black_box(Vec::with_capacity(64 * 1024))
}

fn main() {
    let kept = keep();
    println!("kept {}", kept.capacity());
    if std::env::args().any(|argument| argument == "--fail") {
        eprintln!("as you wish");
        std::process::exit(3);
    }
    std::mem::forget(kept);
}
"#;

/// `bare` has no debug info of its own, as `release` has none.
const MANIFEST: &str = r#"
[package]
name = "subject"
version = "0.1.0"
edition = "2021"

[dependencies]
alloc-probe = { path = "PROBE" }

[profile.bare]
inherits = "dev"
opt-level = 1
debug = false

[workspace]
"#;

/// The package, its dependencies pinned as this workspace's are, so that nothing needs a network.
fn package(directory: &Path) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = MANIFEST.replace("PROBE", workspace.join("alloc-probe").to_str().unwrap());
    let path = directory.join("Cargo.toml");
    std::fs::create_dir(directory.join("src")).unwrap();
    std::fs::write(&path, manifest).unwrap();
    std::fs::write(directory.join("src/main.rs"), MAIN).unwrap();
    std::fs::copy(workspace.join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    path
}

fn compare(manifest: &Path, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-probe"));
    command.args(["compare", "--offline", "--runs", "1", "--profiles", "dev,bare", "--manifest-path"]);
    command.arg(manifest).arg("--out-dir").arg(out).args(more);
    // What the probe and its dependencies cost to build is paid once for all runs of this test.
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare"));
    for variable in ["ALLOC_PROBE", "ALLOC_PROBE_OUT", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(variable);
    }
    // Nor is what was looked up before to change anything, or to be left behind.
    command.env("XDG_CACHE_HOME", out.join("cache"));
    command.env("COLUMNS", "100").output().unwrap()
}

#[test]
fn two_builds_of_one_program() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = package(directory.path());
    let out = directory.path().join("out");
    let compared = compare(&manifest, &out, &["--by", "end-bytes"]);
    let (stdout, stderr) = (text(&compared.stdout), text(&compared.stderr));
    assert!(compared.status.success(), "{stderr}");
    for row in ["program file", "run time", "peak resident", "heap at peak", "Memory at the end"] {
        assert!(stdout.contains(row), "{row}: {stdout}");
    }
    assert!(stdout.contains("Matched 100% of the bytes"), "{stdout}");
    for file in ["debug.json", "debug.log", "debug.svg", "bare.json", "bare.log", "bare.svg", "diff.svg"] {
        let path = out.join(file);
        assert!(std::fs::metadata(&path).is_ok_and(|file| file.len() > 0), "{file}");
        assert!(stderr.contains(&format!("wrote {}", path.display())), "{file}: {stderr}");
    }
    assert_eq!(std::fs::read_to_string(out.join("bare.log")).unwrap(), "kept 65536\n");
    // Line tables were added to the profile that had none, and the dumps carry their symbols.
    for dump in ["debug.json", "bare.json"] {
        let bytes = std::fs::read(out.join(dump)).unwrap();
        let symbols = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["symbols"].take();
        assert!(symbols["strings"].as_array().is_some_and(|strings| !strings.is_empty()), "{dump}");
        let shown = Command::new(env!("CARGO_BIN_EXE_alloc-probe"))
            .args(["show", "--json", "--no-cache", "--by", "end-bytes"])
            .arg(out.join(dump))
            .output()
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let top = &json["sites"][0];
        assert_eq!(top["end_bytes"], 65536, "{dump}");
        let stack = top["stack"].as_array().unwrap();
        let frames: Vec<_> =
            stack.iter().map(|row| &json["frames"][row.as_u64().unwrap() as usize]).collect();
        let is_keep = |frame: &&serde_json::Value| frame["function"] == "subject::keep" && frame["line"] == 6;
        assert!(frames.iter().any(is_keep), "{dump}: {frames:?}");
    }

    let failed = compare(&manifest, &out, &["--", "--fail"]);
    let stderr = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("as you wish\nerror: "), "{stderr}");
    assert!(stderr.contains("failed: exit status 3; what it printed is in"), "{stderr}");

    std::fs::write(directory.path().join("src/main.rs"), "fn main() { nonsense }").unwrap();
    let broken = compare(&manifest, &out, &[]);
    let stderr = text(&broken.stderr);
    assert_eq!(broken.status.code(), Some(2), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert_eq!(last, "error: cargo could not build the program under the profile `dev`");

    std::fs::write(directory.path().join("src/main.rs"), "fn main() {}").unwrap();
    let without = compare(&manifest, &out, &[]);
    let stderr = text(&without.stderr);
    assert_eq!(without.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("left no dump\n\nhint: it must use alloc-probe"), "{stderr}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

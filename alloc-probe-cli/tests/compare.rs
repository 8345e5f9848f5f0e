//! `alloc-probe compare` on a package of its own, built by cargo: the whole way from a source file to the pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Allocates 64 KiB that live to the end, in both builds; `black_box` keeps the optimiser from seeing that nobody
/// needs them. Fails or hangs where it is told to: in all builds, or in one.
const MAIN: &str = r#"
alloc_probe::install!();

#[inline(never)]
fn keep() -> Vec<u8> {
    std::hint::black_box(Vec::with_capacity(64 * 1024))
}

fn main() {
    let kept = keep();
    println!("kept {}", kept.capacity());
    let program = std::env::args().next().unwrap();
    let is_told = |what: &str| {
        let mut after = std::env::args().skip_while(|argument| argument != what);
        after.next().is_some() && after.next().is_none_or(|folder| program.contains(&folder))
    };
    if is_told("--fail") {
        eprintln!("as you wish");
        std::process::exit(3);
    }
    while is_told("--hang") {
        std::thread::park();
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

[profile.release]
debug = 1

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
    command("compare", manifest, out, &[&["--profiles", "dev,bare"], more].concat()).output().unwrap()
}

/// The command, which builds in a folder of that name. What the probe and its dependencies cost to build is paid once for
/// all runs of a test.
fn command(builds_in: &str, manifest: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-probe"));
    command.args(["compare", "--offline", "--runs", "1", "--manifest-path"]);
    command.arg(manifest).arg("--out-dir").arg(out).args(more);
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join(builds_in));
    for variable in ["ALLOC_PROBE", "ALLOC_PROBE_OUT", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(variable);
    }
    // Nor is what was looked up before to change anything, or to be left behind.
    command.env("XDG_CACHE_HOME", out.join("cache"));
    command.env("COLUMNS", "100");
    command
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
    one_of_two_fails(&manifest, &out);

    std::fs::write(directory.path().join("src/main.rs"), "fn main() { nonsense }").unwrap();
    let broken = compare(&manifest, &out, &[]);
    let stderr = text(&broken.stderr);
    assert_eq!(broken.status.code(), Some(2), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert_eq!(last, "error: cargo could not build the program under the profile `dev`");

    std::fs::write(directory.path().join("src/main.rs"), "fn main() {}").unwrap();
    let without = compare(&manifest, &out, &[]);
    let (stdout, stderr) = (text(&without.stdout), text(&without.stderr));
    assert_eq!(without.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("left no dump, so it is measured from outside alone\nhint: "), "{stderr}");
    assert!(stdout.contains("\nrun time ") && !stdout.contains("\nheap at peak "), "{stdout}");
    assert!(stdout.contains("note: without the probe"), "{stdout}");

    std::fs::write(directory.path().join("src/main.rs"), "fn main() { loop { std::thread::park(); } }")
        .unwrap();
    let late = compare(&manifest, &out, &["--timeout", "1"]);
    let stderr = text(&late.stderr);
    assert_eq!(late.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("ran for more than 1.0 s and was ended"), "{stderr}");
}

/// What one build does wrong is said, and the rest is measured.
fn one_of_two_fails(manifest: &Path, out: &Path) {
    let failed = compare(manifest, out, &["--json", "--", "--fail", "/bare/"]);
    let stderr = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("as you wish\nwarning: ") && stderr.contains("failed: exit status 3; "),
        "{stderr}"
    );
    let json: serde_json::Value = serde_json::from_slice(&failed.stdout).unwrap();
    let [debug, bare] = [&json["variants"][0], &json["variants"][1]];
    assert_eq!((&debug["failed"], &bare["failed"]), (&false.into(), &true.into()));
    // It came to its end, and left a dump.
    for key in ["file", "wall", "cpu", "rss", "heap"] {
        assert!(debug["figures"][key].is_object() && bare["figures"][key].is_object(), "{key}: {json}");
    }
    let caveats = json["caveats"].to_string();
    assert!(
        caveats.contains("`bare` failed: ") && caveats.contains("its figures are those of such runs"),
        "{caveats}"
    );
    let recommended = json["recommendations"].to_string();
    assert!(!recommended.contains("`bare`"), "{recommended}");

    let hung = compare(manifest, out, &["--json", "--timeout", "20", "--", "--hang", "/bare/"]);
    let stderr = text(&hung.stderr);
    assert_eq!(hung.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("ran for more than 20.0 s and was ended"), "{stderr}");
    let json: serde_json::Value = serde_json::from_slice(&hung.stdout).unwrap();
    let [debug, bare] = [&json["variants"][0], &json["variants"][1]];
    for key in ["wall", "cpu", "heap"] {
        assert!(debug["figures"][key].is_object() && bare["figures"][key].is_null(), "{key}: {json}");
    }
    for key in ["file", "stripped"] {
        assert!(bare["figures"][key].is_object(), "{key}: {json}");
    }
    let caveats = json["caveats"].to_string();
    assert!(
        caveats.contains("its times are unknown") && caveats.contains("of its heap nothing is known"),
        "{caveats}"
    );
}

#[test]
fn a_service_is_driven_and_an_interruption_leaves_no_process_and_no_half_file() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = package(directory.path());
    std::fs::write(directory.path().join("src/main.rs"), SERVICE).unwrap();
    a_service_is_driven(&manifest, directory.path());
    let out = directory.path().join("out");
    let mut command = command("interrupted", &manifest, &out, &["--profiles", "dev,bare"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&out).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    // The program runs from when its log is begun.
    while !names().iter().any(|name| name.ends_with(".part")) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.ends_with("error: interrupted\n"), "{stderr}");
    assert_eq!(names(), Vec::<String>::new());
    let programs = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
        let program = String::from_utf8_lossy(arguments.split(|byte| *byte == 0).next()?).into_owned();
        program.contains("/interrupted/").then_some(program)
    });
    assert_eq!(programs.count(), 0);
}

/// Says that it is ready when it is, at a port as well where it has one, and never ends.
const SERVICE: &str = r#"
alloc_probe::install!();

fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse::<u16>().ok());
    let listener = port.map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
    if let Some(file) = std::env::args().nth(2) {
        std::fs::write(file, "").unwrap();
    }
    for _ in 0..3 {
        let _operation = alloc_probe::operation("open");
        drop(std::hint::black_box(vec![0u8; 100]));
    }
    println!("now listening");
    alloc_probe::mark("ready");
    loop {
        std::thread::park();
        std::hint::black_box(&listener);
    }
}
"#;

fn a_service_is_driven(manifest: &Path, folder: &Path) {
    let out = folder.join("driven");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (by_port, file) = (format!("port={port}"), folder.join("is-ready"));
    let file = file.to_str().unwrap();
    // The driver finds what the service does before it is ready.
    let driver = format!("test -e {file} && echo driven && rm {file}");
    for ready in ["line=now listening", &by_port, "mark=ready"] {
        let options = ["--profiles", "dev,bare", "--driver", &driver, "--ready", ready, "--json"];
        let arguments = [&options[..], &["--", &port, file]].concat();
        let driven = command("interrupted", manifest, &out, &arguments).output().unwrap();
        let stderr = text(&driven.stderr);
        assert_eq!(driven.status.code(), Some(0), "{stderr}");
        let json: serde_json::Value = serde_json::from_slice(&driven.stdout).unwrap();
        for (variant, name) in json["variants"].as_array().unwrap().iter().zip(["debug", "bare"]) {
            let figures = &variant["figures"];
            let is_known = |key: &str| figures[key]["median"].as_u64().is_some_and(|figure| figure > 0);
            // Its heap is in the dump that it wrote when it was told to end.
            assert!(["startup", "wall", "heap"].into_iter().all(is_known), "{figures}");
            let open = &variant["operations"]["open"];
            assert!(open["throughput"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{open}");
            assert!(open["p50"]["median"].as_u64() <= open["max"]["median"].as_u64(), "{open}");
            assert_eq!(open["p99"]["unit"], "ns");
            assert_eq!(std::fs::read_to_string(out.join(format!("{name}.driver.log"))).unwrap(), "driven\n");
        }
    }
    let options = ["--profiles", "dev,bare", "--driver", "echo no; exit 3", "--ready", "line=now listening"];
    let failed = command("interrupted", manifest, &out, &options).output().unwrap();
    let stderr = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("the driver `echo no; exit 3` failed: exit status 3; what it printed is in"),
        "{stderr}"
    );
}

/// As `size` counts, where it is there.
fn size(program: &Path) -> Option<(u64, u64)> {
    let output = Command::new("size").arg(program).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.lines().nth(1)?.split_whitespace().map_while(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[test]
fn a_matrix_of_builds_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = package(directory.path());
    let out = directory.path().join("out");
    let matrix = ["--matrix", "opt-level=0,2; panic=abort", "--json"];
    let mut command = command("matrix", &manifest, &out, &matrix);
    command.env("CARGO_TARGET_DIR", directory.path().join("target"));
    let compared = command.output().unwrap();
    let stderr = text(&compared.stderr);
    assert!(compared.status.success(), "{stderr}");
    let json: serde_json::Value = serde_json::from_slice(&compared.stdout).unwrap();
    let variants = json["variants"].as_array().unwrap();
    let names: Vec<_> = variants.iter().map(|variant| variant["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["O0-abort", "O2-abort"]);
    for (variant, name) in variants.iter().zip(&names) {
        let figure = |key: &str| {
            variant["figures"][key]["median"].as_u64().unwrap_or_else(|| panic!("{key}: {variant}"))
        };
        let program = directory.path().join("target/alloc-probe/build").join(name).join("release/subject");
        assert_eq!(variant["settings"]["panic"], "abort");
        assert_eq!(variant["settings"]["debug"], "1");
        assert_eq!(figure("file"), std::fs::metadata(&program).unwrap().len());
        if let Some(sizes) = size(&program) {
            assert_eq!((figure("text"), figure("data")), sizes);
        }
        assert!(figure("heap") >= 64 * 1024 && figure("rss") > 64 * 1024 && figure("wall") > 0);
        // On a busy machine, neither of two runs is known to be the shorter.
        assert!(figure("startup") > 0 && figure("recorded") > 0, "{variant}");
        assert!(figure("build") > 0);
        assert!(out.join(format!("{name}.json")).exists() && out.join(format!("{name}.svg")).exists());
    }
    assert!(out.join("diff.svg").exists());
    let picture = std::fs::read_to_string(out.join("trade-off.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("O2-abort"), "{picture}");
    assert_eq!(json["recommendations"].as_array().unwrap().len(), 4, "{json}");
    let leftovers: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".part") || name.ends_with(".spool") || name.contains(".count."))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

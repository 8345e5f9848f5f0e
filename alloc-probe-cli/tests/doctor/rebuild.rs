//! `--rebuild`: two real builds of small programs without dependencies.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use support::{Found, Project, manifest_with};

fn rebuilt(main: &str, script: &str, more: &[(&str, &str)]) -> Vec<Found> {
    let manifest = manifest_with("alloc-probe = \"0.1\"\n", "") + "opt-level = 1\n";
    let changes = [("Cargo.toml", manifest.as_str()), ("src/main.rs", main), ("build.rs", script)];
    let project = Project::new(&[&changes, more].concat());
    // The toolchain of the test builds it, whatever the project's file says.
    std::fs::remove_file(project.path().join("rust-toolchain.toml")).unwrap();
    // No file, so no part of a build.
    let pipe = project.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let found = project.found_with(&["--rebuild", "--offline"], &[]);
    assert!(!project.path().join("target").exists(), "nothing is built in the project itself");
    found.into_iter().filter(|one| one.check == "reproducible").collect()
}

#[test]
fn a_build_that_is_the_same_anywhere() {
    let found = rebuilt("fn main() {}\n", "", &[(".cargo/config.toml", "[profile.release]\ndebug = 0\n")]);
    assert_eq!(found, []);
}

#[test]
fn what_differs_has_a_name() {
    // The folder in debug info and in the text; a time stamp by the build script, of which no two builds have the same.
    let main = "fn main() {\n    println!(\"{} {}\", env!(\"CARGO_MANIFEST_DIR\"), include_str!(concat!(env!(\"OUT_DIR\"), \"/stamp\")));\n}\n";
    let script = "fn main() {\n    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();\n    \
                  let path = std::path::Path::new(&std::env::var_os(\"OUT_DIR\").unwrap()).join(\"stamp\");\n    \
                  std::fs::write(path, format!(\"built at {}\", now.as_nanos())).unwrap();\n}\n";
    let found = rebuilt(main, script, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    let what = &found[0].what;
    assert!(what.starts_with("two builds of `service` differ in "), "{what}");
    for named in [
        ".rodata",
        ".debug_",
        "paths of the folder it was built in",
        "time stamps: 1",
        "what build scripts made: service 0.1.0",
    ] {
        assert!(what.contains(named), "{named}: {what}");
    }
    assert_eq!(found[0].severity, "advice");
}

//! Projects in temporary folders: one in which nothing is to be found, and changes of it.

use std::path::Path;
use std::process::{Command, Output};

/// A service with the probe in which no check finds anything: each test changes one thing.
const GOOD: &[(&str, &str)] = &[
    ("Cargo.toml", MANIFEST),
    ("src/main.rs", "alloc_probe::install!();\n\nfn main() {}\n"),
    ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"service\"\nversion = \"0.1.0\"\n"),
    ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.85.0\"\n"),
    (
        "Dockerfile",
        "FROM rust:1.85.0 AS build\nRUN cargo build --release --locked\n\
         FROM debian:12\nCOPY --from=build /app/target/release/service /usr/bin/\nENV ALLOC_PROBE=sample\nCMD [\"service\"]\n",
    ),
    (
        ".github/workflows/ci.yml",
        "jobs:\n  build:\n    steps:\n      - run: cargo build --release --locked\n",
    ),
];

const MANIFEST: &str = "\
[package]
name = \"service\"
version = \"0.1.0\"
edition = \"2021\"
publish = false

[dependencies]
alloc-probe = \"0.1\"

[profile.release]
debug = \"line-tables-only\"
lto = \"thin\"
overflow-checks = true
";

/// The good manifest with more lines at its end, which belong to `[profile.release]` first. They begin at line 14.
pub(crate) fn manifest(more: &str) -> String {
    format!("{MANIFEST}{more}\n")
}

/// The good manifest with other words.
pub(crate) fn manifest_with(old: &str, new: &str) -> String {
    assert!(MANIFEST.contains(old), "{old}");
    MANIFEST.replace(old, new)
}

/// A project on disk.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    cargo_home: tempfile::TempDir,
}

/// What a check found, in short.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) check: String,
    pub(crate) severity: String,
    /// `file:line`, or the file.
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) why: String,
    /// All lines to put in.
    pub(crate) lines: Vec<String>,
}

impl Project {
    /// The good project with other files: one without a text is left out.
    pub(crate) fn new(changes: &[(&str, &str)]) -> Project {
        let project =
            Project { folder: tempfile::tempdir().unwrap(), cargo_home: tempfile::tempdir().unwrap() };
        let is_changed = |path: &str| changes.iter().any(|(changed, _)| *changed == path);
        let kept = GOOD.iter().filter(|(path, _)| !is_changed(path));
        for (path, text) in kept.chain(changes).filter(|(_, text)| !text.is_empty()) {
            project.write(path, text);
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs git in it.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let output = Command::new("git").arg("-C").arg(self.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs the command with arguments and variables, in the project's folder.
    pub(crate) fn doctor_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-probe"));
        command.arg("doctor").args(arguments).current_dir(self.path());
        let is_cargos = |name: &str| {
            ["CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_"].iter().any(|prefix| name.starts_with(prefix))
                || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_INCREMENTAL", "GIT_DIR"].contains(&name)
        };
        for (name, _) in std::env::vars().filter(|(name, _)| is_cargos(name)) {
            command.env_remove(name);
        }
        // Nor is the user's own configuration part of the project.
        command.env("CARGO_HOME", self.cargo_home.path());
        command.env("COLUMNS", "100").envs(variables.iter().copied()).output().unwrap()
    }

    pub(crate) fn doctor(&self, arguments: &[&str]) -> Output {
        self.doctor_with(arguments, &[])
    }

    /// What is found, and the exit status that goes with it.
    pub(crate) fn found_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<Found> {
        let output = self.doctor_with(&[&["--json"], arguments].concat(), variables);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let findings = json["findings"].as_array().unwrap().iter().map(|finding| Found {
            check: text(&finding["check"]),
            severity: text(&finding["severity"]),
            place: match finding["line"].as_u64() {
                Some(line) => format!("{}:{line}", text(&finding["file"])),
                None => text(&finding["file"]),
            },
            what: text(&finding["what"]),
            why: text(&finding["why"]),
            lines: finding["fixes"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|fix| fix["lines"].as_array().unwrap())
                .map(text)
                .collect(),
        });
        let findings: Vec<Found> = findings.collect();
        let fails = findings.iter().any(|found| found.severity == "required");
        assert_eq!(output.status.code(), Some(i32::from(fails)), "{findings:?}");
        for found in &findings {
            assert!(!found.what.is_empty() && !found.why.is_empty() && !found.lines.is_empty(), "{found:?}");
        }
        findings
    }

    pub(crate) fn found(&self) -> Vec<Found> {
        self.found_with(&[], &[])
    }
}

/// Holds a project with changes against the one finding that it should have.
#[track_caller]
pub(crate) fn expect(changes: &[(&str, &str)], check: &str, severity: &str, place: &str) -> Found {
    expect_with(changes, &[], &[], check, severity, place)
}

#[track_caller]
pub(crate) fn expect_with(
    changes: &[(&str, &str)],
    arguments: &[&str],
    variables: &[(&str, &str)],
    check: &str,
    severity: &str,
    place: &str,
) -> Found {
    let mut found = Project::new(changes).found_with(arguments, variables);
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = found.remove(0);
    assert_eq!(
        (found.check.as_str(), found.severity.as_str(), found.place.as_str()),
        (check, severity, place),
        "{found:#?}"
    );
    found
}

/// Holds a project with changes against nothing: none of them is a fault.
#[track_caller]
pub(crate) fn expect_nothing(changes: &[(&str, &str)]) {
    assert_eq!(Project::new(changes).found(), []);
}

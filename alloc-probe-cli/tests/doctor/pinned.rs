//! The checks of what a build uses: toolchain, lock file, `--locked`.

use crate::support::{Project, expect, expect_nothing, manifest_with};

#[test]
fn the_toolchain_is_pinned() {
    let image = ("Dockerfile", "FROM debian:12\nCOPY target/release/service /usr/bin/\n");
    expect(&[("rust-toolchain.toml", ""), image], "toolchain", "advice", "Cargo.toml");
    let stable = "[toolchain]\ncomponents = []\nchannel = \"stable\"\n";
    expect(&[("rust-toolchain.toml", stable)], "toolchain", "advice", "rust-toolchain.toml:3");
    for (name, text) in [
        ("rust-toolchain.toml", "[toolchain]\nchannel = \"nightly-2025-02-01\"\n"),
        ("rust-toolchain", "1.85.0\n"),
    ] {
        expect_nothing(&[("rust-toolchain.toml", ""), image, (name, text)]);
    }
    // An image pins what it ships, if it has a version itself.
    expect_nothing(&[("rust-toolchain.toml", "")]);
    let loose = "FROM rust:slim AS build\nRUN cargo build --release --locked\n";
    let project = Project::new(&[("rust-toolchain.toml", ""), ("Dockerfile", loose)]);
    let places: Vec<String> = project.found().into_iter().map(|found| found.place).collect();
    assert_eq!(places, ["Cargo.toml", "Dockerfile:1"]);
    // With a toolchain file, rustup installs what that names.
    expect_nothing(&[("Dockerfile", loose)]);
    // Whoever installs a published program brings a toolchain.
    let published = manifest_with("publish = false", "description = \"x\"\nlicense = \"MIT\"");
    expect_nothing(&[("Cargo.toml", &published), ("rust-toolchain.toml", ""), image]);
}

#[test]
fn the_lock_file_is_committed() {
    expect(&[("Cargo.lock", "")], "lock-file", "required", "Cargo.lock");
    let project = Project::new(&[]);
    project.git(&["init", "--quiet"]);
    project.git(&["add", "Cargo.toml", "src"]);
    let places = |project: &Project| -> Vec<(String, String)> {
        project.found().into_iter().map(|found| (found.check, found.place)).collect()
    };
    let of = |place: &str| vec![("lock-file".to_owned(), place.to_owned())];
    assert_eq!(places(&project), of("Cargo.lock"));
    project.write(".gitignore", "# built\n/target\n*.lock\n");
    assert_eq!(places(&project), of(".gitignore:3"));
    project.git(&["add", "--force", "Cargo.lock"]);
    assert_eq!(places(&project), []);
}

#[test]
fn builds_elsewhere_keep_to_the_lock_file() {
    let image =
        "FROM rust:1.85.0\nRUN apt-get update && \\\n    cargo build --release\nRUN cargo install --path .\n";
    let found = expect(&[("Dockerfile", image)], "locked", "advice", "Dockerfile:2");
    assert!(found.what.ends_with("nor does line 4"), "{}", found.what);
    assert_eq!(found.lines, ["cargo build --locked --release"]);
    let workflow = "jobs:\n  build:\n    steps:\n      - run: |\n          cargo build --release\n";
    expect(&[(".github/workflows/ci.yml", workflow)], "locked", "advice", ".github/workflows/ci.yml:5");
    let gitlab = "build:\n  script:\n    - cargo build --profile release\n";
    expect(&[(".gitlab-ci.yml", gitlab)], "locked", "advice", ".gitlab-ci.yml:3");
    // Tests, other programs, variables, comments, and names of steps.
    let fine = "jobs:\n  build:\n    steps:\n      - name: cargo build --release\n      - run: cargo test\n\
                \x20     - run: cargo install cargo-deny\n      - run: cargo build --release $FLAGS\n\
                \x20     # - run: cargo build --release\n      - run: cargo build --release --frozen\n";
    expect_nothing(&[(".github/workflows/ci.yml", fine)]);
}

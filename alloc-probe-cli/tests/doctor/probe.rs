//! The checks of images, allocators and the probe.

use crate::support::{Project, expect, expect_nothing, manifest, manifest_with};

const ALLOCATOR: &str = "#[global_allocator]\nstatic ALLOCATOR: std::alloc::System = std::alloc::System;\n";

#[test]
fn debug_builds_are_not_shipped() {
    let copies = "FROM rust:1.85.0 AS build\nRUN cargo build --release --locked\nFROM debian:12\n\
                  COPY --from=build /app/target/debug/service /usr/bin/\n";
    let found = expect(&[("Dockerfile", copies)], "debug-shipped", "required", "Dockerfile:4");
    assert_eq!(found.lines, ["COPY --from=build /app/target/release/service /usr/bin/"]);
    let builds = "FROM rust:1.85.0\nRUN cargo build --locked\nCMD [\"./start\"]\n";
    expect(&[("Dockerfile", builds)], "debug-shipped", "advice", "Dockerfile:2");
    let runs = "FROM rust:1.85.0\nCMD [\"cargo\", \"run\"]\n";
    expect(
        &[("deploy/service.Dockerfile", runs)],
        "debug-shipped",
        "required",
        "deploy/service.Dockerfile:2",
    );
    let fine = "FROM rust:1.85.0\nRUN cargo build --locked --profile release\nCMD [\"cargo\", \"run\", \"--release\"]\n";
    expect_nothing(&[("Dockerfile", fine)]);
}

#[test]
fn a_program_has_one_global_allocator() {
    let two = format!("alloc_probe::install!();\n{ALLOCATOR}fn main() {{}}\n");
    expect(&[("src/main.rs", &two)], "global-allocator", "required", "src/main.rs:2");
    // Also where the other is in the library that the program has.
    expect(&[("src/lib.rs", ALLOCATOR)], "global-allocator", "required", "src/lib.rs:1");
    let inner = "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let outer = manifest("\n[workspace]\nmembers = [\"inner\"]")
        .replace("[dependencies]\n", "[dependencies]\ninner = { path = \"inner\" }\n");
    let changes =
        [("Cargo.toml", outer.as_str()), ("inner/Cargo.toml", inner), ("inner/src/lib.rs", ALLOCATOR)];
    expect(&changes, "global-allocator", "required", "inner/src/lib.rs:1");
    let sometimes = two.replace("#[global_allocator]", "#[cfg(feature = \"jemalloc\")]\n#[global_allocator]");
    expect(&[("src/main.rs", &sometimes)], "global-allocator", "advice", "src/main.rs:3");
    let either = sometimes.replace("alloc_probe", "#[cfg(not(feature = \"jemalloc\"))]\nalloc_probe");
    expect_nothing(&[("src/main.rs", &either)]);
    // One for each of two programs.
    let plain = format!("{ALLOCATOR}fn main() {{}}\n");
    expect_nothing(&[("src/bin/other.rs", &plain)]);
    let library = "[package]\nname = \"library\"\nversion = \"0.1.0\"\nedition = \"2021\"\ndescription = \"x\"\nlicense = \"MIT\"\n";
    let files = [("Cargo.toml", library), ("src/main.rs", ""), ("src/lib.rs", ALLOCATOR)];
    expect(&files, "global-allocator", "advice", "src/lib.rs:1");
}

#[test]
fn the_probe_is_there_and_installed() {
    let without = manifest_with("alloc-probe = \"0.1\"\n", "");
    let plain = ("src/main.rs", "fn main() {}\n");
    expect(&[("Cargo.toml", &without), plain], "probe", "note", "Cargo.toml");
    expect(&[plain], "probe", "advice", "Cargo.toml:8");
    // Under another name, by hand, and in a module.
    let renamed =
        manifest_with("alloc-probe = \"0.1\"", "heap = { package = \"alloc-probe\", version = \"0.1\" }");
    let by_hand = "mod heap_profile;\nfn main() {}\n";
    let module = "#[global_allocator]\nstatic A: heap::AllocProbe = heap::AllocProbe::system();\n";
    expect_nothing(&[("Cargo.toml", &renamed), ("src/main.rs", by_hand), ("src/heap_profile.rs", module)]);
}

#[test]
fn the_probe_has_one_version_that_this_command_reads() {
    let lock = |versions: &[&str]| {
        let packages = versions
            .iter()
            .map(|version| format!("[[package]]\nname = \"alloc-probe\"\nversion = \"{version}\"\n\n"));
        format!("version = 4\n\n{}", packages.collect::<String>())
    };
    let own = env!("CARGO_PKG_VERSION");
    expect(&[("Cargo.lock", &lock(&["0.0.1", own]))], "probe", "required", "Cargo.lock");
    expect(&[("Cargo.lock", &lock(&["99.0.0"]))], "probe", "advice", "Cargo.lock");
    expect_nothing(&[("Cargo.lock", &lock(&[own]))]);
}

#[test]
fn production_does_not_record_every_block() {
    let image =
        |variables: &str| format!("FROM rust:1.85.0\nRUN cargo build --release --locked\nENV {variables}\n");
    expect(&[("Dockerfile", &image("ALLOC_PROBE=full"))], "probe", "advice", "Dockerfile:3");
    expect(&[("Dockerfile", &image("ALLOC_PROBE_OUT=/tmp/%p.json"))], "probe", "advice", "Dockerfile:3");
    expect_nothing(&[("Dockerfile", &image("ALLOC_PROBE_OUT=/tmp/%p.json ALLOC_PROBE=sample"))]);
    let code = |mode: &str| {
        format!(
            "use alloc_probe::{{AllocProbe, Mode}};\n#[global_allocator]\n\
             static ALLOC: AllocProbe = AllocProbe::system().with_mode(Mode::{mode});\nfn main() {{}}\n"
        )
    };
    expect(&[("src/main.rs", &code("Full"))], "probe", "advice", "src/main.rs:3");
    expect_nothing(&[("src/main.rs", &code("Sample"))]);
    assert_eq!(Project::new(&[("Dockerfile", &image("ALLOC_PROBE="))]).found(), []);
}

//! The checks of profiles.

use crate::support::{Project, expect, expect_nothing, expect_with, manifest, manifest_with};

const DEBUG: &str = "debug = \"line-tables-only\"\n";

#[test]
fn debug_info_is_missing() {
    let none = manifest_with(DEBUG, "");
    let found = expect(&[("Cargo.toml", &none)], "debug-info", "required", "Cargo.toml:10");
    assert_eq!(found.lines, ["[profile.release]", "debug = \"line-tables-only\""]);
    for (value, line) in [("0", 11), ("false", 11), ("\"none\"", 11), ("\"line-directives-only\"", 11)] {
        let manifest = manifest_with(DEBUG, &format!("debug = {value}\n"));
        expect(&[("Cargo.toml", &manifest)], "debug-info", "required", &format!("Cargo.toml:{line}"));
    }
    // Without the probe it is advice, for what others build a note, and for what somebody chose a note, too.
    let plain = none.replace("alloc-probe = \"0.1\"\n", "");
    let severity = |manifest: &str| {
        let found = Project::new(&[("Cargo.toml", manifest), ("src/main.rs", "fn main() {}\n")]).found();
        let of_debug = found.iter().find(|one| one.check == "debug-info");
        of_debug.map(|one| one.severity.clone())
    };
    assert_eq!(severity(&plain).as_deref(), Some("advice"));
    assert_eq!(severity(&plain.replace("lto = ", "debug = 0\nlto = ")).as_deref(), Some("note"));
    let published = plain.replace("publish = false", "description = \"x\"\nlicense = \"MIT\"");
    assert_eq!(severity(&published).as_deref(), Some("note"));
}

#[test]
fn debug_info_is_enough() {
    for value in ["1", "2", "true", "\"full\"", "\"limited\""] {
        expect_nothing(&[("Cargo.toml", &manifest_with(DEBUG, &format!("debug = {value}\n")))]);
    }
    let none = manifest_with(DEBUG, "");
    // Configuration, near and further up, and what an image sets.
    let config = "[profile.release]\ndebug = 1\n";
    expect_nothing(&[("Cargo.toml", &none), (".cargo/config.toml", config)]);
    let image = "FROM rust:1.85.0\nENV CARGO_PROFILE_RELEASE_DEBUG=1\nRUN cargo build --release --locked\n";
    expect_nothing(&[("Cargo.toml", &none), ("Dockerfile", image)]);
    let flags = "[build]\nrustflags = [\"-g\"]\n";
    expect_nothing(&[("Cargo.toml", &none), (".cargo/config.toml", flags)]);
    let variable = [("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")];
    assert_eq!(Project::new(&[("Cargo.toml", &none)]).found_with(&[], &variable), []);
    // A variable wins over the manifest, and flags over both.
    let found = expect_with(
        &[],
        &[],
        &[("CARGO_PROFILE_RELEASE_DEBUG", "0")],
        "debug-info",
        "required",
        "Cargo.toml:10",
    );
    assert!(found.what.ends_with("by the variable `CARGO_PROFILE_RELEASE_DEBUG`"), "{}", found.what);
    expect_with(&[], &[], &[("RUSTFLAGS", "-C debuginfo=0")], "debug-info", "required", "Cargo.toml:10");
}

#[test]
fn a_profile_inherits() {
    let more = "\n[profile.production]\ninherits = \"release\"\ndebug = 0\n\n[profile.fast]\ninherits = \"production\"\n";
    let manifest = manifest(more);
    // Nobody ships it, so nobody is told.
    expect_nothing(&[("Cargo.toml", &manifest)]);
    let changes = [("Cargo.toml", manifest.as_str())];
    expect_with(&changes, &["--profile", "fast"], &[], "debug-info", "required", "Cargo.toml:17");
    // An image that builds it ships it.
    let image = "FROM rust:1.85.0\nRUN cargo build --profile=production --locked\n";
    expect(&[changes[0], ("Dockerfile", image)], "debug-info", "required", "Cargo.toml:17");
    let output = Project::new(&changes).doctor(&["--profile", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: the project has no profile `nonsense`; there are dev, fast, production, release\n"
    );
}

#[test]
fn what_is_stripped_is_kept_somewhere() {
    for value in ["true", "\"symbols\"", "\"debuginfo\""] {
        let stripped = manifest(&format!("strip = {value}"));
        expect(&[("Cargo.toml", &stripped)], "strip", "required", "Cargo.toml:14");
    }
    let stripped = manifest("strip = true");
    let flags = "[build]\nrustflags = \"-C link-arg=-s\"\n";
    expect(&[(".cargo/config.toml", flags)], "strip", "required", ".cargo/config.toml:2");
    let image = "FROM rust:1.85.0\nRUN cargo build --release --locked && strip target/release/service\n";
    expect(&[("Dockerfile", image)], "strip", "required", "Dockerfile:2");
    let keeps = "FROM rust:1.85.0\nRUN cargo build --release --locked\n\
                 RUN objcopy --only-keep-debug target/release/service service.debug && strip target/release/service\n";
    expect_nothing(&[("Dockerfile", keeps)]);
    expect_nothing(&[("Cargo.toml", &stripped), ("Dockerfile", keeps)]);
    expect_nothing(&[("Cargo.toml", &manifest("strip = \"none\""))]);
}

#[test]
fn debug_info_that_lies_elsewhere() {
    let unpacked = manifest("split-debuginfo = \"unpacked\"");
    expect(&[("Cargo.toml", &unpacked)], "split-debuginfo", "advice", "Cargo.toml:14");
    let packed = manifest("split-debuginfo = \"packed\"");
    expect(&[("Cargo.toml", &packed)], "split-debuginfo", "note", "Cargo.toml:14");
    let image =
        "FROM rust:1.85.0\nRUN cargo build --release --locked\nCOPY target/release/service.dwp /usr/bin/\n";
    expect_nothing(&[("Cargo.toml", &packed), ("Dockerfile", image)]);
    expect_nothing(&[("Cargo.toml", &manifest("split-debuginfo = \"off\""))]);
}

#[test]
fn optimisation() {
    for level in ["0", "1"] {
        let manifest = manifest(&format!("opt-level = {level}"));
        expect(&[("Cargo.toml", &manifest)], "opt-level", "required", "Cargo.toml:14");
    }
    expect(&[("Cargo.toml", &manifest("opt-level = \"z\""))], "opt-level", "note", "Cargo.toml:14");
    let of_one = manifest("\n[profile.release.package.regex]\nopt-level = 0");
    expect(&[("Cargo.toml", &of_one)], "opt-level", "advice", "Cargo.toml:16");
    expect_nothing(&[("Cargo.toml", &manifest("opt-level = 2"))]);
    expect_nothing(&[("Cargo.toml", &manifest("\n[profile.dev]\nopt-level = 0"))]);
}

#[test]
fn lto_is_a_hint_only_where_nobody_chose() {
    let found =
        expect(&[("Cargo.toml", &manifest_with("lto = \"thin\"\n", ""))], "lto", "note", "Cargo.toml:10");
    assert!(
        found.lines.iter().all(|line| line.starts_with("alloc-probe compare --bin service ")),
        "{found:?}"
    );
    for chosen in ["lto = false\n", "lto = \"off\"\n", "codegen-units = 1\n"] {
        expect_nothing(&[("Cargo.toml", &manifest_with("lto = \"thin\"\n", chosen))]);
    }
}

#[test]
fn abort_costs() {
    let abort = manifest("panic = \"abort\"");
    let found = expect(&[("Cargo.toml", &abort)], "panic", "note", "Cargo.toml:14");
    assert!(!found.why.contains("task"), "{}", found.why);
    let with_tasks = abort.replace("[dependencies]\n", "[dependencies]\ntokio = \"1\"\n");
    let found = expect(&[("Cargo.toml", &with_tasks)], "panic", "note", "Cargo.toml:15");
    assert!(found.why.contains("one task or request of `tokio` ends all the others"), "{}", found.why);
    let catches = "mod worker;\nalloc_probe::install!();\nfn main() {}\n";
    let worker = "\npub fn run() {\n    let _ = std::panic::catch_unwind(|| ());\n}\n";
    let changes = [("Cargo.toml", abort.as_str()), ("src/main.rs", catches), ("src/worker.rs", worker)];
    let found = expect(&changes, "panic", "advice", "Cargo.toml:14");
    assert!(found.why.contains("src/worker.rs:3 catches panics"), "{}", found.why);
    expect_nothing(&[("Cargo.toml", &manifest("panic = \"unwind\"")), changes[1], changes[2]]);
}

#[test]
fn checks_of_debug_builds() {
    expect(
        &[("Cargo.toml", &manifest("debug-assertions = true"))],
        "debug-assertions",
        "advice",
        "Cargo.toml:14",
    );
    expect_nothing(&[("Cargo.toml", &manifest("debug-assertions = false"))]);
    let default = manifest_with("overflow-checks = true\n", "");
    expect(&[("Cargo.toml", &default)], "overflow-checks", "note", "Cargo.toml:10");
    expect_nothing(&[("Cargo.toml", &manifest_with("overflow-checks = true", "overflow-checks = false"))]);
}

#[test]
fn incremental_release_builds() {
    expect(&[("Cargo.toml", &manifest("incremental = true"))], "incremental", "advice", "Cargo.toml:14");
    let config = "[build]\nincremental = true\n";
    expect(&[(".cargo/config.toml", config)], "incremental", "advice", ".cargo/config.toml:2");
    let image = "FROM rust:1.85.0\nENV CARGO_INCREMENTAL=1\nRUN cargo build --release --locked\n";
    expect(&[("Dockerfile", image)], "incremental", "advice", "Dockerfile:2");
    expect_with(&[], &[], &[("CARGO_INCREMENTAL", "1")], "incremental", "advice", "");
    let image = image.replace("=1", "=0");
    expect_nothing(&[("Dockerfile", &image), (".cargo/config.toml", "[build]\nincremental = false\n")]);
}

#[test]
fn profiles_of_a_member_are_not_read() {
    let root = "[workspace]\nmembers = [\"service\"]\nresolver = \"2\"\n\n[workspace.package]\nversion = \"0.2.0\"\npublish = false\n\n\
                [workspace.dependencies]\nalloc-probe = \"0.1\"\n\n\
                [profile.release]\ndebug = 1\nlto = \"thin\"\noverflow-checks = true\n";
    // Inherited: the version, that it is not published, and the dependency.
    let member = "[package]\nname = \"service\"\nversion.workspace = true\nedition = \"2021\"\npublish.workspace = true\n\n\
                  [dependencies]\nalloc-probe.workspace = true\n";
    let main = "alloc_probe::install!();\nfn main() {}\n";
    let files = |member: &'static str| {
        [
            ("Cargo.toml", root),
            ("service/Cargo.toml", member),
            ("service/src/main.rs", main),
            ("src/main.rs", ""),
        ]
    };
    expect_nothing(&files(member));
    let with_profile = Box::leak(format!("{member}\n[profile.release]\nopt-level = 3\n").into_boxed_str());
    let found = expect(&files(with_profile), "profile-place", "required", "service/Cargo.toml:10");
    assert!(found.what.contains("`service`"), "{}", found.what);
    // A member alone has the workspace's profiles.
    let project = Project::new(&files(member));
    assert_eq!(project.found_with(&["service"], &[]), []);
    project.write("Cargo.toml", &root.replace("debug = 1\n", ""));
    assert_eq!(project.found_with(&["service/Cargo.toml"], &[])[0].place, "Cargo.toml:12");
}

#[test]
fn a_library_has_no_profile_of_its_own() {
    let manifest = "[package]\nname = \"library\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[profile.release]\nopt-level = 0\n";
    let files = [
        ("Cargo.toml", manifest),
        ("src/lib.rs", "//! A library.\n"),
        ("src/main.rs", ""),
        ("Cargo.lock", ""),
        ("rust-toolchain.toml", ""),
        ("Dockerfile", ""),
        ("examples/x.rs", "fn main() {}\n"),
        (".github/workflows/ci.yml", "jobs:\n  x:\n    steps:\n      - run: cargo build --release\n"),
    ];
    expect_nothing(&files);
    // Nor does it get one by a program for its own tests.
    let published = manifest.replace("[package]\n", "[package]\ndescription = \"x\"\nlicense = \"MIT\"\n");
    let mut files = files.to_vec();
    files[0].1 = &published;
    expect_nothing(&[&files[..], &[("src/bin/fixture.rs", "fn main() {}\n")]].concat());
}

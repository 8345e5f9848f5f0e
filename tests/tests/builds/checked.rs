//! Not one frame differs: every stack that the subjects take is held against two others.

use crate::binaries::Profile;
use crate::cargo::{cargo, run, target};
use crate::frames::{Build, Lto, stacks_checked};
use once_cell::sync::OnceCell;
use std::path::PathBuf;

/// A program of subjects that checks its stacks, built.
fn program(name: &str, profile: Profile) -> PathBuf {
    static BUILT: [OnceCell<()>; 2] = [const { OnceCell::new() }; 2];
    let folder = target().join("checked");
    BUILT[profile as usize].get_or_init(|| {
        let mut cargo = cargo("build", &folder);
        cargo.args(["--bins", "--package", "alloc-probe-tests", "--no-default-features", "--features"]);
        cargo.arg("checked-stacks,allocators,real-input");
        match profile {
            // The subject isn't optimised, but what checks it.
            Profile::Dev => cargo.args(["--config", "profile.dev.package.alloc-probe.opt-level = 3"]),
            Profile::Release => cargo.arg("--release"),
        };
        run(cargo);
    });
    folder.join(profile.folder()).join(name)
}

/// Runs a subject in both profiles. It must take at least so many stacks.
fn check(arguments: &[&str], least: u64) {
    check_program("subjects", arguments, least);
}

/// The same for a subject of another program.
fn check_program(name: &str, arguments: &[&str], least: u64) {
    for profile in Profile::ALL {
        let checked = stacks_checked(&program(name, profile), arguments);
        assert!(checked >= least, "{name} {arguments:?} ({profile:?}): {checked} stacks");
    }
}

#[test]
fn stacks_of_the_subjects() {
    for (name, least) in [
        ("aligned", 10),
        ("boxes", 100),
        ("calls", 5),
        ("lifetimes", 5),
        ("neighbours", 1),
        ("peak", 1_000),
        ("recursion", 10),
        ("temporaries", 1_000),
        ("thread_locals", 100),
        ("threads", 5_000),
        ("vec_growth", 10),
        ("workload", 20_000),
        ("zeroed", 5),
    ] {
        check(&[name], least);
    }
    check_program("installed", &["little"], 1);
    check_program("jemalloc", &[], 50_000);
    check_program("mimalloc", &[], 50_000);
    for way in ["return", "exit", "panic", "thread"] {
        check(&["endings", way], 1);
    }
}

#[test]
fn stacks_of_random_calls() {
    for seed in ["1", "2"] {
        check(&["random", seed, "5000"], 2_000);
        check(&["random", seed, "4000", "8"], 10_000);
    }
}

#[test]
fn stacks_of_real_programs() {
    let list = |count| crate::sources::list(count);
    for (name, files, least) in [("parse_sources", 10, 20_000), ("search_sources", 40, 10_000)] {
        let (_folder, list) = list(files);
        check(&[name, list.to_str().expect("the temporary folder has a plain name")], least);
    }
}

#[test]
fn stacks_of_every_build() {
    [Lto::Off, Lto::Thin, Lto::Fat].into_iter().flat_map(Build::all).for_each(Build::check);
}

#[test]
fn stacks_of_an_executable_with_gaps_between_its_segments() {
    Build { opt_level: "3", frame_pointers: false, lto: Lto::Off, gaps: true }.check();
}

//! The same program, seen by the probe, by `dhat` and by the bare reference.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::tool::alloc_probe;
use alloc_probe_format::dump::Mode;
use alloc_probe_tests::workload::Usage;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// What a subject prints.
fn printed(program: &'static str, profile: Profile, mode: &str) -> String {
    let output = Subject::of(program, profile, Mode::Off)
        .argument("workload")
        .command()
        .env("ALLOC_PROBE", mode)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("subjects print text")
}

#[test]
fn all_see_the_same_program() {
    for profile in Profile::ALL {
        let bare = printed("no_probe", profile, "off");
        assert!(bare.starts_with("total "), "{bare}");
        for mode in ["count", "full"] {
            assert_eq!(printed("subjects", profile, mode), bare, "{profile:?}, {mode}");
        }
        if profile.has_dhat() {
            assert_eq!(printed("with_dhat", profile, "off"), bare, "{profile:?}");
        }
    }
}

/// Every call of a process, from its first allocation to its end.
fn calls(program: &'static str, profile: Profile, mode: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    // The same variables of the same lengths for both, for what a process allocates can depend on them.
    let mut command = Subject::of(program, profile, Mode::Off).argument("workload").command();
    command.env("REFERENCE_LOG", &log).env("ALLOC_PROBE", mode);
    assert!(command.output().expect("it runs").status.success());
    fs::read_to_string(log).expect("the reference has written its log").lines().map(str::to_owned).collect()
}

#[test]
fn the_inner_allocator_sees_what_it_would_see_without_the_probe() {
    for profile in Profile::ALL {
        let plain = calls("no_probe", profile, "off");
        assert!(plain.len() > 10_000, "{} calls", plain.len());
        for mode in ["off", "count", "full"] {
            let probed = calls("subjects", profile, mode);
            let same = probed.iter().zip(&plain).take_while(|(probed, plain)| probed == plain).count();
            let (probed_next, plain_next) = (probed.get(same), plain.get(same));
            assert_eq!(probed_next, plain_next, "{profile:?}, {mode}: call {same} of {}", plain.len());
        }
    }
}

/// The workload's file of `dhat`, as of the program that the probe is in: the two have one name here, as one program has.
fn dhat_file(profile: Profile, folder: &Path) -> PathBuf {
    let path = folder.join("dhat-heap.json");
    let subject =
        Subject::of("with_dhat", profile, Mode::Off).argument("workload").argument(&path).argument("whole");
    let output = subject.command().output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&path).expect("dhat has written its file");
    fs::write(&path, text.replace("subjects/with_dhat/", "subjects/").replace("with_dhat", "subjects"))
        .expect("it can be written");
    path
}

#[test]
fn a_file_of_dhat_is_the_profile_of_the_same_program() {
    Profile::ALL.into_iter().filter(|profile| profile.has_dhat()).for_each(same_profile);
}

fn same_profile(profile: Profile) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = dhat_file(profile, folder.path());
    let output = alloc_probe().arg("show").arg("--json").arg(&file).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let figure = |name: &str| shown["summary"][name].as_u64().expect("a figure");
    let usage = Usage {
        total_bytes: figure("total_bytes"),
        total_blocks: figure("total_blocks"),
        peak_bytes: figure("peak_bytes"),
        peak_blocks: figure("peak_blocks"),
    };
    assert_eq!(format!("{usage}\n"), printed("subjects", profile, "full"));
    assert_eq!(figure("end_blocks"), 0);

    let ours = Subject::new("workload", profile, Mode::Full).run().expect_success();
    let output = alloc_probe().arg("diff").arg("--json").arg(ours.dump_path()).arg(&file).output();
    let diff: Value = serde_json::from_slice(&output.expect("it runs").stdout).expect("JSON");
    for percent in ["bytes_percent", "exact_percent"] {
        let matched = diff["matched"][percent].as_f64().expect("a percentage");
        assert!(matched >= 99.0, "{profile:?}, {percent}: {matched}");
    }
    let caveats = diff["caveats"].to_string();
    assert!(caveats.contains("recorded by alloc-probe, the new one by the `dhat` crate"), "{caveats}");
}

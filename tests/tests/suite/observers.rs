//! The same program, seen by the probe, by `dhat` and by the bare reference.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::tool::alloc_probe;
use alloc_probe_format::dump::Mode;
use alloc_probe_tests::workload::Usage;
use serde_json::Value;
use std::collections::BTreeMap;
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

    let exported = folder.path().join("ours.json");
    let mut export = alloc_probe();
    export.args(["export", "--format", "dhat", "-o"]).arg(&exported).arg(ours.dump_path());
    assert!(export.output().expect("it runs").status.success());
    let [mut ours, theirs] = [&exported, &file].map(|path| nodes(path));
    // Of what a realloc makes, `dhat` says that it was allocated where the block before it was: the boxes' vector, which shrinks.
    let shrunk = ours.remove(&vec!["37:11".to_owned()]).expect("where it shrinks");
    let whole = ours.get_mut(&vec!["35:82".to_owned()]).expect("where it grows");
    whole.iter_mut().zip(shrunk).for_each(|(sum, figure)| *sum += figure);
    assert!(theirs.len() >= 10 && theirs.values().any(|figures| figures[2] > 0), "{theirs:?}");
    assert_eq!(ours, theirs, "{profile:?}");
}

/// The tree that the viewer shows of a file of DHAT's format, but for what is not of the workload: for each chain of positions
/// in it, the bytes and blocks of all below it, in all and at the peak.
fn nodes(path: &Path) -> BTreeMap<Vec<String>, [u64; 4]> {
    let file: Value = serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON");
    let mut nodes = BTreeMap::new();
    for point in file["pps"].as_array().expect("points") {
        let frames = point["fs"].as_array().expect("frames").iter().rev();
        let text = |frame: &Value| file["ftbl"][frame.as_u64().expect("a number") as usize].to_string();
        // As both write it: `function (path/of/workload.rs:15:26)`.
        let position = |frame: String| {
            let (_, position) = frame.trim_end_matches(['"', ')']).rsplit_once("src/workload.rs:")?;
            Some(position.to_owned())
        };
        let chain: Vec<String> = frames.map(text).filter_map(position).collect();
        for length in 1..=chain.len() {
            let node: &mut [u64; 4] = nodes.entry(chain[..length].to_vec()).or_default();
            for (sum, figure) in node.iter_mut().zip(["tb", "tbk", "gb", "gbk"]) {
                *sum += point[figure].as_u64().expect("a figure");
            }
        }
    }
    nodes
}

//! The same program, seen by the probe, by `dhat` and by the bare reference.

use crate::binaries::Profile;
use crate::run::Subject;
use alloc_probe_format::dump::Mode;
use std::fs;

/// What a subject prints.
fn printed(subject: &'static str, profile: Profile, mode: &str) -> String {
    let output = Subject::new(subject, profile, Mode::Off)
        .command()
        .env("ALLOC_PROBE", mode)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{subject}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("subjects print text")
}

#[test]
fn all_see_the_same_program() {
    for profile in Profile::ALL {
        let dhat = printed("workload_dhat", profile, "off");
        assert!(dhat.starts_with("total "), "{dhat}");
        assert_eq!(printed("workload_plain", profile, "off"), dhat, "{profile:?}");
        for mode in ["count", "full"] {
            assert_eq!(printed("workload_probe", profile, mode), dhat, "{profile:?}, {mode}");
        }
    }
}

/// Every call of a process, from its first allocation to its end.
fn calls(subject: &'static str, profile: Profile, mode: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    // The same variables of the same lengths for both, for what a process allocates can depend on them.
    let mut command = Subject::new(subject, profile, Mode::Off).command();
    command.env("REFERENCE_LOG", &log).env("ALLOC_PROBE", mode);
    assert!(command.output().expect("it runs").status.success());
    fs::read_to_string(log).expect("the reference has written its log").lines().map(str::to_owned).collect()
}

#[test]
fn the_inner_allocator_sees_what_it_would_see_without_the_probe() {
    for profile in Profile::ALL {
        let plain = calls("workload_plain", profile, "off");
        assert!(plain.len() > 10_000, "{} calls", plain.len());
        for mode in ["off", "count", "full"] {
            let probed = calls("workload_probe", profile, mode);
            let same = probed.iter().zip(&plain).take_while(|(probed, plain)| probed == plain).count();
            let (probed_next, plain_next) = (probed.get(same), plain.get(same));
            assert_eq!(probed_next, plain_next, "{profile:?}, {mode}: call {same} of {}", plain.len());
        }
    }
}

//! What the environment says, and what happens where it can't be understood.

use crate::binaries::Profile;
use crate::faults::Faults;
use crate::run::Subject;
use alloc_probe_format::dump::{Dump, Ended, Mode};
use std::fs;
use std::path::Path;
use std::process::Output;

/// Runs `installed` in a folder of its own with these variables.
fn run_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Subject::of("installed", Profile::Release, Mode::Off).argument("little").command();
    command.current_dir(folder).args(arguments).envs(variables.iter().copied()).output().expect("it runs")
}

/// The names of the files in a folder, in order.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>();
    names.sort();
    names
}

fn dump(path: &Path) -> Dump {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_mode_follows_the_variables() {
    for (variables, mode, written) in [
        (&[][..], "Count", false),
        (&[("ALLOC_PROBE", "")], "Count", false),
        (&[("ALLOC_PROBE", "off")], "Off", false),
        (&[("ALLOC_PROBE", "count")], "Count", false),
        (&[("ALLOC_PROBE", "full")], "Full", false),
        (&[("ALLOC_PROBE_OUT", "out.json")], "Full", true),
        (&[("ALLOC_PROBE_OUT", "out.json"), ("ALLOC_PROBE", "count")], "Count", true),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = run_in(folder.path(), &[], variables);
        let mut faults = Faults::of(format_args!("{variables:?}"));
        faults.check(output.status.success(), output.status);
        faults.equal("stdout", String::from_utf8_lossy(&output.stdout).trim_end(), &format!("mode {mode}"));
        faults.equal("stderr", String::from_utf8_lossy(&output.stderr).as_ref(), "");
        let expected = if written { vec!["out.json".to_owned()] } else { Vec::new() };
        faults.equal("files", files(folder.path()), expected);
    }
}

#[test]
fn a_value_that_cannot_be_understood_turns_recording_off() {
    for variable in [("ALLOC_PROBE", "everything"), ("ALLOC_PROBE_LONG_LIVED", "soon")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = run_in(folder.path(), &[], &[variable, ("ALLOC_PROBE_OUT", "out.json")]);
        let messages = String::from_utf8_lossy(&output.stderr);
        let mut faults = Faults::of(format_args!("{variable:?}: {messages}"));
        faults.check(output.status.success(), output.status);
        faults.equal("lines of the message", messages.lines().count(), 1);
        faults.check(messages.contains(variable.0), "the message doesn't name the variable");
        faults.equal("stdout", String::from_utf8_lossy(&output.stdout).as_ref(), "mode Off\n");
        faults.equal("files", files(folder.path()), Vec::new());
    }
}

#[test]
fn the_path_of_the_dump_is_filled_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run_in(folder.path(), &[], &[("ALLOC_PROBE_OUT", "%e-%p-%n.json")]);
    assert!(output.status.success());
    let names = files(folder.path());
    assert_eq!(names.len(), 1, "{names:?}");
    let dump = dump(&folder.path().join(&names[0]));
    let prefix = format!("installed-{}-", dump.process.pid);
    let number = names[0].strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".json"));
    assert!(number.is_some_and(|number| number.parse::<u32>().is_ok()), "{names:?}");
}

#[test]
fn a_dump_that_cannot_be_written_costs_the_program_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run_in(folder.path(), &[], &[("ALLOC_PROBE_OUT", "no/such/folder/out.json")]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}", output.status);
    assert!(messages.contains("no/such/folder/out.json"), "{messages}");
    assert!(messages.lines().all(|line| line.starts_with("alloc-probe: ")), "{messages}");
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

#[test]
fn install_says_which_crate_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run_in(folder.path(), &["running.json"], &[("ALLOC_PROBE_OUT", "end.json")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (running, end) = (dump(&folder.path().join("running.json")), dump(&folder.path().join("end.json")));
    let mut faults = Faults::of("installed");
    for dump in [&running, &end] {
        faults.equal("crate", dump.build.crate_name.as_str(), "alloc-probe-tests");
        faults.equal("version", dump.build.crate_version.as_str(), env!("CARGO_PKG_VERSION"));
        faults.equal("panic strategy", dump.build.panic.as_str(), "unwind");
        faults.check(dump.build.rustc.starts_with("rustc 1."), &dump.build.rustc);
        faults.check(dump.build.allocator.contains("System"), &dump.build.allocator);
        faults.check(dump.build.target.contains("linux"), &dump.build.target);
    }
    faults.equal("ended", (running.process.ended, end.process.ended), (Ended::Running, Ended::Exit));
    // Between the two, nothing was allocated that is recorded but what the program itself does.
    faults.check(running.totals.total_blocks <= end.totals.total_blocks, "blocks were forgotten");
    faults.check(running.totals.end_bytes >= 10_000, "the program holds 10,000 bytes");
    assert_eq!(files(folder.path()), ["end.json", "running.json"]);
}

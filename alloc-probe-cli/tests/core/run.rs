//! `run`, with shell scripts in the place of programs that use alloc-probe.

use crate::support::{directory, orders_in};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alloc-probe"));
    command.current_dir(directory).arg("run").args(args).stdin(Stdio::null());
    command
}

fn run(directory: &Path, args: &[&str]) -> Output {
    command(directory, args).output().expect("the command can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program that leaves the sample dump where the probe would, and ends with a status.
fn script(dump: &str, status: u8) -> String {
    format!("cp '{dump}' \"$ALLOC_PROBE_OUT\"; echo \"$ALLOC_PROBE\"; exit {status}")
}

#[test]
fn the_output_is_the_programs_and_the_summary_is_on_stderr() {
    let directory = directory();
    let script = script(&orders_in(&directory), 0);
    let output =
        run(directory.path(), &["-o", "run.json", "--mode", "sample=64KiB", "--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "sample=64KiB\n");
    let summary = text(&output.stderr);
    assert!(summary.contains("\n      peak   768.5 KiB  in 2,060 blocks"), "{summary}");
    assert!(summary.contains("orders::cache::Cache::insert"), "{summary}");
    assert!(summary.ends_with("\ndump: run.json\n"), "{summary}");
    assert!(directory.path().join("run.json").exists());
}

#[test]
fn a_dump_has_a_name_of_its_own() {
    let directory = directory();
    let script = script(&orders_in(&directory), 0);
    let output = run(directory.path(), &["--", "sh", "-c", &script]);
    let summary = text(&output.stderr);
    let name = summary.lines().last().unwrap().strip_prefix("dump: ").unwrap();
    let pid = name.strip_prefix("alloc-probe.sh.").and_then(|rest| rest.strip_suffix(".json")).unwrap();
    assert!(pid.parse::<u32>().is_ok(), "{name}");
    assert!(directory.path().join(name).exists());
}

#[test]
fn the_status_is_the_programs_own() {
    let directory = directory();
    let dump = orders_in(&directory);
    let status =
        |script: &str| run(directory.path(), &["-o", "x.json", "--", "sh", "-c", script]).status.code();
    assert_eq!(status(&script(&dump, 0)), Some(0));
    assert_eq!(status(&script(&dump, 7)), Some(7));
    assert_eq!(status(&script(&dump, 0).replace("exit 0", "kill -9 $$")), Some(137));
}

#[test]
fn a_program_without_the_probe_is_told_of() {
    let directory = directory();
    let told = |script: &str| {
        let output = run(directory.path(), &["-o", "x.json", "--", "sh", "-c", script]);
        (output.status.code(), text(&output.stderr))
    };
    let path = directory.path().canonicalize().unwrap().join("x.json");
    let expected = |ended: &str| {
        format!(
            "error: no dump appeared at `{}`; the program ended with {ended}\n\nhint: does the program use alloc-probe? It takes one line in main.rs: `alloc_probe::install!();`\n",
            path.display()
        )
    };
    assert_eq!(told("true"), (Some(2), expected("exit status 0")));
    assert_eq!(told("exit 7"), (Some(7), expected("exit status 7")));
    assert_eq!(told("kill -9 $$"), (Some(137), expected("signal 9 (SIGKILL)")));
    // What an earlier run left is not this one's, neither its dump nor its spool.
    std::fs::write(&path, "an earlier dump").unwrap();
    std::fs::write(path.with_extension("json.spool"), "an earlier spool").unwrap();
    assert_eq!(told("true"), (Some(2), expected("exit status 0")));
    std::fs::remove_file(path.with_extension("json.spool")).unwrap();
    let (status, told) = told(": > \"$ALLOC_PROBE_OUT.spool\"; kill -9 $$");
    assert_eq!(status, Some(137));
    let spool = format!(
        "warning: the program ended with signal 9 (SIGKILL) and left no dump\nerror: cannot read `{}.spool`: the file is empty\n",
        path.display()
    );
    assert_eq!(told, spool);
}

#[test]
fn how_a_program_failed_and_what_goes_on_is_said() {
    let directory = directory();
    let dump = orders_in(&directory);
    let script = script(&dump, 7).replace("exit 7", "(sleep 60; :) >&- 2>&- & echo $!; exit 7");
    let output = run(directory.path(), &["-o", "x.json", "--", "sh", "-c", &script]);
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    let pid = printed.lines().last().unwrap();
    let killed = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
    assert_eq!(output.status.code(), Some(7), "{told}");
    assert!(told.contains("\n\nended: exit status 7\nwarning: "), "{told}");
    assert!(told.contains(" that it started still run") && told.contains(&format!("{pid} (`")), "{told}");
    assert!(told.ends_with("\ndump: x.json\n"), "{told}");
}

#[test]
fn a_reader_that_stops_changes_no_status() {
    let directory = directory();
    let dump = orders_in(&directory);
    for script in [script(&dump, 7), "exit 7".to_owned()] {
        let mut child = command(directory.path(), &["-o", "x.json", "--", "sh", "-c", &script])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}

#[test]
fn what_can_not_be_read_back_is_not_looked_for() {
    let directory = directory();
    let output =
        run(directory.path(), &["-o", "/dev/null", "--", "sh", "-c", "echo x > $ALLOC_PROBE_OUT; exit 3"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), "ended: exit status 3\n".to_owned()));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let directory = directory();
    let output = run(directory.path(), &["--", "./no-such-program"]);
    let line = "error: cannot run `./no-such-program`: no such file or directory\n";
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(2), line));
    let output = run(directory.path(), &["--mode", "everything", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn signals_reach_the_program_whose_end_is_waited_for() {
    let directory = directory();
    let dump = orders_in(&directory);
    for (signal, status) in [(rustix::process::Signal::TERM, 5), (rustix::process::Signal::INT, 6)] {
        let script = format!(
            "finish() {{ cp '{dump}' \"$ALLOC_PROBE_OUT\"; exit $1; }}
             trap 'finish 5' TERM; trap 'finish 6' INT; echo ready; while :; do sleep 0.05; done"
        );
        let mut child = command(directory.path(), &["-o", "x.json", "--", "sh", "-c", &script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        assert!(text(&output.stderr).ends_with("\ndump: x.json\n"));
    }
}

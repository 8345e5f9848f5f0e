//! Files that are no sound dump, and output that nobody reads.

use crate::support::{alloc_probe, directory, orders, orders_in, write};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

#[test]
fn every_fault_of_a_file_is_one_line_and_status_2() {
    let directory = directory();
    let sound = serde_json::to_vec(&orders()).unwrap();
    let half = &sound[..sound.len() / 2];
    let newer = String::from_utf8(sound.clone()).unwrap().replacen("\"version\":1", "\"version\":7", 1);
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.json", b"", "the file is empty"),
        ("half.json", half, "the file is truncated: it ends in the middle of a dump, after "),
        ("text.json", b"hello", "it is not a dump of alloc-probe"),
        ("dhat.json", br#"{"dhatFileVersion":2}"#, "the file is damaged: missing field `mode`"),
        ("newer.json", newer.as_bytes(), "it is a dump of version 7, and this tool reads up to 1"),
        ("no.json.gz", &[0x1f, 0x8b, 8, 0, 1, 2, 3], "the file is truncated: its gzip data ends too early"),
    ];
    for (name, bytes, reason) in cases {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let file = path.to_str().unwrap();
        for command in [&["show", file][..], &["show", file, "--json"], &["flamegraph", file]] {
            let refused = alloc_probe(command);
            assert_eq!((refused.status, refused.out.as_str()), (2, ""), "{command:?}");
            let line = format!("error: cannot read `{file}`: {reason}");
            assert!(refused.err.starts_with(&line), "{}", refused.err);
            let rest: Vec<&str> = refused.err.lines().skip(1).collect();
            assert!(
                rest.is_empty() || (rest.len() == 2 && rest[0].is_empty() && rest[1].starts_with("hint: "))
            );
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let refused = alloc_probe(&["show", "/nonexistent/x.json"]);
    let line = "error: cannot read `/nonexistent/x.json`: no such file or directory\n";
    assert_eq!((refused.status, refused.err.as_str()), (2, line));
}

#[test]
fn wrong_usage_is_status_2_and_help_is_not() {
    for args in [&["show"][..], &["show", "x.json", "--by", "pints"], &["frobnicate"], &[]] {
        let refused = alloc_probe(args);
        assert_eq!((refused.status, refused.out.as_str()), (2, ""), "{args:?}");
        assert!(!refused.err.is_empty());
    }
    let help = alloc_probe(&["show", "--help"]);
    assert_eq!((help.status, help.err.as_str()), (0, ""));
    assert!(help.out.starts_with("Summarise a dump and list its top call sites"), "{}", help.out);
    assert!(help.out.contains("Examples:"));
    let version = alloc_probe(&["--version"]);
    assert_eq!(version.out, format!("alloc-probe {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let directory = directory();
    // More than a pipe holds, so that some of it is still to be written when its reader is gone.
    let mut dump = orders();
    dump.sites = dump.sites.iter().cycle().take(20_000).cloned().collect();
    let file = directory.path().join("large.json");
    std::fs::write(&file, serde_json::to_vec(&dump).unwrap()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_alloc-probe"))
        .args(["show", "--json", "--all-frames"])
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "{\n");
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn there_is_no_colour_without_a_terminal() {
    let directory = directory();
    let file = orders_in(&directory);
    let output = Command::new(env!("CARGO_BIN_EXE_alloc-probe")).args(["show", &file]).output().unwrap();
    assert!(output.status.success());
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn a_compressed_dump_is_read_whatever_it_is_called() {
    let directory = directory();
    let file = orders_in(&directory);
    let plain = alloc_probe(&["show", &file]).out;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::write(&file, encoder.finish().unwrap()).unwrap();
    assert_eq!(alloc_probe(&["show", &file]).out, plain);
}

/// What a command's status is where nobody reads what it prints, and what it says on stderr.
fn unread(args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_alloc-probe"))
        .args(args)
        .stdout(OwnedFd::from(writer))
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_reader_that_stops_makes_no_condition_hold() {
    let directory = directory();
    let base = orders_in(&directory);
    let mut more = orders();
    more.totals.peak_bytes *= 2;
    let new = write(&more, &directory.path().join("more.json"));
    let new = new.to_str().unwrap();
    let budget = directory.path().join("budget.toml");
    std::fs::write(&budget, "[limits]\npeak_bytes = \"1 MiB\"\n").unwrap();
    let budget = budget.to_str().unwrap();
    let condition = ["--fail-if", "peak_bytes > +5%"];
    for view in [&[][..], &["--json"], &["--tree"], &["--html", "/dev/null"]] {
        let diff = |base, new| unread(&[&["diff", base, new], &condition[..], view].concat());
        let (status, err) = diff(&base, new);
        assert_eq!(status, Some(1), "{view:?}: {err}");
        assert!(err.contains("failed: peak_bytes"), "the reason is said all the same: {err}");
        assert_eq!(diff(&base, &base).0, Some(0), "{view:?}");
    }
    for format in ["text", "github"] {
        let check = |file| unread(&["check", file, "--budget", budget, "--format", format]).0;
        assert_eq!((check(&base), check(new)), (Some(0), Some(1)), "{format}");
    }
    // What keeps a command from its work is no matter of who reads.
    assert_eq!(unread(&["check", "nowhere.json", "--budget", budget]).0, Some(2));
}

//! Every command that writes a file: what stands at its path and is no regular file stays what it is. A device, a pipe or a
//! descriptor is written to, a socket and a folder are refused, a link stays, and nothing else is touched.

use crate::support::{directory, orders_in};
use std::fs::{self, FileType};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

/// The commands, but for those that need a program to run: `FILE` is a dump, `OUT` is what they write.
const COMMANDS: &[&[&str]] = &[
    &["flamegraph", "FILE", "-o", "OUT"],
    &["flamegraph", "--diff", "FILE", "FILE", "-o", "OUT"],
    &["diff", "FILE", "FILE", "--html", "OUT"],
    &["merge", "FILE", "FILE", "-o", "OUT"],
    &["symbolize", "FILE", "-o", "OUT"],
    &["export", "FILE", "--format", "dhat", "-o", "OUT"],
    &["export", "FILE", "--format", "pprof", "-o", "OUT"],
    &["export", "FILE", "--format", "folded", "-o", "OUT"],
    &["export", "FILE", "--format", "speedscope", "-o", "OUT"],
    &["export", "FILE", "--format", "firefox", "-o", "OUT"],
    &["export", "FILE", "--format", "csv", "-o", "OUT"],
];

fn run(command: &[&str], file: &str, out: &Path) -> Output {
    let out = out.to_str().unwrap();
    let arguments = command.iter().map(|argument| match *argument {
        "FILE" => file,
        "OUT" => out,
        other => other,
    });
    Command::new(env!("CARGO_BIN_EXE_alloc-probe")).args(arguments).output().unwrap()
}

fn kind(path: &Path) -> FileType {
    fs::symlink_metadata(path).unwrap().file_type()
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// A device of our own, where we may make one, so that no other is harmed should this fail; else a link to the system's.
fn make_device(path: &Path) {
    let made = Command::new("mknod").args(["-m", "666"]).arg(path).args(["c", "1", "3"]).output();
    if !made.is_ok_and(|made| made.status.success()) {
        symlink("/dev/null", path).unwrap();
    }
}

#[test]
fn devices_pipes_descriptors_and_links_stay_what_they_are() {
    let inputs = directory();
    let file = orders_in(&inputs);
    for command in COMMANDS {
        let folder = directory();
        let at = |name: &str| folder.path().join(name);
        let succeeds = |out: &Path| {
            let output = run(command, &file, out);
            let err = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{command:?} {}: {err}", out.display());
            output
        };

        let plain = at("plain");
        succeeds(&plain);
        let expected = fs::read(&plain).unwrap();
        assert!(!expected.is_empty(), "{command:?}");

        make_device(&at("null"));
        let device = kind(&at("null"));
        succeeds(&at("null"));
        assert_eq!(kind(&at("null")), device, "{command:?}");

        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = at("pipe");
            move || {
                let mut text = Vec::new();
                fs::File::open(pipe).unwrap().read_to_end(&mut text).unwrap();
                text
            }
        });
        succeeds(&at("pipe"));
        assert!(!reader.join().unwrap().is_empty(), "{command:?}");
        assert!(kind(&at("pipe")).is_fifo(), "{command:?}");

        symlink("/proc/self/fd/1", at("stdout")).unwrap();
        for out in [Path::new("/dev/stdout"), Path::new("/proc/self/fd/1"), &at("stdout")] {
            assert!(!succeeds(out).stdout.is_empty(), "{command:?}");
        }
        assert!(kind(&at("stdout")).is_symlink(), "{command:?}");

        // Another file that somebody has open: it is appended to, and keeps its name.
        fs::write(at("log"), "precious\n").unwrap();
        let log = fs::OpenOptions::new().append(true).open(at("log")).unwrap();
        let arguments = command.iter().map(|argument| match *argument {
            "FILE" => file.as_str(),
            "OUT" => "/proc/self/fd/0",
            other => other,
        });
        let mut process = Command::new(env!("CARGO_BIN_EXE_alloc-probe"));
        let status = process.args(arguments).stdin(log).output().unwrap().status;
        assert_eq!(status.code(), Some(0), "{command:?}");
        let text = fs::read(at("log")).unwrap();
        assert!(text.starts_with(b"precious\n") && text.len() > 9, "{command:?}");

        symlink("plain", at("link")).unwrap();
        succeeds(&at("link"));
        assert!(kind(&at("link")).is_symlink() && kind(&plain).is_file(), "{command:?}");

        let _listener = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("circle", at("circle")).unwrap();
        for (name, reason) in [
            ("socket", "it is a socket"),
            ("folder", "is a directory"),
            ("circle", "too many levels of symbolic links"),
        ] {
            let refused = run(command, &file, &at(name));
            let err = String::from_utf8(refused.stderr).unwrap();
            let line = format!("error: cannot write `{}`: {reason}\n", at(name).display());
            assert_eq!((refused.status.code(), err.as_str()), (Some(2), line.as_str()), "{command:?}");
        }
        assert!(kind(&at("socket")).is_socket() && kind(&at("folder")).is_dir());
        let left = ["circle", "folder", "link", "log", "null", "pipe", "plain", "socket", "stdout"];
        assert_eq!(names(folder.path()), left, "{command:?}");
    }
}

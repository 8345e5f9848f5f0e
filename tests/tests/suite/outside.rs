//! A running process, looked at from outside; and what is said of processes that ended in one way or another.

use crate::binaries::{self, Profile};
use crate::tool::{alloc_probe, frames, json};
use alloc_probe_format::dump::{Dump, Ended, Figures};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

/// The subject `service`, ready and without anything to do.
struct Service {
    process: Child,
    out: BufReader<ChildStdout>,
    folder: TempDir,
    /// What it says of itself: live bytes and blocks, and blocks in all.
    figures: [u64; 3],
}

impl Service {
    /// With variables for the probe; an output path is a file in a folder of its own.
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Service {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(binaries::subject("installed", Profile::Dev));
        let signals_at_their_defaults = || {
            for signal in [libc::SIGINT, libc::SIGTERM] {
                // SAFETY: the default disposition runs no code.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            Ok(())
        };
        // What runs in the background ignores SIGINT, and what it starts does too, unless it is told otherwise.
        // SAFETY: it makes system calls only.
        unsafe { command.pre_exec(signals_at_their_defaults) };
        let mut process = command
            .arg("service")
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut out = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        for _ in 0..2 {
            line.clear();
            out.read_line(&mut line).expect("it tells");
        }
        let mut numbers = line.split_whitespace().map(|number| number.parse().expect("a number"));
        let figures = [(); 3].map(|()| numbers.next().expect("three figures"));
        Service { process, out, folder, figures }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status();
        assert!(status.expect("`kill` runs").success());
    }

    /// Until each of its threads has stopped.
    fn wait_until_stopped(&self) {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let runs = |task: PathBuf| {
            std::fs::read_to_string(task.join("stat")).is_ok_and(|stat| !stat.contains(") T "))
        };
        while std::fs::read_dir(&tasks).expect("tasks").any(|task| runs(task.expect("a task").path())) {
            std::thread::yield_now();
        }
    }

    fn dump(&self, name: &str) -> Dump {
        let path = self.path(name);
        let Output { status, stdout, stderr } = dump(&self.process.id().to_string(), &path);
        assert!(status.success() && stdout.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        let text = std::fs::read_to_string(&path).expect("a dump");
        serde_json::from_str(&text).expect("a dump")
    }

    /// Waits for the end that was asked for.
    fn end(&mut self) {
        self.process.wait().expect("it ends");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn dump(pid: &str, output: &Path) -> Output {
    alloc_probe().args(["dump", pid, "-o"]).arg(output).output().expect("it runs")
}

/// What the dump says is what the process said of itself, to the byte; and so do its sites.
fn check(dump: &Dump, service: &Service) {
    let totals = dump.totals;
    assert_eq!([totals.end_bytes, totals.end_blocks, totals.total_blocks], service.figures);
    let mut sum = Figures::default();
    dump.sites.iter().for_each(|site| sum.add(&site.figures));
    if !dump.sites.is_empty() {
        assert_eq!(sum, totals);
    }
    assert_eq!((dump.process.ended, dump.process.from_spool), (Ended::Running, true));
    assert_eq!(dump.process.pid, service.process.id());
    assert!(dump.memory.rss_bytes > 0);
    let main = dump.threads.iter().find(|thread| thread.name == "installed").expect("the main thread");
    if !dump.sites.is_empty() {
        // It has come up again. Between the two lies what a page may have besides.
        assert!(main.stack_bytes > 0 && main.stack_bytes + (64 << 10) > main.deepest_bytes, "{main:?}");
    }
    let [mark] = dump.marks.as_slice() else { panic!("{:?}", dump.marks) };
    assert_eq!((mark.name.as_str(), mark.count), ("ready", 1));
    assert!(mark.first.live_bytes > 0 && mark.first.total_blocks <= totals.total_blocks);
}

#[test]
fn a_process_is_read_with_and_without_an_output_path() {
    for (variables, sites) in [
        (&[("ALLOC_PROBE_OUT", "out.json")][..], true),
        (&[("ALLOC_PROBE", "full")], true),
        (&[("ALLOC_PROBE", "count")], false),
        (&[], false),
    ] {
        let service = Service::start(&["1000"], variables);
        let dump = service.dump("now.json");
        check(&dump, &service);
        assert_eq!(dump.sites.len() > 1000, sites, "{variables:?}");
        if sites {
            let shown = json(
                alloc_probe().arg("show").arg(service.path("now.json")).args(["--json", "--all-stacks"]),
            );
            let of_stacks = shown["sites"].as_array().expect("sites").iter().filter(|site| {
                frames(&shown, site).any(|frame| frame["function"] == "installed::service::descend")
            });
            assert!(of_stacks.count() >= 1000);
        }
    }
}

/// What stands at the path and is no regular file stays what it is.
#[test]
fn a_process_is_written_to_what_stands_there() {
    let service = Service::start(&["1"], &[("ALLOC_PROBE", "count")]);
    let pid = service.process.id().to_string();
    let is_dump = |bytes: &[u8]| serde_json::from_slice::<Dump>(bytes).is_ok();

    let printed = dump(&pid, Path::new("/dev/stdout"));
    assert!(printed.status.success() && is_dump(&printed.stdout));

    let pipe = service.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).expect("the pipe")
    });
    assert!(dump(&pid, &pipe).status.success());
    assert!(is_dump(&reader.join().expect("it returns")));
    assert!(pipe.symlink_metadata().expect("it is there").file_type().is_fifo());

    let _listener = UnixListener::bind(service.path("socket")).expect("a socket");
    for (path, reason) in [(service.path("socket"), "it is a socket"), (service.path("."), "is a directory")]
    {
        let Output { status, stderr, .. } = dump(&pid, &path);
        let message = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(2), "{message}");
        assert_eq!(message, format!("error: cannot write `{}`: {reason}\n", path.display()));
    }
}

/// It can do nothing for it: not even take a signal.
#[test]
fn a_process_that_is_stopped_is_read() {
    let service = Service::start(&["10", "busy"], &[("ALLOC_PROBE_OUT", "out.json")]);
    service.signal("STOP");
    service.wait_until_stopped();
    let (first, second) = (service.dump("first.json"), service.dump("second.json"));
    // Live blocks grow older.
    let Figures { lifetime_sum_ns, long_lived_bytes, long_lived_blocks, .. } = first.totals;
    let aged = Figures { lifetime_sum_ns, long_lived_bytes, long_lived_blocks, ..second.totals };
    assert_eq!(first.totals, aged);
    assert!(second.totals.long_lived_blocks >= long_lived_blocks);
    assert!(second.process.duration_ns > first.process.duration_ns, "time goes on");
    service.signal("CONT");
    assert!(service.dump("third.json").process.duration_ns > second.process.duration_ns);
}

/// Its sites add up to its figures all the same, but for an event of each thread.
#[test]
fn a_process_that_is_busy_is_read() {
    let mut service = Service::start(&["20000", "busy"], &[("ALLOC_PROBE_OUT", "out.json")]);
    for round in 0..3 {
        let dump = service.dump(&format!("{round}.json"));
        let of_threads: u64 = dump.threads.iter().map(|thread| thread.total_blocks).sum();
        assert!(dump.totals.total_blocks >= of_threads && dump.totals.end_blocks >= 20_000);
        assert!(dump.sites.len() > 20_000 && dump.stacks.len() > 20_000);
    }
    drop(service.process.stdin.take());
    let mut longest = String::new();
    service.out.read_line(&mut longest).expect("it tells");
    service.end();
    assert!(longest.trim().parse::<u64>().is_ok() && service.path("out.json").exists());
}

#[test]
fn processes_that_cannot_be_read_are_told_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.json");
    let service = Service::start(&["1"], &[("ALLOC_PROBE", "off")]);
    for (pid, reason) in [
        ("4194305", "there is none"),
        (&std::process::id().to_string(), "it has no profile"),
        (&service.process.id().to_string(), "it has no profile"),
    ] {
        let Output { status, stdout, stderr } = dump(pid, &path);
        let message = String::from_utf8_lossy(&stderr);
        assert_eq!((status.code(), stdout.as_slice()), (Some(2), &b""[..]), "{message}");
        assert!(message.starts_with(&format!("error: cannot read process {pid}: {reason}\n")), "{message}");
        assert!(!path.exists());
    }
    let service = Service::start(&["1"], &[]);
    let Output { status, stderr, .. } =
        dump(&service.process.id().to_string(), Path::new("/nonexistent/x.json"));
    let message = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(2));
    assert_eq!(message, "error: cannot write `/nonexistent/x.json`: no such file or directory\n");
}

/// The line of `show` that says how it ended, and the one that says of when the figures are.
fn told(file: &Path) -> (String, String) {
    let Output { status, stdout, stderr } = alloc_probe().arg("show").arg(file).output().expect("it runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let text = String::from_utf8(stdout).expect("text");
    let mut lines = text.lines().skip_while(|line| !line.starts_with("ran ")).map(str::to_owned);
    let how = lines.next().expect("how it ended");
    let when: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    (how, when.join(" "))
}

#[test]
fn show_says_how_a_process_ended_and_of_when_its_figures_are() {
    let variables = [("ALLOC_PROBE_OUT", "out.json")];
    for (signal, file, ended, figures) in [
        ("TERM", "out.json", "until SIGTERM ended it", "when the dump was written"),
        ("INT", "out.json", "until SIGINT ended it", "when the dump was written"),
        ("ABRT", "out.json.spool", "until SIGABRT ended it", "read from its spool, as it wrote no dump"),
        (
            "KILL",
            "out.json.spool",
            "until it was killed, crashed, or called `_exit`",
            "read from its spool, as it wrote no dump",
        ),
    ] {
        let mut service = Service::start(&["10"], &variables);
        let running = told(&service.path("out.json.spool"));
        assert!(running.0.contains(" and was still running, recorded in full"), "{running:?}");
        assert!(
            running.1.starts_with("figures as of 20")
                && running.1.ends_with(" UTC; read from its spool while it ran")
        );
        service.signal(signal);
        service.end();
        let (how, when) = told(&service.path(file));
        assert!(how.contains(&format!(" {ended}, recorded in full")), "{how}");
        assert!(
            when.starts_with("figures as of ") && when.contains(" UTC") && when.ends_with(figures),
            "{when}"
        );
    }
    let mut service = Service::start(&["10"], &variables);
    drop(service.process.stdin.take());
    service.end();
    let (how, after) = told(&service.path("out.json"));
    assert!(how.contains(" until it exited, recorded in full") && after.is_empty(), "{how} {after}");
}

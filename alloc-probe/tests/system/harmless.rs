//! A dump and its spool harm nothing: what isn't the probe's own is never emptied, replaced or followed, whoever may write
//! to the folder, and a program with more rights than its caller believes none of its variables.

use crate::support::child::{Child, Outcome};
use crate::support::{Cases, cases, copy_program, tell};
use alloc_probe::Mode;
use std::fs;
use std::hint::black_box;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_device_stays_a_device,
        a_descriptor_is_written_to,
        a_pipe_is_written_to_or_refused,
        a_socket_and_a_folder_are_refused,
        a_link_leads_to_the_file_that_is_replaced,
        files_are_their_owners_alone,
        a_spool_follows_no_link,
        a_spool_empties_nothing,
        an_earlier_spool_replaces_nothing,
        a_folder_that_changes_meanwhile_harms_nothing,
        more_rights_than_the_callers,
    ],
    scenarios: cases![works, dumps_often, dies],
};

fn works() {
    black_box(vec![1u8; 1 << 16]).leak();
    tell("mode", alloc_probe::mode() as u64);
}

fn dumps_often() {
    black_box(vec![1u8; 1 << 16]).leak();
    for _ in 0..10 {
        let _ = alloc_probe::dump("out.json");
    }
}

fn dies() {
    black_box(vec![1u8; 1 << 16]).leak();
    // SAFETY: it has no preconditions.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

const PRECIOUS: &str = "precious";

/// A scenario in whose folder `prepare` has been.
fn run(scenario: &str, out: &str, prepare: impl FnOnce(&Path)) -> Outcome {
    let child = Child::new(scenario, "full").env("ALLOC_PROBE_OUT", out);
    prepare(child.folder());
    child.succeed()
}

fn c_string(path: &Path) -> std::ffi::CString {
    std::ffi::CString::new(path.to_str().expect("UTF-8")).expect("no zero")
}

fn make_fifo(path: &Path) {
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(c_string(path).as_ptr(), 0o600) }, 0);
}

fn is_root() -> bool {
    // SAFETY: it has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// One made for this, as root, who could replace it; without the right to make one, the system's own, which can't be
/// replaced then.
fn a_device_stays_a_device() {
    let outcome = run("works", if is_root() { "null" } else { "/dev/null" }, |folder| {
        if is_root() {
            // SAFETY: the path is a C string.
            let made = unsafe {
                libc::mknod(
                    c_string(&folder.join("null")).as_ptr(),
                    libc::S_IFCHR | 0o666,
                    libc::makedev(1, 3),
                )
            };
            assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
        }
    });
    let device = fs::symlink_metadata(if is_root() { outcome.path("null") } else { "/dev/null".into() });
    assert!(device.expect("it is there").file_type().is_char_device());
    let expected: &[&str] = if is_root() { &["null"] } else { &[] };
    assert_eq!(
        (outcome.files(), outcome.stderr().as_str()),
        (expected.iter().map(|&n| n.to_owned()).collect(), "")
    );
    assert!(!Path::new("/dev/null.spool").exists());
}

fn a_descriptor_is_written_to() {
    for out in ["/dev/stdout", "/proc/self/fd/1", "link"] {
        let outcome = run("works", out, |folder| {
            symlink("/proc/self/fd/1", folder.join("link")).expect("a link");
        });
        // The scenario's own output comes first.
        let text = fs::read_to_string(outcome.path("stdout")).expect("its output");
        let dump = text.strip_prefix("mode 3\n").unwrap_or_else(|| panic!("{out}: {text}"));
        serde_json::from_str::<alloc_probe_format::dump::Dump>(dump).expect("a dump");
        assert_eq!((outcome.files(), outcome.stderr().as_str()), (vec!["link".to_owned()], ""), "{out}");
        assert!(fs::symlink_metadata(outcome.path("link")).expect("the link").is_symlink());
    }
}

fn a_pipe_is_written_to_or_refused() {
    let outcome = run("works", "pipe", |folder| make_fifo(&folder.join("pipe")));
    assert_eq!(
        outcome.complaints(),
        ["alloc-probe: cannot write `pipe`: nobody reads from it; what was recorded is lost"]
    );
    let child = Child::new("works", "full").env("ALLOC_PROBE_OUT", "pipe");
    let pipe = child.folder().join("pipe");
    make_fifo(&pipe);
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_string(&mut text)).expect("it is read");
        text
    });
    let outcome = child.succeed();
    let text = reader.join().expect("it returns");
    serde_json::from_str::<alloc_probe_format::dump::Dump>(&text).expect("a dump");
    assert!(fs::symlink_metadata(outcome.path("pipe")).expect("the pipe").file_type().is_fifo());
    assert_eq!((outcome.files(), outcome.stderr().as_str()), (vec!["pipe".to_owned()], ""));
}

fn a_socket_and_a_folder_are_refused() {
    let mut listener = None;
    let outcome = run("works", "socket", |folder| {
        listener = Some(std::os::unix::net::UnixListener::bind(folder.join("socket")).expect("a socket"));
    });
    let refused = "alloc-probe: cannot write `socket`: it is a socket; what was recorded is lost";
    assert_eq!(
        (outcome.complaints(), outcome.files()),
        (vec![refused.to_owned()], vec!["socket".to_owned()])
    );
    let outcome = run("works", "folder", |folder| fs::create_dir(folder.join("folder")).expect("a folder"));
    assert_eq!((outcome.complaints().len(), outcome.files()), (1, vec!["folder".to_owned()]));
}

fn a_link_leads_to_the_file_that_is_replaced() {
    let outcome = run("works", "link.json", |folder| {
        fs::create_dir(folder.join("dumps")).expect("a folder");
        fs::write(folder.join("dumps/real.json"), "an earlier one").expect("a file");
        symlink("dumps/real.json", folder.join("link.json")).expect("a link");
    });
    assert!(fs::symlink_metadata(outcome.path("link.json")).expect("the link").is_symlink());
    outcome.dump_named("dumps/real.json");
    assert_eq!(outcome.files(), ["dumps", "link.json"]);
}

fn files_are_their_owners_alone() {
    let mode =
        |outcome: &Outcome, name: &str| fs::metadata(outcome.path(name)).expect("a file").mode() & 0o777;
    assert_eq!(mode(&run("works", "out.json", |_| ()), "out.json"), 0o600);
    let outcome = run("works", "out.json", |folder| {
        fs::write(folder.join("out.json"), "an earlier one").expect("a file");
        fs::set_permissions(folder.join("out.json"), fs::Permissions::from_mode(0o666)).expect("its own");
    });
    assert_eq!(mode(&outcome, "out.json"), 0o600);
    let killed = Child::new("dies", "full").run();
    assert_eq!((killed.files(), mode(&killed, "out.json.spool")), (vec!["out.json.spool".to_owned()], 0o600));
}

/// What each run with something at the spool's name says, and that the dump is whole all the same.
#[track_caller]
fn is_refused(outcome: &Outcome, reason: &str) {
    let refused = format!(
        "alloc-probe: cannot write `out.json.spool`: {reason}; it is no spool of this user's, so it stays as it is, and the \
         profile is kept in memory only"
    );
    assert_eq!(outcome.complaints(), [refused]);
    assert!(outcome.dump_named("out.json").totals.total_blocks > 0);
}

fn a_spool_follows_no_link() {
    for target in ["victim", "nothing", "/dev/null"] {
        let outcome = run("works", "out.json", |folder| {
            fs::write(folder.join("victim"), PRECIOUS).expect("a file");
            symlink(target, folder.join("out.json.spool")).expect("a link");
        });
        is_refused(&outcome, "File exists");
        assert_eq!(fs::read_to_string(outcome.path("victim")).expect("a file"), PRECIOUS);
        assert_eq!(outcome.files(), ["out.json", "out.json.spool", "victim"], "{target}");
        assert!(fs::symlink_metadata(outcome.path("out.json.spool")).expect("the link").is_symlink());
    }
}

fn a_spool_empties_nothing() {
    for content in [PRECIOUS, "", &"x".repeat(100_000)] {
        let outcome = run("works", "out.json", |folder| {
            fs::write(folder.join("out.json.spool"), content).expect("a file");
        });
        is_refused(&outcome, "File exists");
        assert_eq!(fs::read_to_string(outcome.path("out.json.spool")).expect("a file"), content);
    }
    // A second name of a file, even if that is a spool.
    let outcome = run("works", "out.json", |folder| {
        fs::write(folder.join("victim"), PRECIOUS).expect("a file");
        fs::hard_link(folder.join("victim"), folder.join("out.json.spool")).expect("a link");
    });
    is_refused(&outcome, "File exists");
    assert_eq!(fs::read_to_string(outcome.path("victim")).expect("a file"), PRECIOUS);
    let outcome = run("works", "out.json", |folder| make_fifo(&folder.join("out.json.spool")));
    is_refused(&outcome, "File exists");
}

fn an_earlier_spool_replaces_nothing() {
    let killed = Child::new("dies", "full").run();
    let kept = format!("out.json.{}.spool", killed.pid);
    fs::write(killed.path(&kept), PRECIOUS).expect("a file");
    let next = Child::new("works", "full").env("ALLOC_PROBE_OUT", &killed.path("out.json").to_string_lossy());
    let next = next.succeed();
    assert_eq!(fs::read_to_string(killed.path(&kept)).expect("a file"), PRECIOUS);
    // The one that could not be kept under another name is where it was, and the dump has a name of its own.
    assert!(killed.spool().totals.total_blocks > 0);
    killed.dump_named(&format!("out.{}.json", next.pid));
}

/// Somebody puts links at all names that a process uses, and takes them away, as fast as possible.
fn a_folder_that_changes_meanwhile_harms_nothing() {
    static DONE: AtomicBool = AtomicBool::new(false);
    for _ in 0..20 {
        let child = Child::new("dumps_often", "full");
        let folder = child.folder().to_owned();
        fs::write(folder.join("victim"), PRECIOUS).expect("a file");
        DONE.store(false, Relaxed);
        let hostile = std::thread::spawn(move || {
            while !DONE.load(Relaxed) {
                for name in ["out.json.spool", "out.json"] {
                    let _ = symlink(folder.join("victim"), folder.join("link"));
                    if name == "out.json" {
                        // The dump's own name leads to a file that may be replaced: another.
                        let _ = fs::remove_file(folder.join("link"));
                        let _ = symlink(folder.join("other"), folder.join("link"));
                    }
                    let _ = fs::rename(folder.join("link"), folder.join(name));
                    let _ = fs::remove_file(folder.join(name));
                }
            }
        });
        let outcome = child.run();
        DONE.store(true, Relaxed);
        hostile.join().expect("it returns");
        assert!(outcome.status.success(), "{}: {}", outcome.status, outcome.stderr());
        assert_eq!(fs::read_to_string(outcome.path("victim")).expect("a file"), PRECIOUS);
    }
}

/// Started by a user without rights: nothing of what that one asks for is done. The same program without the bits does it.
fn more_rights_than_the_callers() {
    if !is_root() {
        return; // Nobody else can give a program more rights.
    }
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().expect("a folder");
    let open =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its own");
    open(folder.path(), 0o777);
    let program = folder.path().join("program");
    for (mode, capability, believes) in
        [(0o755, false, true), (0o4755, false, false), (0o2755, false, false), (0o755, true, false)]
    {
        let _ = fs::remove_file(&program);
        copy_program(&std::env::current_exe().expect("a path"), &program);
        open(&program, mode);
        if capability {
            // Of version 2: effective, CAP_NET_RAW permitted.
            let value: [u32; 5] = [0x0200_0001, 1 << 13, 0, 0, 0];
            // SAFETY: the names are C strings, and the value is readable for its length.
            let status = unsafe {
                let (path, name) = (c_string(&program), c"security.capability");
                libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), size_of_val(&value), 0)
            };
            assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
        }
        let mut command = Command::new(&program);
        command.env_clear().env("ALLOC_PROBE_TEST_SCENARIO", "harmless::works").env("ALLOC_PROBE", "full");
        command.env("ALLOC_PROBE_OUT", folder.path().join("out.json")).uid(NOBODY).gid(NOBODY);
        let output = command.output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = if believes { Mode::Full } else { Mode::Count };
        assert_eq!(told, format!("mode {}\n", expected as u64), "{mode:o} {capability} {output:?}");
        assert_eq!(folder.path().join("out.json").exists(), believes, "{mode:o} {capability}");
        let _ = fs::remove_file(folder.path().join("out.json"));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing but the program");
    }
}

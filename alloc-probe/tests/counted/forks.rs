//! Processes that make others: the profile stays with the process that it is of, and nobody waits for a lock whose
//! holder does not exist.

use crate::support::child::Child;
use crate::support::figures::{are_true, are_true_but_for_the_peak, figures_of_size, of_dump};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe::Mode;
use alloc_probe_format::dump::Ended;
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_forked_child_leaves_the_profile_alone,
        a_forked_child_has_no_profile,
        a_child_that_nobody_tells_of_leaves_the_profile_alone,
        a_child_with_its_parents_id_leaves_the_profile_alone,
        a_fork_among_busy_threads,
        a_fork_that_outlives_its_parent,
        processes_with_one_output_path,
        signals_end_a_forked_child,
        a_forked_child_waits_for_nobody,
    ],
    scenarios: cases![
        forks,
        clones,
        begins_a_namespace,
        clones_into_another,
        asks_in_the_child,
        forks_among_threads,
        dies_before_its_child,
        spawns,
        nests,
        signals_its_children,
        asks_among_threads
    ],
};

const MIB: usize = 1 << 20;

#[inline(never)]
fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

/// Runs `f` in a child, which ends as `f` says, or else returns from `main`'s point of view: with status 0.
fn in_child(f: impl FnOnce()) -> libc::pid_t {
    // A process without an allocation has no profile that a child could leave alone: the child's would be its own.
    drop(block(64));
    // SAFETY: what the child does is what a child of a process with threads may do: its allocator is the C library's.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            f();
            // Not `std::process::exit`, which waits for a lock of `std`'s that a thread may have held when it was forked
            // away. Exit handlers run here too, the probe's among them.
            // SAFETY: no thread is left that could be at its own exit handlers.
            unsafe { libc::exit(0) }
        }
        pid => pid,
    }
}

fn wait(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the status is a valid place.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// The child allocates and frees, its own blocks and its parent's, and ends normally: with handlers of `atexit`.
fn forks() {
    let before = block(MIB);
    let pid = in_child(|| {
        (0..1000).for_each(|_| drop(block(MIB)));
        drop(before);
        block(MIB).leak();
    });
    assert_eq!(wait(pid), 0);
    (0..10).for_each(|_| drop(block(MIB)));
    Counted::tell_at_exit();
}

/// The same with children that a system call made, so that the C library tells nobody. They allocate first, free first, resize
/// first, ask first, or do nothing, and end by handlers of `atexit`, or at once.
fn clones() {
    for way in 0..10 {
        let mut before = vec![0u8; MIB];
        // SAFETY: as for `fork`: no other thread is there.
        let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } as libc::pid_t;
        if pid == 0 {
            match way % 5 {
                0 => _ = block(MIB).leak(),
                1 => drop(before),
                2 => before.reserve_exact(2 * MIB),
                3 => assert_eq!(alloc_probe::stats().total_blocks, 0),
                _ => {}
            }
            if way % 5 != 4 {
                (0..1000).for_each(|_| drop(block(MIB)));
            }
            let told = alloc_probe::dump("of-the-child.json").is_err() as i32;
            // SAFETY: no other thread is at its exit handlers.
            unsafe { if way < 5 { libc::exit(told - 1) } else { libc::_exit(told - 1) } }
        }
        assert_eq!(wait(pid), 0);
    }
    (0..10).for_each(|_| drop(block(MIB)));
    Counted::tell_at_exit();
}

fn a_child_that_nobody_tells_of_leaves_the_profile_alone() {
    for mode in ["full", "sample=1000", "count"] {
        let outcome = Child::new("clones", mode).succeed();
        let dump = are_true(&outcome);
        assert_eq!((dump.process.pid, outcome.stderr().as_str()), (outcome.pid, ""), "{mode}");
        if mode == "full" {
            let figures = figures_of_size(&dump, 20);
            assert_eq!((figures.total_blocks, figures.end_blocks, dump.lost.unknown_frees), (20, 0, 0));
        }
    }
}

/// Has a process that is the first of its namespace, if this one may make one.
fn begins_a_namespace() {
    // SAFETY: it has no preconditions.
    if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    let status = command.env("ALLOC_PROBE_TEST_SCENARIO", "forks::clones_into_another").status();
    tell("namespace", u64::from(!status.expect("it starts").success()));
}

/// The child is the first of a namespace, too.
fn clones_into_another() {
    let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
    drop(block(64));
    // SAFETY: as for `clones`.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } as libc::pid_t;
    if pid == 0 {
        (0..1000).for_each(|_| drop(block(MIB)));
        // SAFETY: no other thread is at its exit handlers.
        unsafe { libc::exit(libc::getpid() - 1) }
    }
    assert_eq!(wait(pid), 0);
    (0..10).for_each(|_| drop(block(MIB)));
    // SAFETY: the process is done.
    unsafe { libc::_exit(1) }
}

fn a_child_with_its_parents_id_leaves_the_profile_alone() {
    let outcome = Child::new("begins_a_namespace", "full").succeed();
    if let [ended] = outcome.all_told("namespace")[..] {
        assert_eq!((ended, outcome.files()), (1, vec!["out.1.json.spool".to_owned(), "out.json".to_owned()]));
        let dump = outcome.spool_named("out.1.json.spool");
        assert_eq!((dump.process.ended, figures_of_size(&dump, 20).total_blocks), (Ended::Killed, 10));
    }
}

fn a_forked_child_leaves_the_profile_alone() {
    for mode in ["full", "sample=1000", "count"] {
        let outcome = Child::new("forks", mode).succeed();
        // The child told first, at its own exit, what it had counted itself; its parent last.
        let dump = are_true(&outcome);
        assert_eq!((dump.process.pid, outcome.stderr().as_str()), (outcome.pid, ""));
        if mode == "full" {
            let figures = figures_of_size(&dump, 20);
            assert_eq!(
                (figures.total_blocks, figures.end_blocks),
                (11, 0),
                "its own, and dropped by the fork's closure"
            );
        }
    }
}

fn asks_in_the_child() {
    let pid = in_child(|| {
        let stats = alloc_probe::stats();
        assert_eq!((stats.total_blocks, stats.mode), (0, Mode::Off));
        assert_eq!(alloc_probe::thread_stats().total_blocks, 0);
        assert!(alloc_probe::start().is_err() && alloc_probe::stop().is_err());
        assert!(alloc_probe::dump("child.json").is_err());
        drop(block(MIB));
        assert_eq!(alloc_probe::mode(), Mode::Off);
    });
    assert_eq!(wait(pid), 0);
    assert_eq!(alloc_probe::mode(), Mode::Full);
    Counted::tell_at_exit();
}

fn a_forked_child_has_no_profile() {
    are_true(&Child::new("asks_in_the_child", "full").succeed());
}

/// At the moment of each fork other threads are anywhere in the probe: starting, growing tables, ending.
fn forks_among_threads() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(|| {
                while !DONE.load(SeqCst) {
                    let work = || {
                        let kept: Vec<Vec<u8>> = (1..300).map(block).collect();
                        drop(black_box(kept));
                    };
                    std::thread::spawn(work).join().expect("it returns");
                }
            })
        })
        .collect();
    for round in 0..200 {
        let pid = in_child(|| {
            (0..100).for_each(|_| drop(block(MIB)));
            if round % 2 == 0 {
                // SAFETY: it has no preconditions.
                unsafe { libc::_exit(0) };
            }
        });
        assert_eq!(wait(pid), 0);
        drop(block(2 * MIB));
    }
    DONE.store(true, SeqCst);
    threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
    Counted::tell_at_exit();
}

fn a_fork_among_busy_threads() {
    for mode in ["full", "count"] {
        let outcome = Child::new("forks_among_threads", mode).succeed();
        are_true_but_for_the_peak(&outcome.dump(), Counted::told(&outcome));
    }
}

/// The parent is killed while its child lives. Its spool is nobody's from then on, whatever the child still has open.
fn dies_before_its_child() {
    // SAFETY: it has no preconditions.
    let parent = unsafe { libc::getpid() };
    in_child(|| {
        // SAFETY: these have no preconditions.
        unsafe {
            while libc::getppid() == parent {
                libc::usleep(1000);
            }
            (0..100).for_each(|_| drop(block(MIB)));
            tell("child", 1);
            // Until the check is done: then its folder is gone, with what this scenario told.
            while libc::access(c"stdout".as_ptr(), libc::F_OK) == 0 {
                libc::usleep(1000);
            }
            libc::_exit(0);
        }
    });
    drop(block(MIB));
    Counted::now().tell();
    // SAFETY: these have no preconditions.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

fn a_fork_that_outlives_its_parent() {
    let parent = Child::new("dies_before_its_child", "full").run();
    while parent.all_told("child").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let dump = parent.spool();
    assert_eq!(of_dump(&dump), Counted::told(&parent));
    // The next process can have the path: the lock went with the parent.
    let next = Child::new("forks", "full").env("ALLOC_PROBE_OUT", &parent.path("out.json").to_string_lossy());
    next.succeed();
    let earlier = format!("out.json.{}.spool", parent.pid);
    assert_eq!(parent.files(), ["out.json", earlier.as_str()]);
}

/// Children that are ended by signals which the probe has taken in their parent.
fn signals_its_children() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGABRT, libc::SIGUSR2] {
        let pid = in_child(|| {
            drop(block(MIB));
            // SAFETY: it has no preconditions.
            unsafe { libc::raise(signal) };
        });
        let status = wait(pid);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == signal, "{signal}: {status:x}");
    }
    Counted::tell_at_exit();
}

fn signals_end_a_forked_child() {
    let outcome = Child::new("signals_its_children", "full").env("ALLOC_PROBE_SIGNAL", "SIGUSR2").succeed();
    assert_eq!(are_true(&outcome).process.pid, outcome.pid);
}

/// At the moment of each fork, other threads hold the locks of scopes, of the registry, of a dump, of a switch of modes.
fn asks_among_threads() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let scope = alloc_probe::Scope::with_sites();
    let work: [fn(&alloc_probe::Scope); 4] = [
        |scope| scope.run(|| drop(block(32))),
        |scope| drop(scope.run(|| alloc_probe::Scope::new().run(|| block(100)))),
        |_| alloc_probe::dump("another.json").expect("a dump"),
        |_| {
            alloc_probe::set_mode(Mode::Count).expect("it was prepared");
            alloc_probe::set_mode(Mode::Full).expect("it was prepared");
        },
    ];
    let threads: Vec<_> = work
        .into_iter()
        .map(|work| {
            let scope = scope.clone();
            std::thread::spawn(move || {
                while !DONE.load(SeqCst) {
                    work(&scope);
                }
            })
        })
        .collect();
    for _ in 0..300 {
        let pid = in_child(|| {
            // What hangs is ended by it.
            // SAFETY: it has no preconditions.
            unsafe { libc::alarm(120) };
            let usage = scope.usage();
            assert!(usage.total_blocks >= usage.live_blocks || usage.lost > 0);
            black_box((scope.clone(), alloc_probe::here(), alloc_probe::stats(), alloc_probe::mode()));
            alloc_probe::mark("child");
            assert!(alloc_probe::dump("child.json").is_err() && alloc_probe::set_mode(Mode::Full).is_err());
            scope.run(|| drop(block(MIB)));
            assert!(scope.usage().lost > 0, "what is done here is in no scope");
            // SAFETY: it has no preconditions.
            unsafe { libc::_exit(0) };
        });
        assert_eq!(wait(pid), 0);
    }
    DONE.store(true, SeqCst);
    threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
    std::fs::remove_file("another.json").expect("the dump");
}

fn a_forked_child_waits_for_nobody() {
    Child::new("asks_among_threads", "full").succeed().dump();
}

/// Two processes that inherit the same output path while this one lives, one after the other: by `posix_spawn`, and by
/// `fork` and `exec`.
fn spawns() {
    for _ in 0..2 {
        for forked in [false, true] {
            let mut command = Command::new(std::env::current_exe().expect("a path"));
            command.env("ALLOC_PROBE_TEST_SCENARIO", "forks::nests");
            if forked {
                // SAFETY: it does nothing.
                unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, || Ok(())) };
            }
            let mut process = command.spawn().expect("it starts");
            tell("spawned", process.id().into());
            assert!(process.wait().expect("a child").success());
        }
    }
    Counted::tell_at_exit();
}

fn nests() {
    (0..10).for_each(|_| drop(block(MIB)));
    // SAFETY: it has no preconditions.
    tell("nested", unsafe { libc::getpid() } as u64);
}

fn processes_with_one_output_path() {
    let outcome = Child::new("spawns", "full").succeed();
    let mut expected = vec!["out.json".to_owned()];
    expected.extend(outcome.all_told("nested").iter().map(|pid| format!("out.{pid}.json")));
    expected.sort();
    assert_eq!((expected.len(), outcome.files()), (5, expected.clone()));
    for name in expected.iter().filter(|name| *name != "out.json") {
        let dump = outcome.dump_named(name);
        assert_eq!(figures_of_size(&dump, 20).total_blocks, 10);
        assert_eq!(*name, format!("out.{}.json", dump.process.pid));
    }
    let dump = outcome.dump_named("out.json");
    assert_eq!((dump.process.pid, of_dump(&dump)), (outcome.pid, Counted::told(&outcome)));
}

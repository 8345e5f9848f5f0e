//! However a process ends, its profile is there: as a dump after a normal end, as its spool after any other. And
//! whatever it allocates before and after `main` is in it.

use crate::support::child::{Child, Outcome, Running};
use crate::support::figures::{agree, are_true, figures_of_size, of_dump};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::{Dump, Ended, Figures};
use std::ffi::CString;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_return_from_main_leaves_a_dump,
        exit_leaves_a_dump,
        the_c_librarys_exit_leaves_a_dump,
        exit_on_another_thread_leaves_a_dump,
        a_panic_leaves_a_dump,
        a_panic_that_aborts_leaves_a_spool,
        an_abort_leaves_a_spool,
        a_stack_overflow_leaves_a_spool,
        a_crash_leaves_a_spool,
        an_immediate_exit_leaves_a_spool,
        a_termination_leaves_a_dump,
        a_termination_at_any_moment_leaves_a_dump,
        a_termination_that_can_write_no_dump_leaves_a_spool,
        a_handler_of_the_programs_own_stays,
        a_signal_that_is_ignored_stays_so,
        a_kill_leaves_a_spool,
        the_oom_killer_leaves_a_spool,
        a_kill_at_any_moment_leaves_a_spool_that_agrees,
        a_kill_while_a_dump_is_written_leaves_a_whole_one,
        an_earlier_spool_is_kept,
        what_happens_before_and_after_main_is_counted,
        every_mode_ends_with_a_dump,
    ],
    scenarios: cases![
        returns,
        exits,
        exits_by_c,
        exits_on_a_thread,
        panics,
        panics_without_unwinding,
        aborts,
        overflows,
        crashes,
        exits_at_once,
        waits,
        waits_with_a_handler,
        kills_itself,
        is_hungry,
        is_busy,
        is_busy_with_threads,
        dumps_again_and_again,
        allocates_after_main,
    ],
};

/// Blocks of 3 MiB, all of which a static constructor allocated: nobody else has blocks as large.
const BEFORE_MAIN: usize = 5;
const BEFORE_MAIN_BUCKET: u8 = 21;

// Where the linker puts what runs before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = before_main;

extern "C" fn before_main() {
    // Only for the scenarios of this file.
    if crate::support::is_scenario_of("ends") {
        for _ in 0..BEFORE_MAIN {
            black_box(Vec::<u8>::with_capacity(3 << 20)).leak();
        }
    }
}

/// Allocates for good and for a time, grows and shrinks, so that all of the figures differ.
#[inline(never)]
fn work() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for round in 1..200 {
        let mut block = vec![1u8; round * 10];
        drop(black_box(vec![0u8; round]));
        block.resize(round * 12, 2);
        kept.push(black_box(block));
        if round % 3 == 0 {
            kept.remove(0);
        }
    }
    black_box(kept.split_off(50)).leak();
}

fn returns() {
    work();
    Counted::tell_at_exit();
}

fn exits() {
    work();
    Counted::tell_at_exit();
    std::process::exit(3);
}

fn exits_by_c() {
    work();
    Counted::tell_at_exit();
    // SAFETY: no other thread does the same.
    unsafe { libc::exit(4) };
}

fn exits_on_a_thread() {
    static WAITS: AtomicBool = AtomicBool::new(false);
    work();
    let _thread = std::thread::spawn(|| {
        while !WAITS.load(SeqCst) {
            std::thread::yield_now();
        }
        work();
        Counted::tell_at_exit();
        std::process::exit(5);
    });
    // The figures are only exact where no other thread is in the middle of something.
    WAITS.store(true, SeqCst);
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn panics() {
    work();
    Counted::tell_at_exit();
    panic!("as told");
}

fn panics_without_unwinding() {
    work();
    std::panic::set_hook(Box::new(|_| Counted::now().tell()));
    extern "C" fn no_unwinding() {
        panic!("as told");
    }
    no_unwinding();
}

fn aborts() {
    work();
    Counted::now().tell();
    std::process::abort();
}

fn overflows() {
    #[allow(unconditional_recursion, reason = "it is what is tested")]
    #[inline(never)]
    fn deeper(number: u64) -> u64 {
        black_box(deeper(black_box(number + 1)) + 1)
    }
    work();
    Counted::now().tell();
    deeper(0);
}

fn crashes() {
    work();
    Counted::now().tell();
    // SAFETY: it is not sound: this is what is tested.
    unsafe { std::ptr::null_mut::<u8>().with_addr(8).write_volatile(1) };
}

/// Sleeps for ever, as a service without work.
fn waits() {
    work();
    Counted::now().tell();
    tell("waits", 1);
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

/// The same with a handler of its own for SIGTERM, set later than the probe's, which it calls: as libraries for
/// signals do. It ends the program with a status of its own.
fn waits_with_a_handler() {
    static PREVIOUS: AtomicUsize = AtomicUsize::new(0);
    static ASKED: AtomicBool = AtomicBool::new(false);
    extern "C" fn on_term(signal: i32) {
        let previous = PREVIOUS.load(SeqCst);
        if previous > libc::SIG_IGN {
            // SAFETY: it is a handler that was set for the signal.
            unsafe { std::mem::transmute::<usize, extern "C" fn(i32)>(previous)(signal) };
        }
        ASKED.store(true, SeqCst);
    }
    // SAFETY: the handler has the type that handlers have.
    let previous = unsafe { libc::signal(libc::SIGTERM, on_term as *const () as usize) };
    PREVIOUS.store(previous, SeqCst);
    tell("chained", u64::from(previous > libc::SIG_IGN));
    tell("waits", 1);
    while !ASKED.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
    work();
    Counted::tell_at_exit();
    std::process::exit(9);
}

fn exits_at_once() {
    work();
    Counted::now().tell();
    // SAFETY: it has no preconditions.
    unsafe { libc::_exit(0) };
}

fn kills_itself() {
    work();
    Counted::now().tell();
    // SAFETY: these have no preconditions.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// Takes all the memory that there is, a mebibyte at a time, and says how much it has.
fn is_hungry() {
    let mut kept = Vec::with_capacity(1 << 10);
    loop {
        kept.push(black_box(vec![1u8; 1 << 20]));
        tell("mebibytes", kept.len() as u64);
    }
}

/// Allocates blocks of 300 bytes for ever, and has 100 of them at a time; nobody else has any of 256 to 511 for long.
fn is_busy() {
    let mut blocks: Vec<Vec<u8>> = (0..100).map(|_| Vec::with_capacity(300)).collect();
    tell("busy", 1);
    for index in 0.. {
        blocks[index % 100] = Vec::new();
        blocks[index % 100] = black_box(Vec::with_capacity(300));
    }
}

/// The same on three threads that also start others.
fn is_busy_with_threads() {
    for _ in 0..3 {
        std::thread::spawn(|| {
            loop {
                std::thread::spawn(work).join().expect("it returns");
            }
        });
    }
    is_busy();
}

/// The same, by functions that call each other, so that there are as many sites as `depth` has paths.
#[inline(never)]
fn allocates_at_sites(depth: usize, kept: &mut Vec<Vec<u8>>) {
    kept.push(black_box(Vec::with_capacity(300)));
    if depth > 0 {
        allocates_at_sites(depth - 1, kept);
        allocates_at_sites(depth - 1, kept);
    }
}

/// Writes dumps for ever, each with a further block of 300 bytes at every site.
fn dumps_again_and_again() {
    // Room enough, so that its own growth is no block of that size.
    let mut kept = Vec::with_capacity(1 << 20);
    loop {
        allocates_at_sites(7, &mut kept);
        alloc_probe::dump("again.json").expect("a dump");
        tell("blocks", kept.len() as u64);
    }
}

/// In a handler of `atexit`: six blocks of 1.5 MiB, of which two are freed.
fn allocates_after_main() {
    extern "C" fn after_main() {
        for round in 0..6 {
            let block = black_box(Vec::<u8>::with_capacity(3 << 19));
            if round < 4 {
                block.leak();
            }
        }
        Counted::now().tell();
    }
    // SAFETY: the function lives as long as the program.
    unsafe { libc::atexit(after_main) };
}

fn a_return_from_main_leaves_a_dump() {
    let outcome = Child::new("returns", "full").succeed();
    let dump = are_true(&outcome);
    assert_eq!((dump.process.ended, dump.process.pid), (Ended::Exit, outcome.pid));
    assert_eq!(outcome.stderr(), "");
}

fn exit_leaves_a_dump() {
    let outcome = Child::new("exits", "full").run();
    assert_eq!(outcome.status.code(), Some(3));
    are_true(&outcome);
}

fn the_c_librarys_exit_leaves_a_dump() {
    let outcome = Child::new("exits_by_c", "full").run();
    assert_eq!(outcome.status.code(), Some(4));
    are_true(&outcome);
}

fn exit_on_another_thread_leaves_a_dump() {
    let outcome = Child::new("exits_on_a_thread", "full").run();
    assert_eq!(outcome.status.code(), Some(5));
    let dump = outcome.dump();
    let truth = Counted::told(&outcome);
    crate::support::figures::are_true_but_for_the_peak(&dump, truth);
}

fn a_panic_leaves_a_dump() {
    let outcome = Child::new("panics", "full").run();
    assert_eq!(outcome.status.code(), Some(101));
    assert_eq!(are_true(&outcome).process.ended, Ended::Exit);
    assert!(outcome.stderr().contains("as told"));
}

/// A signal that the spool names ended the process, or else none that it knows of.
fn spool_is_true(outcome: &Outcome, named: Option<i32>) {
    assert_eq!(outcome.files(), ["out.json.spool"], "{}", outcome.stderr());
    let dump = outcome.spool();
    agree(&dump);
    assert_eq!(of_dump(&dump), Counted::told(outcome));
    let ended = if named.is_some() { Ended::Signal } else { Ended::Killed };
    let process = &dump.process;
    assert_eq!((process.ended, process.signal, process.from_spool), (ended, named, true));
    assert_eq!(process.pid, outcome.pid);
}

fn signal(outcome: &Outcome) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    outcome.status.signal()
}

fn a_panic_that_aborts_leaves_a_spool() {
    let outcome = Child::new("panics_without_unwinding", "full").run();
    assert_eq!(signal(&outcome), Some(libc::SIGABRT));
    spool_is_true(&outcome, Some(libc::SIGABRT));
}

fn an_abort_leaves_a_spool() {
    let outcome = Child::new("aborts", "full").run();
    assert_eq!(signal(&outcome), Some(libc::SIGABRT));
    spool_is_true(&outcome, Some(libc::SIGABRT));
}

/// Rust's own handler says so and aborts: the probe has not come in its way.
fn a_stack_overflow_leaves_a_spool() {
    let outcome = Child::new("overflows", "full").run();
    if cfg!(target_env = "musl") {
        // There, nobody knows how far the main thread's stack may grow.
        assert_eq!(signal(&outcome), Some(libc::SIGSEGV));
        return spool_is_true(&outcome, None);
    }
    assert_eq!(signal(&outcome), Some(libc::SIGABRT));
    assert!(outcome.stderr().contains("has overflowed its stack"), "{}", outcome.stderr());
    spool_is_true(&outcome, Some(libc::SIGABRT));
}

fn a_crash_leaves_a_spool() {
    let outcome = Child::new("crashes", "full").run();
    assert_eq!(signal(&outcome), Some(libc::SIGSEGV));
    spool_is_true(&outcome, None);
}

fn a_termination_leaves_a_dump() {
    for ending in [libc::SIGTERM, libc::SIGINT] {
        for mode in ["full", "sample=1000", "count"] {
            let mut child = Child::new("waits", mode).start();
            child.wait_for("waits");
            child.signal(ending);
            let outcome = child.wait();
            assert_eq!(signal(&outcome), Some(ending), "{}", outcome.stderr());
            let process = are_true(&outcome).process;
            assert_eq!((process.ended, process.signal), (Ended::Signal, Some(ending)));
            assert_eq!((process.from_spool, outcome.stderr().as_str()), (false, ""));
        }
    }
}

/// Whatever the threads are doing, inside `malloc` and the probe for two, the dump is written, and in time. Where the
/// signal comes again meanwhile, as `timeout` has it, that changes nothing.
fn a_termination_at_any_moment_leaves_a_dump() {
    for (round, scenario) in ["is_busy", "is_busy_with_threads"].repeat(10).iter().enumerate() {
        let mut child = Child::new(scenario, "full").start();
        child.wait_for("busy");
        std::thread::sleep(Duration::from_micros(700 * round as u64));
        child.signal(libc::SIGTERM);
        if round % 4 < 2 {
            child.signal(libc::SIGTERM);
        }
        let outcome = child.wait();
        assert_eq!(signal(&outcome), Some(libc::SIGTERM), "{}", outcome.stderr());
        let dump = outcome.dump();
        assert_eq!(dump.process.signal, Some(libc::SIGTERM));
        let blocks = figures_of_size(&dump, 8).end_blocks;
        assert!((99..=101).contains(&blocks), "{blocks}");
    }
}

/// A folder takes the dump's place.
fn a_termination_that_can_write_no_dump_leaves_a_spool() {
    let mut child = Child::new("waits", "full").start();
    child.wait_for("waits");
    std::fs::create_dir(child.folder().join("out.json")).expect("a folder");
    child.signal(libc::SIGTERM);
    let outcome = child.wait();
    assert_eq!(signal(&outcome), Some(libc::SIGTERM));
    assert_eq!(outcome.files(), ["out.json", "out.json.spool"]);
    let complaints = outcome.complaints();
    assert!(complaints.len() == 1 && complaints[0].contains("stays in the file"), "{complaints:?}");
    let dump = outcome.spool();
    assert_eq!(of_dump(&dump), Counted::told(&outcome));
    assert_eq!((dump.process.ended, dump.process.signal), (Ended::Signal, Some(libc::SIGTERM)));
}

fn a_handler_of_the_programs_own_stays() {
    let mut child = Child::new("waits_with_a_handler", "full").start();
    child.wait_for("waits");
    child.signal(libc::SIGTERM);
    let outcome = child.wait();
    assert_eq!(outcome.status.code(), Some(9), "{}", outcome.status);
    assert_eq!(outcome.told("chained"), 1, "it has found the probe's handler and calls it");
    assert_eq!(are_true(&outcome).process.ended, Ended::Exit);
}

/// As by `nohup`.
fn a_signal_that_is_ignored_stays_so() {
    let ignore = || {
        // SAFETY: it has no preconditions.
        unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: it makes one system call.
    let mut child = unsafe { Child::new("waits", "full").before(ignore) }.start();
    child.wait_for("waits");
    child.signal(libc::SIGTERM);
    child.signal(libc::SIGINT);
    assert_eq!(signal(&child.wait()), Some(libc::SIGINT));
}

fn an_immediate_exit_leaves_a_spool() {
    let outcome = Child::new("exits_at_once", "full").run();
    assert_eq!(outcome.status.code(), Some(0));
    spool_is_true(&outcome, None);
}

fn a_kill_leaves_a_spool() {
    let outcome = Child::new("kills_itself", "full").run();
    assert_eq!(signal(&outcome), Some(libc::SIGKILL));
    spool_is_true(&outcome, None);
}

/// A group of processes that may have so much memory, as long as this lives.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// None where groups can't be made, as by any user but root.
    fn new(bytes: u64) -> Option<MemoryGroup> {
        let name = format!("alloc-probe-test-{}", std::process::id());
        let versions = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        versions.into_iter().find_map(|(root, limit)| {
            let group = MemoryGroup(Path::new(root).join(&name));
            std::fs::create_dir(&group.0).ok()?;
            // Not made by the write: a group without that file has no limits.
            let mut file = std::fs::OpenOptions::new().write(true).open(group.0.join(limit)).ok()?;
            std::io::Write::write_all(&mut file, bytes.to_string().as_bytes()).ok()?;
            // Where there is any, it would be filled first.
            let _ = std::fs::write(group.0.join("memory.swap.max"), "0");
            Some(group)
        })
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[allow(clippy::print_stdout, reason = "says that it was skipped")]
fn the_oom_killer_leaves_a_spool() {
    const MIB: u64 = 1 << 20;
    let Some(group) = MemoryGroup::new(48 * MIB) else {
        println!("the_oom_killer_leaves_a_spool: skipped, as no group with less memory can be made here");
        return;
    };
    let processes = CString::new(group.0.join("cgroup.procs").into_os_string().into_encoded_bytes());
    let processes = processes.expect("no zero in it");
    let join = move || {
        // SAFETY: the path is a C string, and `0` is the process that writes it.
        let written = unsafe {
            let file = libc::open(processes.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            libc::write(file, c"0".as_ptr().cast(), 1)
        };
        if written == 1 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: it makes two system calls.
    let outcome = unsafe { Child::new("is_hungry", "full").before(join) }.run();
    assert_eq!(signal(&outcome), Some(libc::SIGKILL), "{}", outcome.stderr());
    assert_eq!(outcome.files(), ["out.json.spool"]);
    let dump = outcome.spool();
    let told = outcome.told("mebibytes");
    assert!(told > 10, "{told}");
    // The block that it was killed in is recorded, or is not.
    let blocks = figures_of_size(&dump, 20);
    assert!((told..=told + 1).contains(&blocks.end_blocks), "{told} {blocks:?}");
    assert_eq!(blocks.end_bytes, blocks.end_blocks * MIB);
    assert_eq!((dump.process.ended, dump.failures.count), (Ended::Killed, 0));
}

/// Where a thread was in the middle of an event, its figures may be half an event apart.
fn a_kill_at_any_moment_leaves_a_spool_that_agrees() {
    for pause in [0, 1, 3, 10, 30] {
        let mut child = Child::new("is_busy", "full").start();
        child.wait_for("busy");
        std::thread::sleep(Duration::from_millis(pause));
        let dump = child.kill().spool();
        let Figures { total_blocks, total_bytes, end_blocks, end_bytes, .. } = figures_of_size(&dump, 8);
        assert!(total_blocks >= 100, "{total_blocks}");
        assert!(total_bytes.abs_diff(total_blocks * 300) <= 300, "{total_bytes} of {total_blocks}");
        assert!((99..=101).contains(&end_blocks), "{end_blocks}");
        assert!(end_bytes.abs_diff(100 * 300) <= 600, "{end_bytes}");
        let sum =
            |figure: fn(&Figures) -> u64| dump.sites.iter().map(|site| figure(&site.figures)).sum::<u64>();
        let counted: u64 = dump.threads.iter().map(|thread| thread.total_blocks).sum();
        assert!(sum(|figures| figures.total_blocks).abs_diff(counted) <= 1, "{counted}");
    }
}

/// Whatever was being written when a process was killed, under its name there is the dump before or the whole one.
fn a_kill_while_a_dump_is_written_leaves_a_whole_one() {
    const KILLS: u32 = 100;
    let (mut begun, mut at_sites) = (0, 0);
    for number in 0..KILLS {
        let mut child = Child::new("dumps_again_and_again", "full").start();
        child.wait_for("blocks");
        // Half of them at any moment, the others while they write.
        if number % 2 == 0 {
            std::thread::sleep(Duration::from_micros(u64::from(number) * 173));
        } else {
            stop_while_it_writes(&child);
        }
        let outcome = child.kill();
        let told = outcome.all_told("blocks");
        // A round is as many blocks as the first has.
        let (first, last) = (told[0], told[told.len() - 1]);
        for dump in [outcome.dump_named("again.json"), outcome.spool_named("out.json.spool")] {
            let Figures { total_blocks, total_bytes, .. } = figures_of_size(&dump, 8);
            let is_spool = dump.process.ended == Ended::Killed;
            let most = last + if is_spool { 2 * first } else { first };
            assert!((last..=most).contains(&total_blocks), "{total_blocks} blocks, of {last} told");
            assert!(is_spool || total_blocks % first == 0, "{total_blocks} blocks, in rounds of {first}");
            assert!(total_bytes.abs_diff(total_blocks * 300) <= 300, "{total_bytes} of {total_blocks}");
            at_sites = dump.sites.len();
        }
        let left = outcome.files();
        let parts = left.iter().filter(|name| name.ends_with(".part")).count();
        assert!(parts <= 1 && left.len() == 2 + parts, "{left:?}");
        begun += parts;
    }
    assert!(at_sites > 100, "{at_sites}");
    assert!(begun >= KILLS as usize / 2, "{begun} of {KILLS} were killed in the middle of writing");
}

/// Stops the process at a moment when a part of a dump is there.
fn stop_while_it_writes(child: &Running) {
    let writes = || {
        let names = std::fs::read_dir(child.folder()).expect("its folder").flatten();
        names.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(".part"))
    };
    let state = format!("/proc/{}/stat", child.pid());
    loop {
        if writes() {
            child.signal(libc::SIGSTOP);
            // The signal is there before it has stopped.
            while !std::fs::read_to_string(&state).expect("it runs").contains(") T ") {
                std::thread::yield_now();
            }
            if writes() {
                return;
            }
            child.signal(libc::SIGCONT);
        }
    }
}

/// The spool of a process that was killed is not overwritten by the next one.
fn an_earlier_spool_is_kept() {
    let killed = Child::new("kills_itself", "full").run();
    let spool = std::fs::read(killed.path("out.json.spool")).expect("the spool");
    let next = Child::new("returns", "full");
    std::fs::write(next.folder().join("out.json.spool"), &spool).expect("a copy");
    let next = next.succeed();
    let kept = format!("out.json.{}.spool", killed.pid);
    assert_eq!(next.files(), ["out.json", kept.as_str()]);
    assert_eq!(std::fs::read(next.path(&kept)).expect("the earlier spool"), spool);
    let dump = next.dump_named("out.json");
    assert_eq!(of_dump(&dump), Counted::told(&next));
}

fn what_happens_before_and_after_main_is_counted() {
    let outcome = Child::new("allocates_after_main", "full").succeed();
    let dump: Dump = are_true(&outcome);
    let before = figures_of_size(&dump, BEFORE_MAIN_BUCKET);
    assert_eq!((before.total_blocks, before.end_blocks), (BEFORE_MAIN as u64, BEFORE_MAIN as u64));
    let after = figures_of_size(&dump, 20);
    assert_eq!((after.total_blocks, after.end_blocks, after.total_bytes), (6, 4, 6 * (3 << 19)));
}

fn every_mode_ends_with_a_dump() {
    for mode in ["count", "sample=1000", "full"] {
        let dump = are_true(&Child::new("returns", mode).succeed());
        assert_eq!(dump.sites.is_empty(), mode == "count");
    }
    let off = Child::new("returns", "off").succeed();
    assert_eq!(off.files(), [""; 0]);
    let silent = Child::new("returns", "full").without("ALLOC_PROBE_OUT").succeed();
    assert_eq!(silent.files(), [""; 0]);
}

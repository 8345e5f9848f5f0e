//! Where there is no room for the profile, the program goes on as if there were: same output, same status, no signal.
//! One line says what is the matter, and the dump, if there is room for one, says what is missing.

use crate::support::child::{Child, Outcome};
use crate::support::figures::{are_true, of_dump};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::{Dump, HeapBasis, SitePages};
use std::hint::black_box;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_folder_that_is_not_there,
        a_folder_where_nothing_can_be_made,
        a_path_that_is_too_long,
        limits_on_files_below_what_a_profile_takes,
        limits_on_files_that_the_profile_reaches,
        a_full_file_system,
        a_program_that_closes_every_descriptor,
        a_limit_on_the_address_space,
        a_limit_on_the_profile,
        scopes_on_threads_without_a_place,
        a_dump_takes_little_memory,
    ],
    scenarios: cases![dumps_many_sites, opens_scopes, works, works_with_much_memory, works_as_a_daemon],
};

/// Enough stacks and blocks for every section to grow, some of which is freed again.
fn work() {
    // Two functions, so that every path of calls is a stack of its own.
    #[inline(never)]
    fn left(path: usize, depth: u32, kept: &mut Vec<Vec<u8>>) -> usize {
        descend(path, depth, kept) + 1
    }
    #[inline(never)]
    fn right(path: usize, depth: u32, kept: &mut Vec<Vec<u8>>) -> usize {
        descend(path, depth, kept) + 2
    }
    #[inline(never)]
    fn descend(path: usize, depth: u32, kept: &mut Vec<Vec<u8>>) -> usize {
        if depth == 0 {
            kept.push(black_box(vec![1; 10 + path % 60]));
            return black_box(vec![1u8; 100]).len();
        }
        let further = if path >> (depth - 1) & 1 == 0 { left } else { right };
        black_box(further)(path, depth - 1, kept)
    }
    let mut kept = Vec::new();
    for path in 0..1 << 14 {
        descend(path, 14, &mut kept);
    }
    assert!(kept.iter().enumerate().all(|(path, block)| block.len() == 10 + path % 60 && block[0] == 1));
    kept.truncate(100);
    black_box(kept).leak();
    tell("result", 42);
}

fn works() {
    work();
    Counted::tell_at_exit();
    std::process::exit(7);
}

/// Closes what it has not opened, and opens files of its own, which are nobody else's to write to.
fn works_as_a_daemon() {
    // SAFETY: whatever is closed, nothing in this process owns it but the probe.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    let mut files: Vec<_> =
        (0..10).map(|index| std::fs::File::create_new(format!("own.{index}")).expect("a file")).collect();
    files.iter_mut().for_each(|file| std::io::Write::write_all(file, b"its own").expect("it is written"));
    work();
    Counted::tell_at_exit();
}

/// The program itself needs most of the address space that it may have.
fn works_with_much_memory() {
    let mut large = vec![0u8; LARGE];
    large.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    work();
    assert_eq!(large.iter().step_by(4096).map(|&byte| usize::from(byte)).sum::<usize>(), LARGE / 4096);
    Counted::tell_at_exit();
    std::process::exit(7);
}

const LARGE: usize = 256 << 20;

/// The program's own result is what it is without the probe, and all that the probe has to say are clear lines.
fn result_is_right(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.status.code(), Some(7), "{}: {}", outcome.status, outcome.stderr());
    assert_eq!(outcome.told("result"), 42);
    let complaints = outcome.complaints();
    assert_eq!(outcome.stderr().lines().count(), complaints.len(), "{}", outcome.stderr());
    complaints
}

#[track_caller]
fn says(complaint: &str, parts: [&str; 3]) {
    assert!(parts.iter().all(|part| complaint.contains(part)), "{complaint}");
}

/// One line at the start, while it can still be put right, and one at the end.
fn nothing_can_be_written(path: &str, reason: &str) {
    let outcome = Child::new("works", "full").env("ALLOC_PROBE_OUT", path).run();
    let complaints = result_is_right(&outcome);
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    says(&complaints[0], ["cannot write", reason, "kept in memory only"]);
    says(&complaints[1], ["cannot write", reason, "is lost"]);
    assert_eq!(outcome.files(), [""; 0]);
}

fn a_folder_that_is_not_there() {
    nothing_can_be_written("missing/out.json", "No such file or directory");
}

fn a_folder_where_nothing_can_be_made() {
    // Not even by root.
    nothing_can_be_written("/proc/self/out.json", "No such file or directory");
}

fn a_path_that_is_too_long() {
    let reason = if cfg!(target_env = "musl") { "Filename too long" } else { "File name too long" };
    nothing_can_be_written(&"long/".repeat(1000), reason);
}

/// A file that could hold no more than a start is not even begun.
fn limits_on_files_below_what_a_profile_takes() {
    for kib in [16, 64, 300, 1023] {
        let outcome = Child::new("works", "full").limit(libc::RLIMIT_FSIZE, kib << 10).run();
        let complaints = result_is_right(&outcome);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        says(&complaints[0], ["out.json.spool`", "File too large", "kept in memory only"]);
        says(&complaints[1], ["out.json`", "File too large", "is lost"]);
        assert_eq!(outcome.files(), [""; 0]);
    }
}

/// What has room is right, and what has not is said.
fn limits_on_files_that_the_profile_reaches() {
    // The spool of the whole is some 7 MB, its dump some 4.6 MB.
    for kib in [1024, 1400, 3000, 5000] {
        let outcome = Child::new("works", "full").limit(libc::RLIMIT_FSIZE, kib << 10).run();
        let complaints = result_is_right(&outcome);
        says(
            &complaints[0],
            ["out.json.spool`", "File too large", "what no longer fits is missing from the profile"],
        );
        if outcome.files() == ["out.json"] {
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            is_honest(&outcome.dump(), Counted::told(&outcome));
        } else {
            assert_eq!(complaints.len(), 2, "{complaints:?}");
            says(&complaints[1], ["out.json`", "File too large", "stays in the file"]);
            assert_eq!(outcome.files(), ["out.json.spool"]);
            is_honest(&outcome.spool(), Counted::told(&outcome));
        }
    }
}

/// Whatever is not in the figures is said to be missing.
fn is_honest(dump: &Dump, truth: Counted) {
    let (found, lost) = (of_dump(dump), &dump.lost);
    assert!(!lost.notes.is_empty() || lost.blocks > 0, "{lost:?}");
    assert_eq!(found.total_blocks + lost.blocks, truth.total_blocks, "{found:?} {lost:?}");
    assert_eq!(found.total_bytes + lost.bytes, truth.total_bytes, "{found:?} {lost:?}");
    assert!(
        found.live_bytes <= truth.live_bytes && found.live_blocks <= truth.live_blocks,
        "{found:?} {truth:?}"
    );
}

/// A file system of 3 MiB, mounted for the child alone.
#[allow(clippy::print_stdout, reason = "says that it was skipped")]
fn a_full_file_system() {
    let child = Child::new("works", "full");
    let folder = child.folder().join("small");
    std::fs::create_dir(&folder).expect("a folder");
    let folder = std::ffi::CString::new(folder.to_str().expect("UTF-8")).expect("no zero in it");
    let mount = move || {
        // SAFETY: the names are C strings; the namespaces are the child's own, so nobody else sees the mount.
        let status = unsafe {
            let root = libc::geteuid() == 0;
            libc::unshare(libc::CLONE_NEWNS | if root { 0 } else { libc::CLONE_NEWUSER })
                | libc::mount(
                    c"none".as_ptr(),
                    c"/".as_ptr(),
                    std::ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    std::ptr::null(),
                )
                | libc::mount(
                    c"none".as_ptr(),
                    folder.as_ptr(),
                    c"tmpfs".as_ptr(),
                    0,
                    c"size=3m".as_ptr().cast(),
                )
        };
        if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: system calls alone.
    let child = unsafe { child.before(mount) }.env("ALLOC_PROBE_OUT", "small/out.json");
    let Some(running) = child.try_start() else {
        println!("a_full_file_system: skipped, as nothing can be mounted here");
        return;
    };
    let complaints = result_is_right(&running.wait());
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    says(
        &complaints[0],
        ["out.json.spool`", "No space left on device", "what no longer fits is missing from the profile"],
    );
    says(&complaints[1], ["out.json`", "No space left on device", "stays in the file"]);
}

/// As daemons do. The probe's file is opened anew, or known to be gone; the program's own are left alone.
fn a_program_that_closes_every_descriptor() {
    for path in ["out.json", ""] {
        let outcome = Child::new("works_as_a_daemon", "full").env("ALLOC_PROBE_OUT", path).succeed();
        assert_eq!(outcome.complaints(), [""; 0]);
        for index in 0..10 {
            let own = std::fs::read(outcome.path(&format!("own.{index}"))).expect("the program's file");
            assert_eq!(own, b"its own");
        }
        if !path.is_empty() {
            let dump = outcome.dump_named(path);
            assert_eq!(of_dump(&dump), Counted::told(&outcome));
        }
    }
}

/// What the probe reserves for itself leaves the program's to the program.
fn a_limit_on_the_address_space() {
    for mib in [400, 1000] {
        for mode in ["count", "full"] {
            let limited = |child: Child| child.limit(libc::RLIMIT_AS, mib << 20).run();
            let outcome = limited(Child::new("works_with_much_memory", mode));
            let complaints = result_is_right(&outcome);
            if complaints.is_empty() {
                are_true(&outcome);
            } else {
                is_honest(&outcome.dump(), Counted::told(&outcome));
            }
            let outcome = limited(Child::new("works_with_much_memory", mode).without("ALLOC_PROBE_OUT"));
            result_is_right(&outcome);
        }
    }
}

/// As much as was asked for and no more, in a file and without one.
fn a_limit_on_the_profile() {
    for (asked, mib) in [("1MiB", 1), ("2048KiB", 2), ("4MiB", 4)] {
        let limited = || Child::new("works", "full").env("ALLOC_PROBE_MEMORY", asked);
        let outcome = limited().run();
        let complaints = result_is_right(&outcome);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        says(&complaints[0], ["its limit of memory", "what no longer fits", "is missing from the profile"]);
        let dump = outcome.dump();
        is_honest(&dump, Counted::told(&outcome));
        assert!(dump.probe.spool_bytes <= mib << 20, "{asked}: {:?}", dump.probe);
        assert!(dump.probe.spool_bytes > (mib << 20) * 3 / 4, "{asked}: {:?}", dump.probe);
        assert_eq!(result_is_right(&limited().without("ALLOC_PROBE_OUT").run()), complaints);
    }
    let enough = Child::new("works", "full").env("ALLOC_PROBE_MEMORY", "1GiB").run();
    assert_eq!(result_is_right(&enough), [""; 0]);
    are_true(&enough);
}

/// Keeps a block from each of as many stacks as a tree of so many levels has branches.
#[inline(never)]
fn calls_itself_from_two_places(levels: usize, kept: &mut Vec<Vec<usize>>) {
    kept.push(black_box(vec![levels]));
    if levels > 0 {
        calls_itself_from_two_places(levels - 1, kept);
        calls_itself_from_two_places(levels - 1, kept);
    }
}

/// Threads enter and leave a scope for which there is no place in the spool. It stays open, and what follows is another's.
fn opens_scopes() {
    const THREADS: usize = 1000;
    // Tables of blocks grow in leaps, and leave what is too little for the next; stacks then take the rest, bit by bit.
    // Once refused, the probe doesn't ask for a tenth of a second: so stacks are asked for until they were refused, too.
    let kept: Vec<Vec<usize>> = (0..30_000).map(|number| vec![number]).collect();
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(150));
        calls_itself_from_two_places(15, &mut Vec::new());
    }
    let scope = alloc_probe::Scope::new();
    let (entered, over) = (std::sync::Barrier::new(THREADS + 1), std::sync::Barrier::new(THREADS + 1));
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            let run = || {
                entered.wait();
                scope.run(|| ());
                over.wait();
            };
            std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(threads, run).expect("a thread");
        }
        entered.wait();
        over.wait();
    });
    let other = alloc_probe::Scope::new();
    let block = other.run(|| black_box(vec![7u8; 12_345]));
    let usage = scope.usage();
    tell("foreign", usage.live_bytes);
    tell("lost", usage.lost);
    tell("own", other.usage().live_bytes);
    drop((block, kept));
    Counted::tell_at_exit();
}

fn scopes_on_threads_without_a_place() {
    let outcome = Child::new("opens_scopes", "full").env("ALLOC_PROBE_MEMORY", "1MiB").succeed();
    assert_eq!((outcome.told("foreign"), outcome.told("own")), (0, 12_345));
    assert!(outcome.told("lost") > 0, "what some of the threads did could not be counted");
}

/// How much more memory the process has for a moment as it writes a dump.
fn memory_of_a_dump() -> u64 {
    let kib = |name: &str| {
        let status = std::fs::read_to_string("/proc/self/status").expect("the status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line").to_owned();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    // What was the most so far is forgotten.
    std::fs::write("/proc/self/clear_refs", "5").expect("it is the process's own");
    let before = kib("VmRSS");
    alloc_probe::dump("another.json").expect("a dump");
    (kib("VmHWM") - before) << 10
}

/// Each of the sites has a live block.
fn dumps_many_sites() {
    let mut kept = Vec::new();
    calls_itself_from_two_places(16, &mut kept);
    tell("sites", kept.len() as u64);
    tell("memory", memory_of_a_dump());
    drop(kept);
    Counted::tell_at_exit();
}

/// A process that is short of memory has to be able to say why.
fn a_dump_takes_little_memory() {
    let outcome = Child::new("dumps_many_sites", "full").succeed();
    let [memory, sites] = ["memory", "sites"].map(|name| outcome.told(name));
    assert!(sites > 130_000);
    // The spool's pages that nobody had looked at are among it.
    assert!(memory < 6 << 20, "{memory} bytes for {sites} sites");
    let dump = outcome.dump_named("another.json");
    assert!(dump.sites.len() as u64 > sites / 2);
    // Though they are told of in parts, they are the heap's.
    let heap = dump.memory.heap.as_ref().expect("an account");
    let sum = |of: fn(&SitePages) -> u64| dump.sites.iter().map(|site| of(&site.pages)).sum::<u64>();
    assert_eq!(sum(|pages| pages.slack_bytes), heap.slack_bytes);
    assert_eq!(sum(|pages| pages.untouched_bytes), heap.untouched_bytes);
    let fragmented = sum(|pages| pages.fragmented_bytes);
    assert!(fragmented > 0 && fragmented <= heap.fragmented_bytes, "{fragmented} of {heap:?}");
    let with_any = dump.sites.iter().filter(|site| site.pages.slack_bytes > 0).count() as u64;
    // Of another allocator's blocks, it is not known what was added to them.
    let is_known = heap.basis == HeapBasis::Chunks;
    assert_eq!(with_any > sites / 2, is_known, "{with_any} sites have blocks that were rounded up");
}

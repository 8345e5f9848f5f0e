//! A program with several threads, killed with SIGKILL at random moments: its spool is read each time, and holds all
//! but the events that were under way, one a thread at the most.
//!
//! What each thread has done, the program notes itself, in a file that it maps: before and after each event. Eight
//! kills by default; `ALLOC_PROBE_TORTURE=200` has as many as it says.

use crate::support::child::Child;
use crate::support::figures::{count, sites_of_size};
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::{Dump, Ended, Figures, Thread};
use std::fs::File;
use std::hint::black_box;
use std::os::fd::AsRawFd as _;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![whatever_the_moment_of_a_kill_nothing_is_missing],
    scenarios: cases![is_tortured],
};

const WORKERS: usize = 4;

/// Threads that may be in the middle of something: the workers, the one that starts brief threads, and such a one.
const THREADS: u64 = WORKERS as u64 + 2;

/// Blocks that a brief thread allocates: nothing else happens on it.
const BRIEF_BLOCKS: u64 = 10;

/// Each worker's blocks are of a size of its own, that nobody else has: 12 KiB times a power of two.
const fn size(worker: usize) -> usize {
    (3 << 12) << worker
}

/// The bucket of that size.
const fn bucket(worker: usize) -> u8 {
    13 + worker as u8
}

/// What a thread notes of itself.
#[derive(Debug)]
#[repr(C, align(64))]
struct Marks {
    /// Allocations that have begun, and those that are over; before the first, what the thread had had before.
    allocating: AtomicU64,
    allocated: AtomicU64,
    freeing: AtomicU64,
    freed: AtomicU64,
    /// What the thread had allocated and freed before the first event that is noted.
    blocks_before: AtomicU64,
    freed_before: AtomicU64,
}

/// The workers' marks, and last those of the thread that starts brief threads.
type AllMarks = [Marks; WORKERS + 1];

fn map(file: &File) -> &'static AllMarks {
    // SAFETY: the file is that long, and atomic words may be anything.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let length = size_of::<AllMarks>();
        let at = libc::mmap(null_mut(), length, access, libc::MAP_SHARED, file.as_raw_fd(), 0);
        assert_ne!(at, libc::MAP_FAILED);
        &*at.cast()
    }
}

/// Blocks that workers take from each other: each frees what others allocated.
static SHARED: [AtomicPtr<Block>; 64] = [const { AtomicPtr::new(null_mut()) }; 64];

/// A block of any size, with its size at its start.
type Block = usize;

fn layout(size: usize) -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(size, 8).expect("a layout")
}

fn is_tortured() {
    let file =
        File::options().read(true).write(true).create(true).truncate(false).open("marks").expect("a file");
    file.set_len(size_of::<AllMarks>() as u64).expect("it has room");
    let marks = map(&file);
    let run = [work::<0>, work::<1>, work::<2>, work::<3>];
    for (worker, run) in run.into_iter().enumerate() {
        let start = move || run(&marks[worker]);
        std::thread::Builder::new().name(format!("worker-{worker}")).spawn(start).expect("a thread");
    }
    while marks[..WORKERS].iter().any(|marks| marks.allocated.load(SeqCst) == 0) {
        std::thread::yield_now();
    }
    tell("busy", 1);
    start_brief_threads(&marks[WORKERS]);
}

fn work<const WORKER: usize>(marks: &Marks) {
    let before = alloc_probe::thread_stats();
    marks.blocks_before.store(before.total_blocks, SeqCst);
    marks.freed_before.store(before.freed_blocks, SeqCst);
    for path in 0.. {
        descend::<WORKER>(path, 13, marks);
    }
}

// Two functions, so that every path of calls is a stack of its own: the tree and the tables grow all the time.
#[inline(never)]
fn left<const WORKER: usize>(path: usize, depth: u32, marks: &Marks) -> usize {
    descend::<WORKER>(path, depth, marks) + 1
}

#[inline(never)]
fn right<const WORKER: usize>(path: usize, depth: u32, marks: &Marks) -> usize {
    descend::<WORKER>(path, depth, marks) + 2
}

#[inline(never)]
fn descend<const WORKER: usize>(path: usize, depth: u32, marks: &Marks) -> usize {
    if depth == 0 {
        return exchange::<WORKER>(path, marks);
    }
    let further = if path >> (depth - 1) & 1 == 0 { left::<WORKER> } else { right::<WORKER> };
    black_box(further)(path, depth - 1, marks)
}

/// Allocates a block, which somebody else may free, and frees one that somebody has allocated.
#[inline(never)]
fn exchange<const WORKER: usize>(path: usize, marks: &Marks) -> usize {
    marks.allocating.fetch_add(1, SeqCst);
    // SAFETY: the size is not zero.
    let new = unsafe { std::alloc::alloc(layout(size(WORKER))) }.cast::<Block>();
    marks.allocated.fetch_add(1, SeqCst);
    // SAFETY: the block is long enough, and this thread's alone until it is shared.
    unsafe { new.write(size(WORKER)) };
    let old = SHARED[path.wrapping_mul(7) % SHARED.len()].swap(new, SeqCst);
    if !old.is_null() {
        // SAFETY: whoever swapped it out is its only owner; its size stands at its start.
        unsafe {
            let size = old.read();
            marks.freeing.fetch_add(1, SeqCst);
            std::alloc::dealloc(old.cast(), layout(size));
            marks.freed.fetch_add(1, SeqCst);
        }
    }
    path
}

/// For ever, one after the other: threads of the C library's on which nothing allocates but the test.
fn start_brief_threads(marks: &Marks) {
    extern "C" fn brief(_: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the name is a C string.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"brief".as_ptr()) };
        for size in 1..=BRIEF_BLOCKS as usize {
            // SAFETY: the size is not zero, and the block is freed once.
            unsafe { std::alloc::dealloc(black_box(std::alloc::alloc(layout(size))), layout(size)) };
        }
        null_mut()
    }
    loop {
        marks.allocating.fetch_add(1, SeqCst);
        let mut thread = std::mem::MaybeUninit::uninit();
        // SAFETY: the function has the type that a thread's has, and the thread is waited for.
        unsafe {
            assert_eq!(libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), brief, null_mut()), 0);
            libc::pthread_join(thread.assume_init(), null_mut());
        }
        marks.allocated.fetch_add(1, SeqCst);
    }
}

fn whatever_the_moment_of_a_kill_nothing_is_missing() {
    let times = std::env::var("ALLOC_PROBE_TORTURE").ok().map_or(8, |times| times.parse().expect("a number"));
    // Where random moments would be the same each time, more of them would show no more.
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_nanos();
    let mut random = seed as u64 | 1;
    for time in 0..times {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let pause = Duration::from_micros((random >> 40) % 40_000);
        let mut child = Child::new("is_tortured", "full").start();
        child.wait_for("busy");
        std::thread::sleep(pause);
        let outcome = child.kill();
        assert_eq!(outcome.files(), ["marks", "out.json.spool"], "{}", outcome.stderr());
        let marks = map(&File::options().read(true).write(true).open(outcome.path("marks")).expect("marks"));
        let faults = faults(&outcome.spool(), marks);
        assert!(faults.is_empty(), "kill {time}, after {pause:?}: {faults:#?}\n{marks:?}");
    }
}

/// What is missing in a dump, or too much.
fn faults(dump: &Dump, marks: &AllMarks) -> Vec<String> {
    let mut faults = Vec::new();
    let mut within = |what: String, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            faults.push(format!("{what} is {value}, not {least} to {most}"));
        }
    };
    let lost = &dump.lost;
    within("lost".into(), lost.blocks + lost.unknown_frees + lost.truncated_stacks, 0, 0);
    within("the way it ended".into(), u64::from(dump.process.ended == Ended::Killed), 1, 1);

    // Each thread against its own marks.
    for (worker, marks) in marks[..WORKERS].iter().enumerate() {
        let name = format!("worker-{worker}");
        let Some(thread) = dump.threads.iter().find(|thread| thread.name == name) else {
            within(name, 0, 1, 1);
            continue;
        };
        let at = |mark: &AtomicU64, before: &AtomicU64| mark.load(SeqCst) + before.load(SeqCst);
        let (least, most) =
            (at(&marks.allocated, &marks.blocks_before), at(&marks.allocating, &marks.blocks_before));
        within(format!("{name}: in flight"), most - least, 0, 1);
        within(format!("{name}: blocks"), thread.total_blocks, least, most);
        let (least, most) = (at(&marks.freed, &marks.freed_before), at(&marks.freeing, &marks.freed_before));
        within(format!("{name}: freed blocks"), thread.freed_blocks, least, most);
        // And what the sites have of its blocks.
        let mut sum = Figures::default();
        let sites = sites_of_size(dump, bucket(worker));
        sites.iter().for_each(|site| sum.add(&site.figures));
        let (least, most) = (marks.allocated.load(SeqCst), marks.allocating.load(SeqCst));
        within(format!("{name}: blocks of sites"), sum.total_blocks, least, most);
        let size = size(worker) as u64;
        within(format!("{name}: bytes of sites"), sum.total_bytes, least * size, most * size);
        // The number of different stacks: as many as paths, and those of a new depth are none.
        within(format!("{name}: sites"), sites.len() as u64, 1.min(least), most.min(1 << 13));
    }

    // Brief threads: every one that is over is whole.
    let brief = |alive: bool| {
        dump.threads.iter().filter(move |thread| thread.name == "brief" && thread.tid.is_some() == alive)
    };
    let (least, most) = (marks[WORKERS].allocated.load(SeqCst), marks[WORKERS].allocating.load(SeqCst));
    let sum = |figure: fn(&Thread) -> u64| brief(false).map(figure).sum::<u64>();
    let ended = sum(|thread| thread.threads);
    within("brief threads that ended".into(), ended, least, most);
    within(
        "their blocks".into(),
        sum(|thread| thread.total_blocks),
        ended * BRIEF_BLOCKS,
        ended * BRIEF_BLOCKS,
    );
    within(
        "their freed blocks".into(),
        sum(|thread| thread.freed_blocks),
        ended * BRIEF_BLOCKS,
        ended * BRIEF_BLOCKS,
    );
    within("brief threads alive".into(), brief(true).count() as u64, 0, 1);

    // The sites add up to the threads, but for an event each.
    let of_threads = |figure: fn(&Thread) -> u64| dump.threads.iter().map(figure).sum::<u64>();
    let (total, freed) = (of_threads(|thread| thread.total_blocks), of_threads(|thread| thread.freed_blocks));
    let near = |value: u64| (value.saturating_sub(THREADS), value + THREADS);
    let (least, most) = near(total);
    within("blocks of all sites".into(), dump.totals.total_blocks, least, most);
    let (least, most) = near(total - freed);
    within("live blocks of all sites".into(), dump.totals.end_blocks, least, most);
    let live_in_tables: u64 = dump.sites.iter().map(|site| count(&site.ages)).sum();
    within("live blocks in the tables".into(), live_in_tables, least, most);
    let nowhere =
        dump.sites.iter().filter(|site| site.stack == 0).map(|site| site.figures.total_blocks).sum();
    within("blocks of no site".into(), nowhere, 0, THREADS);
    faults
}

//! What was resident at the process's peak: the memory that was live then, and touched, though it was so for a moment.

use crate::support::child::Child;
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::{Dump, HeapBasis, PeakMemory};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_spike_is_resident_when_it_falls,
        a_spike_of_small_blocks_is_resident_when_it_falls,
        a_spike_among_threads_is_resident_when_it_falls,
        what_is_freed_by_another_thread_was_resident,
        of_several_peaks_the_highest_counts,
        a_heap_that_only_grows_is_read_at_the_end,
        memory_that_is_touched_later_counts,
        what_was_never_touched_is_not_resident,
        a_killed_process_keeps_its_reading,
        a_small_heap_has_no_reading_that_is_not_its_own,
        what_a_dump_takes_is_not_the_programs,
        the_account_of_a_busy_process_is_whole,
        stacks_of_running_threads_are_stacks,
        of_a_sampled_run_it_is_known_what_is_free_and_what_was_never_touched,
        what_was_given_up_is_a_line_of_its_own,
        huge_pages_are_beside_the_resident_memory,
    ],
    scenarios: cases![
        spike,
        small_blocks,
        among_threads,
        hands_over,
        three,
        grows,
        touches_later,
        reserves,
        falls,
        tiny,
        has_many_blocks,
        goes_on,
        go_deep_and_run,
        keeps_frees_and_reserves,
        gives_up,
        takes_huge_pages
    ],
};

/// What a spike has.
const BYTES: usize = 100 << 20;

const MODES: [&str; 3] = ["full", "sample", "count"];

/// A block whose pages have all been touched, while nothing else was allocated: there was no sample of the timeline.
fn touched(bytes: usize) -> Vec<u8> {
    black_box(vec![1u8; bytes])
}

fn spike() {
    drop(touched(BYTES));
    // As long as one likes, nothing near the peak follows.
    (0..10_000).for_each(|_| drop(black_box(Box::new(1))));
}

/// The reading of the peak, of which at least 15/16 were live.
#[track_caller]
fn at_peak(dump: &Dump) -> PeakMemory {
    let peak = dump.memory.at_peak.unwrap_or_else(|| panic!("no reading: {:?}", dump.memory));
    let (live, most) = (peak.live_bytes, dump.totals.peak_bytes);
    assert!(live >= most - most / 16 && live <= most + most / 16, "{live} of {most}: {peak:?}");
    assert!(peak.shared_bytes < peak.resident_bytes && peak.spool_bytes <= peak.shared_bytes, "{peak:?}");
    assert!(peak.time_ns <= dump.process.duration_ns && peak.threads >= 1, "{peak:?}");
    peak
}

/// Fails where less was resident than was touched, or a lot more: what the program has besides, and the probe.
#[track_caller]
fn is_resident(dump: &Dump, touched: usize) {
    let peak = at_peak(dump);
    let own = peak.resident_bytes.saturating_sub(peak.shared_bytes);
    assert!(own >= touched as u64, "{touched} bytes were touched: {peak:?}");
    assert!(own < (touched + touched / 8 + (16 << 20)) as u64, "{touched} bytes were touched: {peak:?}");
}

fn a_spike_is_resident_when_it_falls() {
    for mode in MODES {
        is_resident(&Child::new("spike", mode).succeed().dump(), BYTES);
    }
}

fn small_blocks() {
    drop((0..BYTES / 1000).map(|_| touched(1000)).collect::<Vec<_>>());
    (0..10_000).for_each(|_| drop(black_box(Box::new(1))));
}

fn a_spike_of_small_blocks_is_resident_when_it_falls() {
    for mode in MODES {
        is_resident(&Child::new("small_blocks", mode).succeed().dump(), BYTES);
    }
}

/// Runs something on a thread while three others have allocated and wait.
fn with_others(f: impl FnOnce() + Send + 'static) {
    let barrier = Arc::new(Barrier::new(4));
    let others: Vec<_> = (0..3)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || {
                let kept = touched(100);
                barrier.wait();
                barrier.wait();
                drop(kept);
            })
        })
        .collect();
    barrier.wait();
    std::thread::spawn(f).join().expect("it returns");
    barrier.wait();
    others.into_iter().for_each(|thread| thread.join().expect("it returns"));
}

fn among_threads() {
    with_others(spike);
}

fn a_spike_among_threads_is_resident_when_it_falls() {
    for mode in MODES {
        let dump = Child::new("among_threads", mode).succeed().dump();
        is_resident(&dump, BYTES);
        assert_eq!(at_peak(&dump).threads, 5, "{mode}: with the main thread");
    }
}

fn hands_over() {
    with_others(|| {
        let (send, receive) = std::sync::mpsc::channel::<Vec<u8>>();
        let other = std::thread::spawn(move || receive.into_iter().for_each(drop));
        // One block after the other is freed by a thread that has allocated none of them, when all are there.
        let blocks: Vec<_> = (0..BYTES >> 20).map(|_| touched(1 << 20)).collect();
        blocks.into_iter().for_each(|block| send.send(block).expect("it receives"));
        drop(send);
        other.join().expect("it returns");
    });
}

fn what_is_freed_by_another_thread_was_resident() {
    for mode in MODES {
        is_resident(&Child::new("hands_over", mode).succeed().dump(), BYTES);
    }
}

fn three() {
    for part in [2, 1, 2] {
        drop(touched(BYTES / part));
    }
}

fn of_several_peaks_the_highest_counts() {
    for mode in MODES {
        is_resident(&Child::new("three", mode).succeed().dump(), BYTES);
    }
}

fn grows() {
    for _ in 0..100 {
        touched(BYTES / 100).leak();
    }
}

fn a_heap_that_only_grows_is_read_at_the_end() {
    for mode in MODES {
        is_resident(&Child::new("grows", mode).succeed().dump(), BYTES);
    }
}

/// The first fall comes before anything was touched, and the peak goes on.
fn touches_later() {
    let mut block = black_box(vec![0u8; BYTES]);
    drop(black_box(Box::new(1)));
    block.chunks_mut(4096).for_each(|page| page[0] = 1);
    // Takes a sample of the timeline, as time would.
    alloc_probe::dump("another.json").expect("a dump");
    drop(black_box(block));
    std::fs::remove_file("another.json").expect("the dump");
}

fn memory_that_is_touched_later_counts() {
    for mode in MODES {
        is_resident(&Child::new("touches_later", mode).succeed().dump(), BYTES);
    }
}

fn reserves() {
    drop(black_box(vec![0u8; BYTES]));
}

fn what_was_never_touched_is_not_resident() {
    for mode in MODES {
        let peak = at_peak(&Child::new("reserves", mode).succeed().dump());
        assert!(peak.resident_bytes < BYTES as u64 / 2, "{mode}: {peak:?}");
    }
}

fn falls() {
    drop(touched(BYTES));
    tell("fallen", 1);
    loop {
        std::thread::park();
    }
}

fn a_killed_process_keeps_its_reading() {
    for mode in MODES {
        let mut running = Child::new("falls", mode).start();
        running.wait_for("fallen");
        is_resident(&running.kill().spool(), BYTES);
    }
}

fn tiny() {
    drop(touched(30_000));
}

/// It may be that a sample of the timeline was taken there, or none.
fn a_small_heap_has_no_reading_that_is_not_its_own() {
    for mode in MODES {
        let dump = Child::new("tiny", mode).succeed().dump();
        if dump.memory.at_peak.is_some() {
            at_peak(&dump);
        }
    }
}

/// Dumps that are taken while the threads go on.
const DUMPS: usize = 25;

/// Threads replace blocks of all sizes at random places, keep some, grow long lists, and start and end others.
fn goes_on() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let work = |seed: u64| {
        let (mut random, mut kept, mut list, mut slots) = (seed, Vec::new(), Vec::new(), Vec::new());
        let mut next = move |below: u64| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (random >> 33) % below
        };
        for round in 0u64.. {
            let bytes = 16 + next(3000) as usize * if next(50) == 0 { 100 } else { 1 };
            let block = touched(bytes);
            if slots.len() < 500 {
                slots.push(block)
            } else {
                slots[next(500) as usize] = block
            }
            list.push(round);
            if next(20) == 0 && kept.len() < 50_000 {
                kept.push(touched(256));
            }
            if round % 64 == 0 {
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            if DONE.load(SeqCst) {
                break;
            }
        }
    };
    let threads: Vec<_> = (1..4).map(|seed| std::thread::spawn(move || work(seed))).collect();
    for number in 0..DUMPS {
        alloc_probe::dump(format!("{number}.json")).expect("a dump");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    DONE.store(true, SeqCst);
    threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
}

fn the_account_of_a_busy_process_is_whole() {
    let outcome = Child::new("goes_on", "full").succeed();
    for number in 0..DUMPS {
        let dump = outcome.dump_named(&format!("{number}.json"));
        let memory = &dump.memory;
        let heap = memory.heap.as_ref().expect("mode full");
        let slack: u64 = dump.sites.iter().map(|site| site.pages.slack_bytes).sum();
        assert_eq!(slack, heap.slack_bytes, "{number}");
        let all: u64 = memory.categories.iter().map(|category| category.bytes).sum();
        assert_eq!(all, memory.rss_bytes, "{number}");
        if cfg!(target_env = "musl") {
            // A block beside a thread's stack is in one mapping with it there, and counts as memory of another kind.
            continue;
        }
        assert!(
            memory.unknown.is_empty() && heap.unknown_bytes == 0,
            "{number}: {:?} {heap:?}",
            memory.unknown
        );
        // There is no C code but the C library's own.
        assert!(heap.other_bytes < 64 << 10, "{number}: {heap:?}");
        let category = |name: &str| {
            memory
                .categories
                .iter()
                .filter(|category| category.name == name)
                .map(|category| category.bytes)
                .sum::<u64>()
        };
        // Beside the heap, there is what a thread has of its own.
        let anonymous = category("heap") + category("anonymous");
        let beside = anonymous.abs_diff(heap.resident_bytes);
        assert!(beside < memory.rss_bytes / 33 + (256 << 10), "{number}: {anonymous}, but {heap:?}");
    }
}

fn has_many_blocks() {
    let kept: Vec<Vec<u8>> = (0..300_000).map(|_| touched(256)).collect();
    (1..3).for_each(|number| alloc_probe::dump(format!("{number}.json")).expect("a dump"));
    black_box(kept);
}

/// While a dump of many blocks is written, it takes a tenth of what they take.
fn what_a_dump_takes_is_not_the_programs() {
    let outcome = Child::new("has_many_blocks", "full").succeed();
    for number in 1..3 {
        let dump = outcome.dump_named(&format!("{number}.json"));
        let (peak, now) = (at_peak(&dump).resident_bytes, dump.memory.rss_bytes);
        assert!(peak <= now + now / 32, "{number}: {peak} at the peak, which is now, of {now} bytes");
    }
}

const DEEP: usize = 1 << 20;
const RUNNING: usize = 3;

/// Touches as much of the stack.
#[inline(never)]
fn go_deep() {
    let mut room = [0u8; DEEP];
    black_box(&mut room).fill(1);
}

/// The threads are in no system call while the dump is written, unless by the way: they only look at a word.
fn go_deep_and_run() {
    let (barrier, done) = (Arc::new(Barrier::new(RUNNING + 1)), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = (0..RUNNING)
        .map(|_| {
            let (barrier, done) = (Arc::clone(&barrier), Arc::clone(&done));
            let work = move || {
                drop(touched(100));
                go_deep();
                barrier.wait();
                while !done.load(SeqCst) {
                    std::hint::spin_loop();
                }
            };
            std::thread::Builder::new().stack_size(4 * DEEP).spawn(work).expect("a thread")
        })
        .collect();
    barrier.wait();
    // Those that wait at the barrier have been woken, but may not be on their way yet.
    std::thread::sleep(std::time::Duration::from_millis(20));
    alloc_probe::dump("running.json").expect("a dump");
    done.store(true, SeqCst);
    threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
}

fn stacks_of_running_threads_are_stacks() {
    for mode in MODES {
        let dump = Child::new("go_deep_and_run", mode).succeed().dump_named("running.json");
        let category = |name: &str| {
            let of_name = dump.memory.categories.iter().filter(|category| category.name == name);
            of_name.map(|category| category.bytes).sum::<u64>()
        };
        let stacks = category("stacks");
        assert!(stacks >= (RUNNING * DEEP) as u64, "{mode}: {:?}", dump.memory.categories);
        let of_threads: u64 = dump.threads.iter().map(|thread| thread.stack_bytes).sum();
        // They are measured later, when the thread that writes the dump may be deeper.
        assert!(stacks + (64 << 10) >= of_threads, "{mode}: {of_threads} in {:?}", dump.memory.categories);
        assert!(category("anonymous") < DEEP as u64, "{mode}: {:?}", dump.memory.categories);
    }
}

const RESERVED: usize = 64 << 20;
const KEPT: usize = 16 << 20;
const FREED: usize = 24 << 20;

/// Reserves large blocks, keeps small ones, and frees others that lie between two that stay.
fn keeps_frees_and_reserves() {
    const SIZE: usize = 1000;
    let small = |bytes: usize| (0..bytes / SIZE).map(|_| touched(SIZE)).collect::<Vec<_>>();
    let reserved: Vec<_> = (0..8).map(|_| black_box(vec![0u8; RESERVED / 8])).collect();
    let kept = small(KEPT);
    let freed = small(FREED);
    let last = touched(SIZE);
    drop(freed);
    std::mem::forget((reserved, kept, last));
}

fn of_a_sampled_run_it_is_known_what_is_free_and_what_was_never_touched() {
    for mode in ["sample", "sample=64KiB"] {
        let dump = Child::new("keeps_frees_and_reserves", mode).succeed().dump();
        if cfg!(target_env = "musl") {
            // musl tells nothing of what is free.
            assert!(dump.memory.heap.is_none());
            continue;
        }
        let heap = dump.memory.heap.as_ref().expect("glibc tells what is free");
        assert_eq!(heap.basis, HeapBasis::Samples);
        let parts = [
            heap.live_bytes,
            heap.slack_bytes,
            heap.fragmented_bytes,
            heap.retained_bytes,
            heap.other_bytes,
            heap.metadata_bytes,
            heap.unknown_bytes,
        ];
        assert_eq!(parts.iter().sum::<u64>(), heap.resident_bytes, "{mode}: {heap:?}");
        for (figure, truth) in
            [(heap.untouched_bytes, RESERVED), (heap.live_bytes, KEPT), (heap.retained_bytes, FREED)]
        {
            let truth = truth as u64;
            assert!(figure.abs_diff(truth) <= truth / 10, "{mode}: {figure} for {truth} in {heap:?}");
        }
        // Rounding, and the program's own start.
        assert!(heap.other_bytes < KEPT as u64 / 10, "{mode}: {heap:?}");
        assert_eq!(dump.totals.end_bytes, heap.live_bytes + heap.untouched_bytes + heap.swapped_bytes);
    }
}

const GIVEN_UP: usize = 32 << 20;

fn map(bytes: usize, flags: i32) -> Option<*mut u8> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    // SAFETY: a new mapping at a place of the kernel's choice touches nothing that exists.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
    (memory != libc::MAP_FAILED).then_some(memory.cast())
}

fn gives_up() {
    drop(touched(1));
    let memory = map(GIVEN_UP, 0).expect("memory");
    // SAFETY: the mapping was just made, and is that long.
    unsafe {
        memory.write_bytes(7, GIVEN_UP);
        assert_eq!(libc::madvise(memory.cast(), GIVEN_UP, libc::MADV_FREE), 0);
    }
}

fn what_was_given_up_is_a_line_of_its_own() {
    let dump = Child::new("gives_up", "full").succeed().dump();
    let category = |name: &str| {
        let of_name = dump.memory.categories.iter().filter(|category| category.name == name);
        of_name.map(|category| category.bytes).sum::<u64>()
    };
    let all: u64 = dump.memory.categories.iter().map(|category| category.bytes).sum();
    assert_eq!(all, dump.memory.rss_bytes);
    // The kernel may have taken some by now.
    let (given_up, other) = (category("reclaimable"), category("anonymous"));
    assert!(given_up <= GIVEN_UP as u64 && other < 4 << 20, "{:?}", dump.memory.categories);
    assert!(given_up > GIVEN_UP as u64 / 2 || dump.memory.rss_bytes < GIVEN_UP as u64, "{:?}", dump.memory);
}

fn takes_huge_pages() {
    drop(touched(1));
    const HUGE: usize = 2 << 20;
    let memory = map(HUGE, libc::MAP_HUGETLB);
    if let Some(memory) = memory {
        // SAFETY: the mapping was just made, and is that long.
        unsafe { memory.write_bytes(7, HUGE) };
    }
    tell("huge", if memory.is_some() { HUGE as u64 } else { 0 });
}

/// Where the system has reserved any.
fn huge_pages_are_beside_the_resident_memory() {
    let outcome = Child::new("takes_huge_pages", "full").succeed();
    assert_eq!(outcome.dump().memory.huge_bytes, outcome.told("huge"));
}

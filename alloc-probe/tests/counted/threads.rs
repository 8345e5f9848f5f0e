//! Threads of every kind: what they allocate is counted from their first instruction to their last destructor, and
//! what the probe keeps for them follows the number of those alive, not of those that ever were.

use crate::support::child::Child;
use crate::support::figures::{are_true_but_for_the_peak, figures_of_size, sites_of_size};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::Dump;
use std::cell::RefCell;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_frame_that_threads_add_at_once_is_one,
        destructors_of_thread_locals_are_counted,
        destructors_of_pthread_keys_are_counted,
        threads_that_rust_did_not_make_are_counted,
        threads_that_only_free_are_counted,
        ten_thousand_threads_take_the_memory_of_a_few,
        a_thousand_threads_at_once_give_memory_back,
        a_dump_is_written_while_threads_run,
        an_allocation_does_not_wait_for_the_dynamic_linker,
        figures_never_go_back_while_threads_end,
        a_new_thread_may_have_the_slot_of_one_with_another_stack,
        what_the_probe_keeps_for_many_threads_is_its_own,
    ],
    scenarios: cases![
        add_the_same_stacks,
        thread_locals,
        pthread_keys,
        c_threads,
        consumers,
        many_threads,
        threads_at_once,
        busy_threads,
        linker_is_locked,
        figures_while_threads_end,
        stacks_come_and_go,
        wait_at_once,
    ],
};

/// Goes inward by one of two ways at each level, as the bits of the path say, and allocates there.
#[inline(never)]
fn goes_inward(path: u32, levels: u32) {
    match (levels, path & 1) {
        (0, _) => drop(black_box(vec![path])),
        (_, 0) => goes_inward(path >> 1, levels - 1),
        _ => goes_inward(path >> 1, levels - 1),
    }
    black_box(levels);
}

/// Four threads come to each of four thousand stacks at the same time.
fn add_the_same_stacks() {
    const THREADS: u32 = 4;
    static ARRIVED: AtomicU32 = AtomicU32::new(0);
    let adds = || {
        for path in 0..4096 {
            ARRIVED.fetch_add(1, SeqCst);
            while ARRIVED.load(SeqCst) < (path + 1) * THREADS {
                thread::yield_now();
            }
            goes_inward(path, 12);
        }
    };
    thread::scope(|threads| (0..THREADS).for_each(|_| _ = threads.spawn(adds)));
}

fn a_frame_that_threads_add_at_once_is_one() {
    let dump = Child::new("add_the_same_stacks", "full").succeed().dump();
    assert!(dump.stacks.len() > 4096, "{}", dump.stacks.len());
    let mut rows: Vec<_> =
        dump.stacks[1..].iter().map(|row| (row.parent, row.image, row.address, row.kind as u8)).collect();
    rows.sort_unstable();
    let twins = rows.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert_eq!(twins, 0, "of {} rows, so many are the same as another", rows.len());
    let sites = dump.sites.iter().filter(|site| site.figures.total_blocks >= 4).count();
    assert!(sites >= 4096, "{sites} sites have a block of each thread");
}

/// The dump of a scenario that told the truth at its end, when it had one thread again.
fn true_dump(scenario: &str, mode: &str) -> Dump {
    let outcome = Child::new(scenario, mode).succeed();
    let dump = outcome.dump();
    are_true_but_for_the_peak(&dump, Counted::told(&outcome));
    let alive = dump.threads.iter().filter(|thread| thread.tid.is_some()).count();
    assert_eq!(alive, 1, "{:?}", dump.threads);
    dump
}

/// A block of a size that tells where it is from.
#[inline(never)]
fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

const MIB: usize = 1 << 20;

fn thread_locals() {
    struct Noisy;
    impl Drop for Noisy {
        fn drop(&mut self) {
            drop(block(MIB));
            block(MIB).leak();
        }
    }
    thread_local!(static NOISY: RefCell<Vec<Noisy>> = const { RefCell::new(Vec::new()) });
    for _ in 0..50 {
        let thread = thread::spawn(|| NOISY.with(|noisy| noisy.borrow_mut().push(Noisy)));
        thread.join().expect("it returns");
    }
    Counted::tell_at_exit();
}

fn destructors_of_thread_locals_are_counted() {
    for mode in ["full", "count"] {
        let dump = true_dump("thread_locals", mode);
        if mode == "full" {
            let figures = figures_of_size(&dump, 20);
            assert_eq!((figures.total_blocks, figures.end_blocks), (100, 50));
        }
    }
}

/// Destructors that allocate in each of the first three rounds of the four that there are, of a key made after the
/// probe's.
fn pthread_keys() {
    static KEY: AtomicU32 = AtomicU32::new(0);
    unsafe extern "C" fn destroy(value: *mut c_void) {
        drop(block(MIB));
        block(MIB).leak();
        let rounds = value as usize - 1;
        if rounds > 0 {
            // SAFETY: the key exists, and its values are only numbers.
            unsafe { libc::pthread_setspecific(KEY.load(SeqCst), rounds as *const c_void) };
        }
    }
    let mut key = 0;
    // SAFETY: the key is a valid place, and the destructor has its type.
    assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(destroy)) }, 0);
    KEY.store(key, SeqCst);
    for thread in 0..60 {
        let rounds = 1 + thread % 3;
        let run = move || {
            // SAFETY: as above.
            unsafe { libc::pthread_setspecific(KEY.load(SeqCst), rounds as *const c_void) };
        };
        thread::spawn(run).join().expect("it returns");
    }
    Counted::tell_at_exit();
}

fn destructors_of_pthread_keys_are_counted() {
    for mode in ["full", "count"] {
        let dump = true_dump("pthread_keys", mode);
        if mode == "full" {
            let figures = figures_of_size(&dump, 20);
            let rounds = 20 * (1 + 2 + 3);
            assert_eq!((figures.total_blocks, figures.end_blocks), (2 * rounds, rounds));
        }
    }
}

extern "C" fn c_thread(_: *mut c_void) -> *mut c_void {
    // SAFETY: the name is a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"from C".as_ptr()) };
    for _ in 0..100 {
        drop(block(MIB));
    }
    block(MIB).leak();
    null_mut()
}

fn c_threads() {
    for _ in 0..20 {
        let mut thread = std::mem::MaybeUninit::uninit();
        // SAFETY: the thread is joined once, and both functions get valid places.
        unsafe {
            assert_eq!(
                libc::pthread_create(
                    thread.as_mut_ptr(),
                    null_mut::<libc::pthread_attr_t>(),
                    c_thread,
                    null_mut()
                ),
                0
            );
            assert_eq!(libc::pthread_join(thread.assume_init(), null_mut()), 0);
        }
    }
    Counted::tell_at_exit();
}

fn threads_that_rust_did_not_make_are_counted() {
    let dump = true_dump("c_threads", "full");
    let thread = dump.threads.iter().find(|thread| thread.name == "from C").expect("a row of its name");
    assert_eq!((thread.threads, thread.total_blocks, thread.freed_blocks), (20, 20 * 101, 20 * 100));
    assert_eq!((thread.peak_bytes, thread.peak_blocks), (MIB as u64, 1), "the largest of theirs");
    assert_eq!(sites_of_size(&dump, 20).len(), 2, "one stack for each of the calls, whichever thread it is");
}

/// Blocks that threads free which themselves allocate none before: theirs is the end, not the site.
fn consumers() {
    for _ in 0..4 {
        let (sender, receiver) = mpsc::channel::<Vec<u8>>();
        let (done, wait) = mpsc::channel::<()>();
        let consumer = thread::spawn(move || {
            receiver.into_iter().for_each(drop);
            drop(done);
        });
        for _ in 0..500 {
            sender.send(block(MIB)).expect("it listens");
        }
        drop(sender);
        assert!(wait.recv().is_err());
        consumer.join().expect("it returns");
    }
    Counted::tell_at_exit();
}

fn threads_that_only_free_are_counted() {
    let dump = true_dump("consumers", "full");
    let figures = figures_of_size(&dump, 20);
    assert_eq!((figures.total_blocks, figures.end_blocks, figures.end_bytes), (2000, 0, 0));
}

const MANY: u64 = 10_000;

fn many_threads() {
    for _ in 0..MANY / 50 {
        let work = || {
            let blocks: Vec<Vec<u8>> = (0..10).map(|_| block(3000)).collect();
            drop(black_box(blocks));
        };
        let threads: Vec<_> = (0..50)
            .map(|_| thread::Builder::new().name("worker".into()).spawn(work).expect("a thread"))
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
    }
    Counted::tell_at_exit();
}

fn ten_thousand_threads_take_the_memory_of_a_few() {
    let dump = true_dump("many_threads", "full");
    let worker = dump.threads.iter().find(|thread| thread.name == "worker").expect("a row of their name");
    assert_eq!(worker.threads, MANY);
    assert!(dump.threads.len() <= 3, "{:?}", dump.threads);
    let figures = figures_of_size(&dump, 11);
    assert_eq!((figures.total_blocks, figures.end_blocks), (10 * MANY, 0));
    assert_eq!(sites_of_size(&dump, 11).len(), 1);
    // Some 50 threads at once: a small part of what 10,000 would take, at a page each for the least of their parts.
    let used = dump.probe.spool_bytes + dump.probe.private_bytes;
    assert!(used < 20 * MIB as u64, "{:?}", dump.probe);
}

const AT_ONCE: u64 = 1000;

/// Each keeps a stack that is deep enough to take some pages.
fn threads_at_once() {
    #[inline(never)]
    fn descend(depth: usize) -> usize {
        if depth == 0 {
            return black_box(block(3000)).len();
        }
        descend(black_box(depth) - 1) + 1
    }
    let barrier = std::sync::Barrier::new(AT_ONCE as usize + 1);
    thread::scope(|scope| {
        let work = || {
            descend(200);
            barrier.wait();
            barrier.wait();
        };
        let small = || thread::Builder::new().stack_size(256 << 10);
        let threads: Vec<_> =
            (0..AT_ONCE).map(|_| small().spawn_scoped(scope, work).expect("a thread")).collect();
        barrier.wait();
        alloc_probe::dump("at_once.json").expect("a dump");
        barrier.wait();
        threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
    });
    Counted::tell_at_exit();
}

fn a_thousand_threads_at_once_give_memory_back() {
    let outcome = Child::new("threads_at_once", "full").succeed();
    let [at_once, after] = ["at_once.json", "out.json"].map(|name| outcome.dump_named(name).probe);
    are_true_but_for_the_peak(&outcome.dump_named("out.json"), Counted::told(&outcome));
    // A cached stack of 200 frames takes three pages.
    let given_back = at_once.private_bytes.saturating_sub(after.private_bytes);
    assert!(given_back > (AT_ONCE - 100) * 2 * 4096, "{at_once:?} {after:?}");
}

fn busy_threads() {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    for seed in 0..8usize {
        thread::spawn(move || {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            for round in seed.. {
                kept.push(vec![0; 1 + round % 9000]);
                if kept.len() > 100 {
                    kept.swap_remove(round % 100);
                }
                if round == seed + 1000 {
                    STARTED.fetch_add(1, SeqCst);
                }
            }
        });
    }
    while STARTED.load(SeqCst) < 8 {
        thread::yield_now();
    }
    tell("total_blocks", Counted::now().total_blocks);
}

/// The figures of threads in the middle of something are those of a moment ago; but there is a dump, and it is whole.
fn a_dump_is_written_while_threads_run() {
    for mode in ["full", "sample=1000", "count"] {
        for _ in 0..5 {
            let outcome = Child::new("busy_threads", mode).succeed();
            let dump = outcome.dump();
            assert!(dump.totals.total_blocks >= outcome.told("total_blocks") - 9, "{:?}", dump.totals);
            assert_eq!(dump.threads.iter().filter(|thread| thread.tid.is_some()).count(), 9);
            assert!(dump.totals.end_bytes < 9 * 101 * 9000 + MIB as u64, "{:?}", dump.totals);
        }
    }
}

/// A callback of `dl_iterate_phdr` holds the lock that `dlopen` takes, as do constructors of what is being loaded.
fn linker_is_locked() {
    unsafe extern "C" fn locked(_: *mut libc::dl_phdr_info, _: libc::size_t, _: *mut c_void) -> libc::c_int {
        let allocate = || {
            let start = std::time::Instant::now();
            // For as long as it takes until the probe looks after its clock, and often enough on a busy machine.
            let mut blocks = 0;
            while start.elapsed().as_millis() < 250 || blocks < 20_000 {
                drop(block(MIB));
                blocks += 1;
            }
        };
        thread::spawn(allocate).join().expect("it returns");
        1
    }
    // SAFETY: the callback has the type that is asked for.
    unsafe { libc::dl_iterate_phdr(Some(locked), null_mut()) };
    Counted::tell_at_exit();
}

fn an_allocation_does_not_wait_for_the_dynamic_linker() {
    for mode in ["full", "sample=1000", "count"] {
        let dump = true_dump("linker_is_locked", mode);
        // One at the end, and one or more meanwhile: on a busy machine a dear sample puts off the next.
        assert!(dump.timeline.samples.len() >= 2, "the probe was busy meanwhile: {:?}", dump.timeline);
    }
}

/// Threads come and go while one asks for the totals.
fn figures_while_threads_end() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let asking = thread::spawn(|| {
        let (mut before, mut asked) = (alloc_probe::stats(), 0u64);
        while !DONE.load(SeqCst) {
            let now = alloc_probe::stats();
            let figures = [
                (before.total_bytes, now.total_bytes),
                (before.total_blocks, now.total_blocks),
                (before.freed_bytes, now.freed_bytes),
                (before.freed_blocks, now.freed_blocks),
            ];
            for (before, now) in figures {
                // All that ever was is some 100 MB: twice that is something counted twice.
                assert!(before <= now && now < 200 << 20, "{before} became {now}");
            }
            (before, asked) = (now, asked + 1);
        }
        asked
    });
    for _ in 0..3000 {
        thread::spawn(|| drop(block(30_000))).join().expect("it returns");
    }
    DONE.store(true, SeqCst);
    tell("asked", asking.join().expect("no figure went back"));
}

fn figures_never_go_back_while_threads_end() {
    for mode in ["full", "count"] {
        let outcome = Child::new("figures_while_threads_end", mode).succeed();
        assert!(outcome.told("asked") > 100, "{}", outcome.told("asked"));
    }
}

/// A thread with a large stack, all over which it calls the same function, and after it one with a small stack at the
/// lower end of the same memory, above which is nothing any more. Some frames of the second lie where some of the
/// first's did; with another length of the stack each time, some exactly so.
fn stacks_come_and_go() {
    static DEEP: AtomicU64 = AtomicU64::new(0);
    #[inline(never)]
    fn descend(depth: u64) -> u64 {
        let local = black_box([depth; 4]);
        if depth == 0 { block(MIB).capacity() as u64 } else { descend(depth - 1) + black_box(local)[3] }
    }
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        black_box(descend(DEEP.load(SeqCst)));
        null_mut()
    }
    const LARGE: usize = 512 << 10;
    const SMALL: usize = 256 << 10;
    for round in 0..STACKS {
        // SAFETY: the threads have ended before their stacks are unmapped, and nobody else knows of these mappings.
        unsafe {
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let stack = libc::mmap(null_mut(), LARGE, access, kind, -1, 0);
            assert_ne!(stack, libc::MAP_FAILED);
            for (size, depth) in [(LARGE, 1500), (SMALL - 64 * round, 40)] {
                DEEP.store(depth, SeqCst);
                let mut attributes = std::mem::MaybeUninit::uninit();
                let mut thread = std::mem::MaybeUninit::uninit();
                assert_eq!(libc::pthread_attr_init(attributes.as_mut_ptr()), 0);
                assert_eq!(libc::pthread_attr_setstack(attributes.as_mut_ptr(), stack, size), 0);
                assert_eq!(
                    libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, null_mut()),
                    0
                );
                assert_eq!(libc::pthread_join(thread.assume_init(), null_mut()), 0);
                assert_eq!(libc::pthread_attr_destroy(attributes.as_mut_ptr()), 0);
                if size == LARGE {
                    assert_eq!(libc::munmap(stack.byte_add(SMALL), LARGE - SMALL), 0);
                }
            }
            assert_eq!(libc::munmap(stack, SMALL), 0);
        }
    }
    Counted::tell_at_exit();
}

const STACKS: usize = 40;

fn a_new_thread_may_have_the_slot_of_one_with_another_stack() {
    let dump = true_dump("stacks_come_and_go", "full");
    // One stack of the deep threads, which is cut, and one of the others.
    let blocks: Vec<u64> = sites_of_size(&dump, 20).iter().map(|site| site.figures.total_blocks).collect();
    assert_eq!(blocks, [STACKS as u64; 2]);
    assert_eq!(dump.lost.truncated_stacks, STACKS as u64);
}

/// So many threads at once that each has ranges of the probe's memory.
const MANY_AT_ONCE: usize = 900;

fn wait_at_once() {
    let (ready, over) =
        (std::sync::Barrier::new(MANY_AT_ONCE + 1), std::sync::Barrier::new(MANY_AT_ONCE + 1));
    thread::scope(|threads| {
        for _ in 0..MANY_AT_ONCE {
            let run = || {
                drop(black_box(vec![1u8; 100]));
                ready.wait();
                over.wait();
            };
            thread::Builder::new().stack_size(64 << 10).spawn_scoped(threads, run).expect("a thread");
        }
        ready.wait();
        alloc_probe::dump("at_once.json").expect("a dump");
        over.wait();
    });
}

/// Of the mappings without a file and without live blocks, there is little that isn't the probe's.
fn what_the_probe_keeps_for_many_threads_is_its_own() {
    let dump = Child::new("wait_at_once", "full").succeed().dump_named("at_once.json");
    let category = |name: &str| {
        dump.memory
            .categories
            .iter()
            .filter(|category| category.name == name)
            .map(|category| category.bytes)
            .sum::<u64>()
    };
    // Each thread has two pages and more of its own.
    assert!(category("probe") > (MANY_AT_ONCE * 8192) as u64, "{:?}", dump.memory.categories);
    let heap = dump.memory.heap.as_ref().expect("mode full");
    let beside = category("anonymous").saturating_sub(heap.resident_bytes);
    assert!(beside < 3 * MIB as u64, "{beside}: {:?} {heap:?}", dump.memory.categories);
}

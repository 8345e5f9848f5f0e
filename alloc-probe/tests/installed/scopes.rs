//! Scopes count what is theirs, exactly, while everything else in the process goes on: these tests run side by side.

use alloc_probe::{Scope, Usage, measure};
use alloc_probe_format::dump::{Dump, Mode};
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

/// A block of so many bytes.
fn block(bytes: usize) -> Vec<u8> {
    black_box(vec![1u8; bytes])
}

#[test]
fn every_figure_is_counted() {
    let (kept, usage) = measure(|| {
        let mut grown = Vec::<u8>::with_capacity(100);
        grown.extend_from_slice(&[0; 100]);
        grown.reserve_exact(200); // The block of 100 bytes ends, one of 300 begins.
        drop(block(1000)); // Temporary.
        drop(black_box(grown));
        block(50)
    });
    assert_eq!(kept.len(), 50);
    let figures = (usage.allocations, usage.reallocs, usage.frees);
    assert_eq!(figures, (3, 1, 2));
    assert_eq!((usage.total_bytes, usage.total_blocks), (100 + 300 + 1000 + 50, 4));
    assert_eq!((usage.peak_bytes, usage.peak_blocks), (1300, 2));
    assert_eq!((usage.live_bytes, usage.live_blocks), (50, 1));
    assert_eq!((usage.largest_block, usage.temporary_blocks, usage.lost), (1000, 1, 0));
}

#[test]
fn of_equal_peaks_the_last_counts() {
    let ((), usage) = measure(|| {
        drop(block(1000));
        drop((block(600), block(400)));
        drop(block(10));
    });
    assert_eq!((usage.peak_bytes, usage.peak_blocks), (1000, 2));
}

#[test]
fn what_was_there_before_is_not_counted() {
    let (freed, mut grown) = (block(100), Vec::<u8>::with_capacity(10));
    let ((), usage) = measure(|| {
        drop(freed);
        grown.push(1);
        grown.reserve_exact(100);
    });
    // A block that is reallocated inside begins inside; its old one ended, but was not the scope's.
    assert_eq!((usage.frees, usage.reallocs, usage.live_blocks), (0, 1, 1));
    assert_eq!((usage.total_bytes, usage.live_bytes), (101, 101));
    assert_eq!(grown.len(), 1);
}

#[test]
fn a_scope_is_part_of_the_one_around_it() {
    let outer = Scope::new();
    let (inner, kept) = outer.run(|| {
        let first = block(10);
        let (mut kept, inner) = measure(|| (block(100), block(200)));
        kept.0.reserve_exact(900); // Ends a block of the inner scope, in the outer one alone.
        drop(first);
        (inner, kept)
    });
    assert_eq!((inner.live_bytes, inner.peak_bytes, inner.total_blocks), (300, 300, 2));
    let usage = outer.usage();
    assert_eq!((usage.total_blocks, usage.reallocs, usage.frees), (4, 1, 1));
    assert_eq!((usage.peak_bytes, usage.live_bytes, usage.live_blocks), (10 + 1000 + 200, 1200, 2));
    drop(kept);
    let usage = outer.usage();
    assert_eq!(
        (usage.live_bytes, usage.live_blocks, usage.frees),
        (0, 0, 3),
        "freed after the scope was left"
    );
}

#[test]
fn a_deep_nest_counts_everything_everywhere() {
    fn descend(depth: u64) -> Usage {
        let (_, usage) = measure(|| {
            let here = block(8);
            if depth > 0 {
                let inner = descend(depth - 1);
                assert_eq!(inner.total_blocks, depth);
            }
            drop(here);
        });
        usage
    }
    let usage = descend(100);
    assert_eq!((usage.total_blocks, usage.peak_bytes, usage.live_blocks), (101, 808, 0));
}

#[test]
fn started_threads_belong_to_the_scope_and_others_do_not() {
    let (to_other, from_test) = mpsc::channel::<Vec<u8>>();
    let (ready, started) = mpsc::channel();
    let other = thread::spawn(move || {
        let mine = block(5000);
        ready.send(()).unwrap();
        for theirs in from_test {
            drop(theirs);
        }
        drop(mine);
    });
    started.recv().unwrap();
    let scope = Scope::new();
    scope.run(|| {
        let grandchild = || thread::spawn(|| block(300)).join().unwrap();
        let child = thread::spawn(move || (block(20_000), grandchild()));
        let (large, small) = child.join().unwrap();
        assert_eq!(scope.usage().largest_block, 20_000);
        assert_eq!(small.len(), 300);
        to_other.send(large).unwrap();
    });
    drop(to_other);
    other.join().unwrap();
    let usage = scope.usage();
    assert!(usage.peak_bytes >= 20_300 && usage.peak_bytes < 22_000, "{usage}");
    // What is left is the channel's: its first block lives until the receiver is dropped.
    assert_eq!(usage.live_blocks, 0, "{usage}");
}

#[test]
fn sixty_four_threads_have_an_exact_peak() {
    const THREADS: u64 = 64;
    let barrier = std::sync::Barrier::new(THREADS as usize);
    let scope = Scope::new();
    thread::scope(|threads| {
        for number in 0..THREADS {
            let (scope, barrier) = (scope.clone(), &barrier);
            threads.spawn(move || {
                barrier.wait();
                scope.run(|| {
                    let mine = block(1000 + number as usize);
                    barrier.wait(); // Here all are live.
                    drop(mine);
                    for _ in 0..1000 {
                        drop(block(16));
                    }
                });
            });
        }
    });
    let usage = scope.usage();
    let all = THREADS * 1000 + THREADS * (THREADS - 1) / 2;
    assert_eq!((usage.peak_bytes, usage.peak_blocks), (all, THREADS));
    assert_eq!((usage.total_blocks, usage.total_bytes), (THREADS * 1001, all + THREADS * 16_000));
    assert_eq!((usage.live_bytes, usage.live_blocks, usage.lost), (0, 0, 0));
}

#[test]
fn sixty_four_threads_have_scopes_of_their_own() {
    thread::scope(|threads| {
        for number in 1..=64usize {
            threads.spawn(move || {
                for _ in 0..200 {
                    let ((), usage) = measure(|| drop((block(number), block(2 * number))));
                    assert_eq!(usage.peak_bytes, 3 * number as u64);
                    assert_eq!((usage.total_blocks, usage.live_blocks, usage.temporary_blocks), (2, 0, 1));
                }
            });
        }
    });
}

#[test]
fn a_scope_goes_through_a_channel() {
    let (sender, receiver) = mpsc::channel::<Scope>();
    let worker = thread::spawn(move || {
        let before = block(100);
        let scope = receiver.recv().unwrap();
        let kept = scope.run(|| block(700));
        drop(before);
        let outside = block(50);
        (scope, kept, outside)
    });
    sender.send(Scope::new()).unwrap();
    let (scope, kept, _outside) = worker.join().unwrap();
    assert_eq!((scope.usage().total_bytes, scope.usage().live_blocks), (700, 1));
    drop(kept);
    assert_eq!(scope.usage().live_blocks, 0);
}

#[test]
fn a_panic_leaves_the_scope() {
    let scope = Scope::new();
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        scope.run(|| {
            let _unwound = block(4000);
            panic::resume_unwind(Box::new(7u64))
        })
    }));
    let payload = panicked.unwrap_err();
    let before = scope.usage();
    assert_eq!((before.largest_block, payload.downcast_ref::<u64>()), (4000, Some(&7)));
    drop(block(100));
    assert_eq!(scope.usage(), before, "the thread is out of it");
    drop(payload);
    assert_eq!(scope.usage().live_blocks, 0);
}

#[test]
fn blocks_outlive_their_scope() {
    let leaked: Vec<Vec<u8>> = measure(|| (0..100).map(|_| block(64)).collect()).0;
    let addresses: Vec<usize> = leaked.iter().map(|block| block.as_ptr() as usize).collect();
    // In another scope, on another thread, they are nobody's; and the next at their addresses are those of that scope.
    let (reused, usage) = thread::spawn(move || {
        measure(move || {
            drop(leaked);
            (0..100).map(|_| block(64)).filter(|again| addresses.contains(&(again.as_ptr() as usize))).count()
        })
    })
    .join()
    .unwrap();
    assert!(reused <= 100);
    assert_eq!((usage.total_blocks, usage.frees, usage.total_bytes), (100, 100, 6400));
}

#[test]
fn a_thread_may_outlive_the_scope_it_was_started_in() {
    let (go, wait) = mpsc::channel::<()>();
    let (thread, usage) = measure(|| {
        thread::spawn(move || {
            wait.recv().unwrap();
            let grandchild = thread::spawn(|| block(5000).len());
            block(grandchild.join().unwrap()).len()
        })
    });
    assert!(usage.total_blocks > 0);
    let later = Scope::new();
    let length = later.run(|| {
        go.send(()).unwrap();
        thread.join().unwrap()
    });
    assert_eq!(length, 5000);
    assert!(later.usage().largest_block < 5000, "{}", later.usage());
}

#[test]
fn here_takes_work_along() {
    let (jobs, queue) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
    let pool = thread::spawn(move || queue.into_iter().for_each(|job| job()));
    let scope = Scope::new();
    let outside = alloc_probe::here();
    scope.run(|| {
        let here = alloc_probe::here();
        let (done, result) = mpsc::channel();
        jobs.send(Box::new(move || {
            here.run(|| drop(block(3000)));
            drop(block(9000)); // The pool's own.
            here.run(|| outside.run(|| drop(block(8000))));
            done.send(()).unwrap();
        }))
        .unwrap();
        result.recv().unwrap();
    });
    assert_eq!(scope.usage().largest_block, 3000);
    drop(jobs);
    pool.join().unwrap();
}

#[test]
fn scopes_come_and_go() {
    // More than there are slots: none is lost, and none keeps what the last one counted.
    for round in 0..40_000u64 {
        let ((), usage) = measure(|| drop(block(round as usize % 7 + 1)));
        assert_eq!((usage.total_blocks, usage.total_bytes), (1, round % 7 + 1));
    }
}

#[test]
fn futures_count_where_they_are_polled() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    let mut first = true;
    let yielding = std::future::poll_fn(move |_| {
        drop(block(10));
        if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(block(100)) }
    });
    let mut measured = pin!(alloc_probe::measure_future(yielding));
    let mut context = Context::from_waker(Waker::noop());
    assert!(measured.as_mut().poll(&mut context).is_pending());
    drop(block(1000)); // Between the polls.
    let Poll::Ready((value, usage)) = measured.poll(&mut context) else { panic!("it is ready") };
    assert_eq!(value.len(), 100);
    assert_eq!((usage.total_bytes, usage.total_blocks, usage.live_bytes), (120, 3, 100));
}

#[test]
fn a_scope_is_dumped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scope.json");
    for scope in [Scope::new(), Scope::with_sites()] {
        let kept = scope.run(|| (block(100), drop(block(300))).0);
        scope.dump(&path).unwrap();
        let dump: Dump = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let totals = dump.totals;
        assert_eq!((totals.total_bytes, totals.peak_bytes, totals.end_bytes), (400, 400, 100));
        assert_eq!((totals.total_blocks, totals.end_blocks, totals.temporary_blocks), (2, 1, 1));
        let at_sites = dump.sites.iter().map(|site| site.figures.total_bytes).sum::<u64>();
        assert!(at_sites == 400 || dump.sites.is_empty() && dump.mode == Mode::Count);
        drop(kept);
    }
    assert!(Scope::new().dump(folder.path()).is_err(), "a folder is no file");
}

/// The tests of this file in another process, which is told how much to record.
fn again(mode: &str, filter: &str) -> (bool, String) {
    let mut tests = Command::new(std::env::current_exe().expect("there is a program"));
    tests.args(["--skip", "whatever_is_recorded", "--skip", "nothing_is_measured"]);
    tests.arg(format!("scopes::{filter}"));
    let output =
        tests.envs([("ALLOC_PROBE", mode), ("RUST_BACKTRACE", "0")]).output().expect("it can be run");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn figures_are_the_same_whatever_is_recorded() {
    for mode in ["count", "sample=64", "full"] {
        let (passed, output) = again(mode, "");
        assert!(passed, "{mode}: {output}");
    }
}

#[test]
fn nothing_is_measured_where_recording_is_off() {
    let (passed, output) = again("off", "every_figure_is_counted");
    assert!(!passed && output.contains("nothing can be measured: recording was turned off"), "{output}");
    let (passed, output) = again("of", "every_figure_is_counted");
    assert!(!passed && output.contains("nothing can be measured: recording was turned off"), "{output}");
}

#[test]
fn a_pause_does_not_matter() {
    // In a process of its own, as it is for all.
    const PAUSED: &str = "ALLOC_PROBE_TEST_PAUSED";
    if std::env::var_os(PAUSED).is_none() {
        let mut test = Command::new(std::env::current_exe().expect("there is a program"));
        let output =
            test.args(["--exact", "scopes::a_pause_does_not_matter"]).env(PAUSED, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let kept = block(10);
    alloc_probe::stop().unwrap();
    let before = alloc_probe::stats().total_blocks;
    let ((), usage) = measure(|| {
        drop(block(100));
        alloc_probe::start().unwrap();
        drop(block(200));
        alloc_probe::stop().unwrap();
        let mut grown = block(300);
        grown.reserve_exact(300);
        drop(kept);
    });
    assert_eq!((usage.total_bytes, usage.total_blocks), (100 + 200 + 300 + 600, 4));
    assert_eq!((usage.reallocs, usage.frees, usage.live_blocks, usage.peak_bytes), (1, 3, 0, 600));
    // The harness's own thread may have allocated meanwhile.
    assert!(alloc_probe::stats().total_blocks > before, "what was recorded is as it was asked for");
    assert_eq!(alloc_probe::mode(), alloc_probe::Mode::Off);
}

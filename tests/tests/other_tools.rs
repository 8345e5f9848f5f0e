//! Scopes beside the tools that people know: `dhat`'s testing mode, rayon, and an asynchronous runtime.

use alloc_probe::{Scope, assert_no_leak, here, measure};
use alloc_probe_tests::usages::EXPRESSIONS;
use rayon::prelude::*;
use std::hint::black_box;
use std::process::Command;
use std::task::Poll;

alloc_probe::install!();

/// A block of so many bytes.
fn block(bytes: usize) -> Vec<u8> {
    black_box(vec![1u8; bytes])
}

#[test]
fn dhat_has_the_same_figures() {
    for (name, expression) in EXPRESSIONS {
        let (value, usage) = measure(expression);
        drop(value);
        let output =
            Command::new(env!("CARGO_BIN_EXE_with_dhat")).args(["usages", name]).output().expect("it runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let printed = format!(
            "total {} in {}, peak {} in {}, live {} in {}",
            usage.total_bytes,
            usage.total_blocks,
            usage.peak_bytes,
            usage.peak_blocks,
            usage.live_bytes,
            usage.live_blocks,
        );
        assert_eq!(printed, String::from_utf8_lossy(&output.stdout).trim(), "{name}");
        assert!(usage.total_blocks > 0, "{name}");
    }
}

#[test]
fn a_pool_that_is_there_before_takes_work_along() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("a pool");
    // Its threads have begun when they have done something.
    pool.broadcast(|_| drop(block(1)));
    let scope = Scope::new();
    let sum: usize = scope.run(|| {
        let here = here();
        pool.install(|| (1..=1000usize).into_par_iter().map(|size| here.run(|| block(size).len())).sum())
    });
    let (_, alone) = measure(|| {
        pool.install(|| (1..=1000usize).into_par_iter().map(|size| block(size).len()).sum::<usize>())
    });
    assert_eq!(sum, 500_500);
    let usage = scope.usage();
    assert!(usage.total_bytes >= 500_500 && usage.allocations >= 1000, "{usage}");
    assert!(alone.allocations < 100, "without the line, only what this thread allocates: {alone}");
}

#[test]
fn a_pool_of_the_scope_is_counted_without_a_line() {
    let scope = Scope::new();
    scope.run(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let sums = pool.build_scoped(
            |thread| thread.run(),
            |pool| {
                pool.install(|| (1..=500usize).into_par_iter().map(|size| block(size).len()).sum::<usize>())
            },
        );
        assert_eq!(sums.expect("a pool"), 125_250);
    });
    assert!(scope.usage().total_bytes >= 125_250, "{}", scope.usage());
}

/// Goes to the end of the queue once, without what the runtime's own way of it would allocate.
async fn let_others_run() {
    let mut first = true;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

#[test]
fn tasks_count_on_whichever_thread_they_run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    // Two hundred tasks, each with a scope that is held across its awaits, on four threads.
    let tasks: Vec<_> = (1..=200usize)
        .map(|size| {
            runtime.spawn(async move {
                let scope = Scope::new();
                let work = async {
                    let kept = block(size);
                    for _ in 0..5 {
                        let_others_run().await;
                        drop(block(size * 10));
                    }
                    kept
                };
                let kept = scope.wrap(work).await;
                let usage = scope.usage();
                drop(kept);
                (size as u64, usage, scope.usage().live_blocks)
            })
        })
        .collect();
    for task in tasks {
        let (size, usage, live_after) = runtime.block_on(task).expect("it does not panic");
        assert_eq!((usage.allocations, usage.frees, usage.total_bytes), (6, 5, 51 * size));
        assert_eq!((usage.peak_bytes, usage.peak_blocks, usage.live_bytes), (11 * size, 2, size));
        assert_eq!((usage.lost, live_after), (0, 0));
    }
    // A task is spawned into the scope by one line.
    let scope = Scope::new();
    runtime.block_on(scope.wrap(async {
        tokio::spawn(here().wrap(async { drop(block(70_000)) })).await.expect("it does not panic");
        tokio::spawn(async { drop(block(90_000)) }).await.expect("it does not panic");
    }));
    assert_eq!(scope.usage().largest_block, 70_000);
}

#[test]
fn assertions_hold_in_tasks() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let task = runtime.spawn(async {
        let length = assert_no_leak!(await async {
            let text = block(100);
            let_others_run().await;
            text.len()
        });
        alloc_probe::assert_peak_below!(99, await async {
            let text = block(length);
            let_others_run().await;
            drop(text);
        });
    });
    let panic = runtime.block_on(task).expect_err("the last one is above its limit").into_panic();
    let message = panic.downcast::<String>().expect("a message");
    assert!(message.contains("peak 100 B is above the limit of 99 B"), "{message}");
    assert!(message.contains("assertions_hold_in_tasks.json"), "{message}");
}

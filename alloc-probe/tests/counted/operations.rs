//! What a program does by name: each byte belongs to the operation that asked for it, wherever it runs and however it ends.

use crate::support::child::Child;
use crate::support::{Cases, cases, tell};
use alloc_probe::{InOperation, operation, operation_failed};
use alloc_probe_format::dump::{Dump, FrameKind, Operation};
use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        an_operation_counts_what_is_allocated_in_it_and_in_no_other,
        stacks_begin_with_their_operations,
        an_operation_in_itself_is_one_frame,
        futures_take_their_operation_from_thread_to_thread,
        a_killed_process_keeps_its_operations,
        further_names_are_lost_and_counted,
        a_thread_that_ends_in_an_operation_leaves_it,
        a_forked_child_does_nothing_by_name,
        nothing_is_begun_while_nothing_is_recorded,
    ],
    scenarios: cases![nests, recurses, moves, waits, three_hundred, leaks, forks, pauses],
};

#[track_caller]
fn find<'a>(dump: &'a Dump, name: &str) -> &'a Operation {
    let mut found = dump.operations.iter().filter(|operation| operation.name == name);
    let operation = found.next().unwrap_or_else(|| panic!("no operation `{name}`: {:?}", dump.operations));
    assert_eq!(found.next(), None, "one row for `{name}`");
    operation
}

/// The operations that a row of the stacks is in, the innermost first.
fn outwards(dump: &Dump, row: u32) -> Vec<&str> {
    let parent = |row: u32| (row != 0).then(|| dump.stacks[row as usize].parent);
    let rows = std::iter::successors(Some(row), |row| parent(*row));
    let nodes = rows.map(|row| &dump.stacks[row as usize]).filter(|node| node.kind == FrameKind::Operation);
    nodes.map(|node| dump.operations[node.address as usize].name.as_str()).collect()
}

/// What the sites of an operation, as the innermost, allocated and hold at the end.
fn of_sites(dump: &Dump, name: &str) -> (u64, u64, u64) {
    let sites = dump.sites.iter().filter(|site| outwards(dump, site.stack).first() == Some(&name));
    sites.fold((0, 0, 0), |(bytes, blocks, live), site| {
        let figures = &site.figures;
        (bytes + figures.total_bytes, blocks + figures.total_blocks, live + figures.end_bytes)
    })
}

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

fn nests() {
    let kept = {
        let _outer = operation("outer");
        drop(block(100));
        let first = block(5000);
        let kept = {
            let _inner = operation("inner");
            (block(1000), block(10_000)).0
        };
        drop(first);
        drop(block(10));
        kept
    };
    drop(block(7));
    for _ in 0..3 {
        let _outer = operation("outer");
        operation_failed();
    }
    std::panic::set_hook(Box::new(|_| {}));
    let panicked = std::panic::catch_unwind(|| {
        let _panics = operation("panics");
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.is_err());
    operation_failed();
    // Freed outside of any.
    std::mem::forget(kept);
}

fn an_operation_counts_what_is_allocated_in_it_and_in_no_other() {
    for mode in ["full", "sample", "count"] {
        let dump = Child::new("nests", mode).succeed().dump();
        let (outer, inner, panics) = (find(&dump, "outer"), find(&dump, "inner"), find(&dump, "panics"));
        assert_eq!((outer.total_bytes, outer.total_blocks), (5110, 3), "{mode}");
        assert_eq!((inner.total_bytes, inner.total_blocks), (11_000, 2), "{mode}");
        // What one made live bytes grow by, that of an inner one included.
        assert_eq!((outer.peak_bytes, inner.peak_bytes), (16_000, 11_000), "{mode}");
        assert_eq!((outer.started, outer.finished, outer.failed, outer.cancelled), (4, 4, 3, 0), "{mode}");
        assert_eq!((inner.started, inner.finished, inner.failed), (1, 1, 0), "{mode}");
        assert_eq!((panics.started, panics.finished, panics.failed), (1, 1, 1), "{mode}");
        for operation in &dump.operations {
            let times: u64 = operation.latencies.iter().map(|(_, count)| count).sum();
            assert_eq!(times, operation.finished, "{mode}: {operation:?}");
            assert!(operation.latencies.is_sorted_by(|a, b| a.0 < b.0), "{mode}: {operation:?}");
            assert!(operation.first_ns <= operation.last_ns, "{mode}: {operation:?}");
            assert!(operation.longest_ns <= operation.duration_ns, "{mode}: {operation:?}");
            assert!(operation.duration_ns <= dump.process.duration_ns, "{mode}: {operation:?}");
        }
    }
}

fn stacks_begin_with_their_operations() {
    let dump = Child::new("nests", "full").succeed().dump();
    assert_eq!(of_sites(&dump, "outer"), (5110, 3, 0));
    assert_eq!(of_sites(&dump, "inner"), (11_000, 2, 1000));
    let inner = dump.sites.iter().find(|site| outwards(&dump, site.stack).first() == Some(&"inner"));
    assert_eq!(outwards(&dump, inner.expect("a site").stack), ["inner", "outer"]);
    // Nothing but operations is outward of one.
    for node in dump.stacks.iter().filter(|node| node.kind == FrameKind::Operation) {
        let outer = dump.stacks[node.parent as usize].kind;
        assert!(matches!(outer, FrameKind::Root | FrameKind::Operation), "{node:?}");
    }
    let without = dump.sites.iter().filter(|site| outwards(&dump, site.stack).is_empty());
    assert!(without.clone().any(|site| site.figures.total_bytes == 7), "{:?}", dump.sites);
}

fn recurses() {
    fn descend(depth: usize) {
        let _even = operation(if depth % 2 == 0 { "even" } else { "odd" });
        drop(block(16));
        if depth > 0 {
            descend(depth - 1);
        }
    }
    descend(999);
}

fn an_operation_in_itself_is_one_frame() {
    let dump = Child::new("recurses", "full").succeed().dump();
    for name in ["even", "odd"] {
        let operation = find(&dump, name);
        assert_eq!((operation.total_bytes, operation.started, operation.finished), (8000, 500, 500));
        assert_eq!(of_sites(&dump, name), (8000, 500, 0));
    }
    let nodes = dump.stacks.iter().filter(|node| node.kind == FrameKind::Operation).count();
    assert_eq!(nodes, 2, "`even` in `odd`");
}

/// Tasks of each kind.
const TASKS: usize = 500;

/// A future that is not ready at first, so that whoever polls it hands it on.
struct Yields(bool);

impl Future for Yields {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Allocates on one thread, on another, frees on a third, and leaves a block to the caller.
async fn work(bytes: usize) -> Vec<u8> {
    let first = block(bytes);
    Yields(false).await;
    let second = block(2 * bytes);
    Yields(false).await;
    drop((first, second));
    Yields(false).await;
    block(bytes / 2)
}

type Task = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

fn moves() {
    let mut tasks: VecDeque<Task> = VecDeque::new();
    for _ in 0..TASKS {
        tasks.push_back(Box::pin(work(64).in_operation("create")));
        tasks.push_back(Box::pin(work(256).in_operation("list")));
        tasks.push_back(Box::pin(work(1024)));
    }
    let tasks = Arc::new(Mutex::new(tasks));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                loop {
                    let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(mut task) = next else { return };
                    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(kept) => std::mem::forget(kept),
                        Poll::Pending => tasks.lock().unwrap_or_else(PoisonError::into_inner).push_back(task),
                    }
                }
            });
        }
    });
    for polls in 0..3 {
        let mut cancelled = Box::pin(work(4096).in_operation("cancel"));
        for _ in 0..polls {
            assert!(cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
}

fn futures_take_their_operation_from_thread_to_thread() {
    let tasks = TASKS as u64;
    for mode in ["full", "sample", "count"] {
        let dump = Child::new("moves", mode).succeed().dump();
        for (name, bytes) in [("create", 64), ("list", 256)] {
            let operation = find(&dump, name);
            let expected = (tasks * (bytes + 2 * bytes + bytes / 2), tasks * 3);
            assert_eq!((operation.total_bytes, operation.total_blocks), expected, "{mode}: {name}");
            assert_eq!((operation.started, operation.finished), (tasks, tasks), "{mode}: {name}");
            assert_eq!(operation.peak_bytes, 3 * bytes, "{mode}: {name}");
            if mode == "full" {
                assert_eq!(of_sites(&dump, name), (expected.0, expected.1, tasks * bytes / 2), "{name}");
            }
        }
        // Polled once and twice; one that is never polled never begins.
        let cancel = find(&dump, "cancel");
        assert_eq!((cancel.started, cancel.finished, cancel.cancelled), (2, 0, 2), "{mode}");
        assert_eq!((cancel.total_bytes, cancel.total_blocks), (4096 * (1 + 3), 3), "{mode}");
        assert_eq!(cancel.latencies, [], "{mode}");
        assert_eq!(dump.lost.notes, [""; 0], "{mode}");
    }
}

fn waits() {
    let _request = operation("request");
    let _kept = block(3000);
    tell("begun", 1);
    loop {
        std::thread::park();
    }
}

fn a_killed_process_keeps_its_operations() {
    for mode in ["full", "count"] {
        let mut running = Child::new("waits", mode).start();
        running.wait_for("begun");
        let dump = running.kill().spool();
        let request = find(&dump, "request");
        assert_eq!((request.started, request.finished), (1, 0), "{mode}");
        // With what it takes to tell.
        assert!((3000..10_000).contains(&request.total_bytes), "{mode}: {request:?}");
    }
}

fn three_hundred() {
    (0..300).for_each(|number| drop(operation(&format!("number {number}"))));
    let long = "ä".repeat(100);
    drop(operation(&long));
}

fn further_names_are_lost_and_counted() {
    let dump = Child::new("three_hundred", "count").succeed().dump();
    assert_eq!(dump.operations.len(), 256);
    assert!(dump.operations.iter().all(|operation| operation.finished == 1), "{:?}", dump.operations);
    let expected = "operations were begun 45 times that there was no room for: there is for 256 names";
    assert_eq!(dump.lost.notes, [expected]);
}

fn leaks() {
    std::thread::spawn(|| {
        std::mem::forget(operation("leaked"));
        drop(block(500));
    })
    .join()
    .expect("it ends");
    // It has the other's slot.
    std::thread::spawn(|| drop(block(9000))).join().expect("it ends");
    std::thread::sleep(Duration::ZERO);
}

fn a_thread_that_ends_in_an_operation_leaves_it() {
    let dump = Child::new("leaks", "full").succeed().dump();
    let leaked = find(&dump, "leaked");
    assert_eq!((leaked.started, leaked.finished), (1, 0));
    assert!((500..9000).contains(&leaked.total_bytes), "{leaked:?}");
    assert!((500..9000).contains(&of_sites(&dump, "leaked").0));
}

fn forks() {
    let _parent = operation("parent");
    // SAFETY: there is one thread; the child does nothing but this.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            drop(operation("child"));
            drop(_parent);
            libc::_exit(0);
        }
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
    }
}

fn a_forked_child_does_nothing_by_name() {
    let dump = Child::new("forks", "full").succeed().dump();
    assert_eq!(dump.operations.len(), 1);
    assert_eq!((find(&dump, "parent").started, find(&dump, "parent").finished), (1, 1));
}

fn pauses() {
    drop(operation("before"));
    alloc_probe::stop().expect("it stops");
    drop(operation("between"));
    alloc_probe::start().expect("it goes on");
    let _after = operation("after");
    drop(block(300));
}

fn nothing_is_begun_while_nothing_is_recorded() {
    let dump = Child::new("pauses", "count").succeed().dump();
    let names: Vec<&str> = dump.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["before", "after"]);
    assert_eq!(of_sites(&dump, "after").0, 300, "stacks that come later begin with it too");
}

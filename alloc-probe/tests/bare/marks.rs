//! Points that a program passes: how often, when, and what was live then, however the process ends.

use crate::support::child::Child;
use crate::support::{Cases, cases, tell};
use alloc_probe::{Mode, mark, set_mode, stats};
use alloc_probe_format::dump::{Dump, Mark};
use std::hint::black_box;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        marks_are_counted_with_what_was_live_first,
        a_mark_may_come_before_the_first_allocation,
        further_names_are_lost_and_counted,
        names_are_told_apart_beyond_what_is_kept,
        a_killed_process_keeps_its_marks,
        nothing_is_marked_while_nothing_is_recorded,
        a_forked_child_marks_nothing,
    ],
    scenarios: cases![passes, begins, three_hundred, long_names, waits, pauses, forks],
};

const THREADS: u64 = 4;
const REQUESTS: u64 = 1000;
const KEPT: usize = 1 << 20;

fn passes() {
    let kept = black_box(vec![1u8; KEPT]);
    let before = stats();
    mark("ready");
    assert_eq!(stats(), before, "it allocates nothing");
    tell("live", before.live_bytes);
    tell("total", before.total_blocks);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..REQUESTS).for_each(|_| mark(&String::from("request"))));
        }
    });
    drop(black_box(kept));
    mark("ready");
}

#[track_caller]
fn find<'a>(dump: &'a Dump, name: &str) -> &'a Mark {
    let mut found = dump.marks.iter().filter(|mark| mark.name == name);
    let mark = found.next().unwrap_or_else(|| panic!("no mark `{name}`: {:?}", dump.marks));
    assert_eq!(found.next(), None, "one row for `{name}`");
    mark
}

fn marks_are_counted_with_what_was_live_first() {
    for mode in ["full", "sample", "count"] {
        let outcome = Child::new("passes", mode).succeed();
        let dump = outcome.dump();
        let names: Vec<&str> = dump.marks.iter().map(|mark| mark.name.as_str()).collect();
        assert_eq!(names, ["ready", "request"], "{mode}: by the time when they were first passed");
        let (ready, request) = (find(&dump, "ready"), find(&dump, "request"));
        assert_eq!((ready.count, request.count), (2, THREADS * REQUESTS), "{mode}");
        assert_eq!(ready.first.live_bytes, outcome.told("live"), "{mode}");
        assert_eq!(ready.first.total_blocks, outcome.told("total"), "{mode}");
        assert!(ready.first.resident_bytes > KEPT as u64, "{mode}: it was written to: {ready:?}");
        assert!(ready.first_ns <= request.first_ns && request.last_ns <= ready.last_ns, "{mode}: {dump:?}");
        for mark in &dump.marks {
            assert_eq!(mark.first_ns, mark.first.time_ns);
            assert!(mark.first_ns <= mark.last_ns && mark.last_ns <= dump.process.duration_ns, "{mark:?}");
        }
        assert_eq!(dump.lost.notes, [""; 0]);
    }
}

fn begins() {
    mark("begin");
    drop(black_box(Box::new(1)));
}

fn a_mark_may_come_before_the_first_allocation() {
    let dump = Child::new("begins", "full").succeed().dump();
    assert_eq!(find(&dump, "begin").count, 1);
}

/// What there is room for.
const NAMES: u64 = 256;

fn three_hundred() {
    for _ in 0..2 {
        (0..300).for_each(|number| mark(&format!("number {number}")));
    }
}

fn further_names_are_lost_and_counted() {
    let dump = Child::new("three_hundred", "count").succeed().dump();
    assert_eq!(dump.marks.len() as u64, NAMES);
    assert!(dump.marks.iter().all(|mark| mark.count == 2), "{:?}", dump.marks);
    (0..NAMES).for_each(|number| _ = find(&dump, &format!("number {number}")));
    let lost = 2 * (300 - NAMES);
    let expected =
        format!("marks were passed {lost} times that there was no room for: there is for 256 names");
    assert_eq!(dump.lost.notes, [expected]);
}

/// As much of a name as is kept.
const SAME: &str = "a name of 48 bytes, all of which will be kept...";

fn long_names() {
    mark(SAME);
    mark(&format!("{SAME}."));
    mark(&format!("{SAME}:"));
    mark(&format!("{SAME}:"));
    mark(&SAME.replace("...", "..é"));
    mark("");
}

fn names_are_told_apart_beyond_what_is_kept() {
    assert_eq!(SAME.len(), 48);
    let dump = Child::new("long_names", "count").succeed().dump();
    let found: Vec<(&str, u64)> = dump.marks.iter().map(|mark| (mark.name.as_str(), mark.count)).collect();
    // The last letter would be cut in two.
    let cut = &SAME.replace("...", "..");
    assert_eq!(found, [(SAME, 1), (SAME, 1), (SAME, 2), (cut, 1), ("", 1)]);
}

fn waits() {
    (0..10).for_each(|_| mark("request"));
    tell("passed", 1);
    loop {
        std::thread::park();
    }
}

fn a_killed_process_keeps_its_marks() {
    for mode in ["full", "count"] {
        let mut running = Child::new("waits", mode).start();
        running.wait_for("passed");
        let dump = running.kill().spool();
        let request = find(&dump, "request");
        assert_eq!(request.count, 10, "{mode}");
        assert!(request.last_ns <= dump.process.duration_ns, "{mode}: {request:?}");
    }
}

fn pauses() {
    mark("before");
    alloc_probe::stop().expect("it stops");
    mark("between");
    set_mode(Mode::Count).expect("it goes on");
    mark("after");
}

fn nothing_is_marked_while_nothing_is_recorded() {
    for mode in ["full", "count"] {
        let dump = Child::new("pauses", mode).succeed().dump();
        let names: Vec<&str> = dump.marks.iter().map(|mark| mark.name.as_str()).collect();
        assert_eq!(names, ["before", "after"], "{mode}");
    }
    assert_eq!(Child::new("begins", "off").succeed().files(), [""; 0]);
}

fn forks() {
    mark("parent");
    // SAFETY: there is one thread; the child does nothing but this.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            mark("parent");
            mark("child");
            libc::_exit(0);
        }
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
    }
}

fn a_forked_child_marks_nothing() {
    let dump = Child::new("forks", "full").succeed().dump();
    assert_eq!(dump.marks.len(), 1);
    assert_eq!(find(&dump, "parent").count, 1);
}

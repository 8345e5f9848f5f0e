//! Ordinary code in one thread and in several.

use super::NATIVE;
use super::check::Subject;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

#[inline(never)]
fn twice(subject: &Subject) -> [usize; 2] {
    [subject.check().len(), subject.check().len()]
}

#[test]
fn call_sites_of_one_function_differ() {
    let subject = Subject::new();
    let first = subject.check();
    let second = subject.check();
    assert_ne!(first[0], second[0]);
    assert_eq!(first[1..], second[1..]);
    assert_eq!(twice(&subject), [first.len() + 1; 2]);
}

#[test]
fn an_unchanged_stack_is_looked_up_once() {
    let subject = Subject::new();
    let mut nodes = Vec::new();
    // Of an unknown count, as otherwise there would be five calls in a row instead of a loop.
    for _ in 0..black_box(5) {
        nodes.push(subject.take().node);
    }
    let lookups = subject.tree.lookups.get();
    let depth = subject.tree.frames(nodes[0]).len();
    assert_eq!(lookups, if NATIVE { depth } else { 5 * depth }, "one for each frame, the first time");
    assert!(nodes.iter().all(|&node| node == nodes[0]), "{nodes:?}");
}

#[test]
fn a_tree_without_space_yields_the_root_and_recovers() {
    let subject = Subject::new();
    for space in 0..5 {
        subject.tree.space.set(Some(space));
        assert_eq!(subject.take().node, 0, "{space}");
    }
    subject.tree.space.set(None);
    assert!(subject.check().len() > 5);
}

/// The frame pointer, where it's no such thing, changes from call to call.
#[inline(never)]
fn many_live_values(subject: &Subject, seed: u64) -> u64 {
    let mut values = [seed; 12].map(black_box);
    for i in 0..50 {
        let [a, b, c, d, e, f, g, h, j, k, l, m] = values;
        subject.check();
        values = [b ^ i, c, d ^ a, e, f & b, g, h ^ c, j, k | d, l, m ^ e, a.rotate_left(i as u32)];
    }
    values.iter().fold(0, |sum, value| sum ^ value)
}

#[test]
fn loops_that_use_every_register() {
    let subject = Subject::new();
    for seed in 0..4 {
        black_box(many_live_values(&subject, black_box(seed)));
    }
}

#[repr(align(64))]
struct Aligned64([u8; 64]);
#[repr(align(4096))]
struct Aligned4096([u8; 4096]);

#[inline(never)]
fn realigned<A>(subject: &Subject, local: A, depth: u32, all: &dyn Fn(u32)) {
    let local = black_box(local);
    subject.check();
    if depth > 0 {
        all(depth - 1);
        subject.check();
    }
    black_box(&local);
}

#[test]
fn over_aligned_locals() {
    fn all(subject: &Subject, depth: u32) {
        let more = |depth| all(subject, depth);
        realigned(subject, Aligned64([1; 64]), depth, &more);
        realigned(subject, 7_u8, depth, &more);
        realigned(subject, Aligned4096([2; 4096]), depth, &more);
    }
    let subject = Subject::new();
    all(&subject, 3);
    let _ = (Aligned64([0; 64]).0, Aligned4096([0; 4096]).0);
}

struct ChecksWhenDropped<'a>(&'a Subject);

impl Drop for ChecksWhenDropped<'_> {
    #[inline(never)]
    fn drop(&mut self) {
        self.0.check();
    }
}

#[inline(never)]
fn panics_at(subject: &Subject, depth: u32) {
    let _check = ChecksWhenDropped(subject);
    if black_box(depth) == 0 {
        std::panic::resume_unwind(Box::new(()));
    }
    panics_at(subject, depth - 1);
    black_box(depth);
}

#[test]
#[cfg(panic = "unwind")]
fn while_a_panic_unwinds_and_after_it() {
    let subject = Subject::new();
    for depth in [0, 1, 5, 3, 20] {
        let result = catch_unwind(AssertUnwindSafe(|| {
            subject.check();
            panics_at(&subject, depth);
        }));
        assert!(result.is_err());
        subject.check();
    }
}

#[test]
fn threads_have_stacks_of_their_own() {
    let threads = (0..4_u64).map(|seed| {
        let builder = std::thread::Builder::new().stack_size(256 << 10);
        let body = move || {
            let subject = Subject::new();
            black_box(many_live_values(&subject, seed));
            subject.check().len()
        };
        builder.spawn(body).unwrap()
    });
    let depths: Vec<usize> =
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(depths.iter().all(|&depth| depth == depths[0] && depth > 3), "{depths:?}");
}

#[test]
fn one_kept_stack_for_several_threads_in_turn() {
    // As thread states are handed on. What is kept is of another stack and must be forgotten.
    let (to_first, first) = mpsc::channel::<Subject>();
    let (to_second, second) = mpsc::channel::<Subject>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for mut subject in second {
                subject.reset();
                twice(&subject);
                to_first.send(subject).unwrap();
            }
            drop(to_first);
        });
        let mut subject = Subject::new();
        for _ in 0..3 {
            subject.reset();
            twice(&subject);
            to_second.send(subject).unwrap();
            subject = first.recv().unwrap();
        }
        assert_eq!(subject.slow_walks(), 0, "each stack was known to be the thread's own");
        drop(to_second);
    });
}

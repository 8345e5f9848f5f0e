//! Recursion up to the limits, and beyond.

use super::check::Subject;
use crate::capture::{FRAMES_RECORDED, FrameKind};
use std::hint::black_box;

/// Recurses `depth` deep, and checks at every so many calls, and at each of the innermost.
#[inline(never)]
fn descend(subject: &Subject, depth: u32, every: u32) -> u32 {
    let checks = depth % every == 0 || depth < 9;
    if checks {
        subject.check();
    }
    if depth == 0 {
        return 0;
    }
    let deeper = if depth % 3 == 0 {
        descend(subject, depth - 1, every)
    } else {
        descend(subject, depth - 1, every) + 1
    };
    if checks {
        subject.check();
    }
    black_box(deeper)
}

/// Runs with 64 MiB of stack.
fn with_room(f: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(64 << 20).spawn(f).unwrap().join().unwrap();
}

#[test]
fn a_recursion_just_around_the_limit() {
    with_room(|| {
        let subject = Subject::new();
        let outside = subject.check().len() as u32;
        for depth in FRAMES_RECORDED as u32 - outside - 4..FRAMES_RECORDED as u32 - outside + 4 {
            descend(&subject, depth, 61);
        }
    });
}

#[test]
fn deep_recursions_keep_both_ends() {
    with_room(|| {
        let subject = Subject::new();
        for (depth, every) in
            [(500, 37), (700, 41), (600, 53), (5_000, 191), (9_000, 700), (20_000, 3_000), (300, 29)]
        {
            descend(&subject, depth, every);
        }
    });
}

#[test]
fn beyond_all_that_is_kept() {
    with_room(|| {
        let subject = Subject::new();
        descend(&subject, 40_000, 20_000);
        descend(&subject, 10, 1);
    });
}

#[inline(never)]
fn at_depth(subject: &Subject, depth: u32) -> usize {
    if depth > 0 {
        return black_box(at_depth(subject, black_box(depth - 1)));
    }
    let first = subject.check();
    let second = subject.check();
    assert_eq!(first[1..], second[1..]);
    assert_eq!(first.iter().filter(|frame| frame.kind() == FrameKind::Cut).count(), 1);
    first.len()
}

#[test]
fn a_cut_stack_has_as_many_frames_as_are_recorded() {
    with_room(|| {
        let subject = Subject::new();
        for depth in [510, 511, 3_000, 513, 10_000] {
            assert_eq!(at_depth(&subject, depth), FRAMES_RECORDED);
        }
    });
}

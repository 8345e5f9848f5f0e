//! *Stack growth by inlining*: a function with much on its stack, inlined into one that recurses.

use super::Variant;
use crate::truth;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

/// How deep the recursion goes.
const DEPTH: usize = 64;
/// What the function that is inlined has on its stack.
const ROOM: usize = 64 << 10;
/// More than all of it takes.
const LIMIT: usize = 16 << 20;

/// The base calls `fill`, as it is built without optimisation: there is one frame of it at a time, which is over before
/// the next step down. The new run has it inlined into each step. The control calls a twin that is never inlined. The
/// thread lives until the process ends.
pub fn run(variant: Variant) {
    let (done, ready) = mpsc::channel();
    let walker = move || {
        black_box(match variant {
            Variant::Control => walk::<true>(DEPTH),
            _ => walk::<false>(DEPTH),
        });
        let _ = done.send(());
        loop {
            thread::park();
        }
    };
    thread::Builder::new().name("walker".to_owned()).stack_size(LIMIT).spawn(walker).expect("a thread");
    ready.recv().expect("the walker arrives");
    // One of them is there in the base as well.
    truth!((DEPTH - 1) * ROOM, leaf);
}

/// Two functions that call each other: into one that calls itself, the compiler would inline nothing so large.
#[inline(never)]
fn walk<const APART: bool>(depth: usize) -> u64 {
    let below = if depth == 0 { leaf() } else { step::<APART>(depth) };
    black_box(below) + 1
}

#[inline(never)]
fn step<const APART: bool>(depth: usize) -> u64 {
    let here = if APART { fill_apart(depth) } else { fill(depth) };
    black_box(walk::<APART>(depth - 1)) + here
}

#[inline]
fn fill(depth: usize) -> u64 {
    let mut room = [0_u8; ROOM];
    // A block of its own shows whose frame this is part of.
    black_box(&mut room).fill(*black_box(Box::new(depth as u8)));
    u64::from(black_box(&room)[depth])
}

#[inline(never)]
fn fill_apart(depth: usize) -> u64 {
    fill(depth)
}

/// Allocates at the deepest point, so that it is known what is on the stack there.
#[inline(never)]
fn leaf() -> u64 {
    let block = black_box(Box::new(7_u64));
    *block
}

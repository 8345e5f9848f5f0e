//! A random walk through a tree of calls, of all kinds of functions.
//!
//! It's part of two programs: of the capture tests, and of `tests/call_trees`, where each visit allocates.

use std::hint::black_box;

/// A walk: who calls whom is drawn as it goes.
pub(super) struct Walk<'a> {
    state: u64,
    /// Calls to go.
    left: u32,
    visit: &'a dyn Fn(),
}

impl<'a> Walk<'a> {
    pub(super) fn new(seed: u64, left: u32, visit: &'a dyn Fn()) -> Walk<'a> {
        Walk { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, left, visit }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    /// Goes on until the calls are used up, with few or many nested at a time.
    pub(super) fn run(&mut self) {
        while self.left > 0 {
            let depth = [3, 10, 40, 120][self.draw(4) as usize];
            call_any(self, depth);
        }
    }
}

#[inline(never)]
fn call_any(walk: &mut Walk<'_>, depth: u32) -> u64 {
    match walk.draw(10) {
        0 => plain::<1>(walk, depth),
        1 => plain::<9>(walk, depth) ^ 1,
        2 => plain::<100>(walk, depth) ^ 3,
        3 => by_closure(walk, depth),
        4 => by_trait(walk, depth, &Small),
        5 => by_trait(walk, depth, &Large([7; 40])),
        6 => aligned(walk, depth),
        7 => thin(walk, depth),
        8 => tail(walk, depth),
        _ => many_values(walk, depth),
    }
}

fn body(walk: &mut Walk<'_>, depth: u32) -> u64 {
    let mut sum = 0;
    for _ in 0..1 + walk.draw(3) {
        if walk.left == 0 {
            break;
        }
        walk.left -= 1;
        if walk.draw(3) == 0 {
            (walk.visit)();
        }
        if depth > 0 && walk.draw(10) != 0 {
            sum ^= call_any(walk, depth - 1);
        }
    }
    sum
}

#[inline(never)]
fn plain<const SIZE: usize>(walk: &mut Walk<'_>, depth: u32) -> u64 {
    let local = black_box([depth as u64; SIZE]);
    body(walk, depth) ^ black_box(&local)[SIZE / 2]
}

/// Needs no register of its own, so passes the frame pointer on as it is.
#[inline(never)]
fn thin(walk: &mut Walk<'_>, depth: u32) -> u64 {
    aligned(walk, depth) ^ 1
}

/// Has nothing left to do after the call, so optimised it jumps, and has no frame.
#[inline(never)]
fn tail(walk: &mut Walk<'_>, depth: u32) -> u64 {
    if depth % 2 == 0 { plain::<9>(walk, depth) } else { tail(walk, depth.saturating_sub(1)) }
}

#[inline(never)]
fn by_closure(walk: &mut Walk<'_>, depth: u32) -> u64 {
    let add = black_box(depth as u64);
    let nested = move |walk: &mut Walk<'_>| body(walk, depth) ^ add;
    let nested: &dyn Fn(&mut Walk<'_>) -> u64 = black_box(&nested);
    nested(walk) ^ 1
}

trait Callee {
    fn call(&self, walk: &mut Walk<'_>, depth: u32) -> u64;
}

struct Small;
struct Large([u64; 40]);

impl Callee for Small {
    fn call(&self, walk: &mut Walk<'_>, depth: u32) -> u64 {
        body(walk, depth) ^ 5
    }
}

impl Callee for Large {
    fn call(&self, walk: &mut Walk<'_>, depth: u32) -> u64 {
        let copy = black_box(self.0);
        body(walk, depth) ^ copy[depth as usize % 40]
    }
}

#[inline(never)]
fn by_trait(walk: &mut Walk<'_>, depth: u32, callee: &dyn Callee) -> u64 {
    black_box(callee).call(walk, depth) ^ 1
}

#[repr(align(128))]
struct Aligned([u64; 16]);

#[inline(never)]
fn aligned(walk: &mut Walk<'_>, depth: u32) -> u64 {
    let local = black_box(Aligned([depth as u64; 16]));
    body(walk, depth) ^ black_box(&local).0[3]
}

#[inline(never)]
fn many_values(walk: &mut Walk<'_>, depth: u32) -> u64 {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g] = [1, 2, 3, 4, 5, 6, depth as u64].map(black_box);
    for i in 0..3 {
        a = a.wrapping_mul(b) ^ body(walk, depth.saturating_sub(i));
        (b, c, d, e, f, g) = (c ^ a, d | 1, e ^ f, f & g, g ^ b, a);
    }
    a ^ b ^ c ^ d ^ e ^ f ^ g
}

//! Allocates from every kind of frame: `call_trees [ROUNDS]`. With the feature `checked-stacks` each stack is held
//! against two others, and the suite looks in the dump for what came of it.
//!
//! The program does no more than that. Its point is to be compiled in every way that changes frames.

#[path = "../../../alloc-probe/src/capture/tests/walk.rs"]
mod walk;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use walk::Walk;

alloc_probe::install!();

/// Calls of one walk.
const CALLS: u32 = 400;

fn main() {
    let rounds = std::env::args().nth(1).map_or(1, |rounds| rounds.parse().expect("a number of rounds"));
    for round in 0..rounds {
        let seed = 100 * round;
        Walk::new(seed + 1, CALLS, &allocate).run();
        threads(seed + 10);
        recursions();
        panics();
        callbacks();
        coroutines(seed + 20);
        signals(seed + 30);
    }
}

/// Has a block live for a moment, and moved.
#[inline(never)]
fn allocate() {
    let mut block = black_box(Vec::<u8>::with_capacity(24));
    black_box(&mut block).reserve_exact(100);
    drop(black_box(block));
}

/// Walks in several threads, which pass blocks on.
fn threads(seed: u64) {
    let (give, take) = mpsc::channel::<Box<u64>>();
    thread::scope(|scope| {
        for number in 0..3 {
            let give = give.clone();
            scope.spawn(move || {
                let pass_on = || drop(give.send(Box::new(number)));
                Walk::new(seed + number, CALLS / 2, &pass_on).run();
            });
        }
        drop(give);
        take.iter().for_each(drop);
    });
}

/// Around the number of frames that are recorded, and far beyond.
fn recursions() {
    for depth in [40, 520, 3_000] {
        black_box(descend(depth));
    }
}

#[inline(never)]
fn descend(depth: u32) -> u32 {
    let often = depth < 4 || depth % 256 == 0;
    if often {
        allocate();
    }
    let deeper = if depth == 0 { 0 } else { black_box(descend(depth - 1)) + 1 };
    if often {
        allocate();
    }
    black_box(deeper)
}

struct AllocatesWhenDropped;

impl Drop for AllocatesWhenDropped {
    #[inline(never)]
    fn drop(&mut self) {
        allocate();
    }
}

fn panics() {
    for depth in [0, 1, 5, 20] {
        catch_unwind(|| panics_at(depth)).expect_err("it panics");
        allocate();
    }
}

#[inline(never)]
fn panics_at(depth: u32) {
    let _allocates = AllocatesWhenDropped;
    if depth == 0 {
        resume_unwind(Box::new(()));
    }
    panics_at(black_box(depth - 1));
    black_box(depth);
}

/// Through C and back.
fn callbacks() {
    let mut numbers: [u8; 40] = std::array::from_fn(|i| (i * 7 % 40) as u8);
    // SAFETY: the array has forty elements of a byte, and `compare` compares such.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 1, Some(compare)) };
    assert!(numbers.is_sorted());
}

/// Compares two bytes, and allocates.
///
/// # Safety
///
/// As `qsort` calls it: both point to elements of the array.
unsafe extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
    allocate();
    // SAFETY: `qsort` passes pointers to elements, which are bytes.
    unsafe { c_int::from(*a.cast::<u8>()) - c_int::from(*b.cast::<u8>()) }
}

/// Stacks that aren't the thread's own, taken in turn with those that are.
fn coroutines(seed: u64) {
    let steps = |seed| {
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            for i in 0..3 {
                Walk::new(seed + i, 40, &allocate).run();
                yielder.suspend(());
            }
        })
    };
    let mut running = [steps(seed), steps(seed + 3)];
    let mut round = seed;
    while !running.iter().all(Coroutine::done) {
        for coroutine in &mut running {
            round += 1;
            Walk::new(round, 20, &allocate).run();
            let (CoroutineResult::Yield(()) | CoroutineResult::Return(())) = coroutine.resume(());
        }
    }
}

/// Handlers that allocate. They interrupt nothing that does.
fn signals(seed: u64) {
    extern "C" fn handle(_: c_int) {
        allocate();
    }
    let handle: extern "C" fn(c_int) = handle;
    let raise = || {
        // SAFETY: the handler is installed.
        unsafe { libc::raise(libc::SIGUSR1) };
    };
    // SAFETY: the handler is a function of the type that is asked for.
    unsafe { libc::signal(libc::SIGUSR1, handle as libc::sighandler_t) };
    Walk::new(seed, 100, &raise).run();
}

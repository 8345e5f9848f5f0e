//! *Threads*: more of them, each of which touches its stack.

use super::Variant;
use crate::truth;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::Barrier;
use std::thread;

/// The threads of the base, and how many times as many the new run has.
const THREADS: usize = 4;
const TIMES: usize = 6;
/// What each has on its stack.
const STACK: usize = 512 << 10;
/// What each of the control's allocates beside it, in blocks of 16 KiB.
const BLOCKS: usize = 64;

/// All threads wait until the process ends. In the control there are as many as in the base, and each allocates more.
pub fn run(variant: Variant) {
    let threads = if variant == Variant::New { TIMES * THREADS } else { THREADS };
    let blocks = if variant == Variant::Control { BLOCKS } else { 1 };
    let ready = Arc::new(Barrier::new(threads + 1));
    for number in 0..threads {
        let ready = Arc::clone(&ready);
        let wait = move || {
            black_box(touch(number as u8));
            let kept: Vec<[u8; 16 << 10]> = black_box(vec![[number as u8; 16 << 10]; blocks]);
            ready.wait();
            loop {
                thread::park();
                black_box(&kept);
            }
        };
        thread::Builder::new().name(format!("worker-{number}")).spawn(wait).expect("a thread");
    }
    ready.wait();
    // And a page or two for the frames of each.
    truth!((TIMES - 1) * THREADS * STACK);
}

/// Writes to so much of the stack.
#[inline(never)]
fn touch(value: u8) -> u8 {
    let mut room = [0_u8; STACK];
    black_box(&mut room).fill(value);
    black_box(&room)[usize::from(value)]
}

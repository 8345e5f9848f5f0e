//! A random sequence of calls to the allocator, which a seed repeats: `random SEED STEPS [THREADS]`.
//!
//! With one thread, the probe and the reference are compared after every single call, so that a failure names
//! the call that they disagree on. With several, which pass their blocks on to each other, they are compared
//! whenever all threads stand still.

use crate::ALLOC;
use alloc_probe_tests::reference;
use alloc_probe_tests::subject;
use alloc_probe_tests::workload::Random;
use parking_lot::Mutex;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::Barrier;
use std::thread;

/// How often the threads stand still.
const ROUNDS: usize = 20;

/// Live blocks a thread keeps at most.
const KEPT: usize = 400;

pub(crate) fn main() {
    let numbers = subject::arguments().map(|word| word.parse().expect("a number")).collect::<Vec<u64>>();
    let (seed, steps) = (numbers[0], numbers[1] as usize);
    match numbers.get(2) {
        None => one_thread(seed, steps),
        Some(threads) => several_threads(seed, steps, *threads as usize),
    }
}

fn one_thread(seed: u64, steps: usize) {
    let mut random = Random(seed);
    let mut blocks = Vec::with_capacity(KEPT);
    for step in 0..steps {
        let before = reference::snapshot();
        let call = act(&mut random, &mut blocks);
        if std::panic::catch_unwind(subject::agree).is_err() {
            panic!("seed {seed}, step {step}: they disagree after {call}; before it: {before:?}");
        }
    }
    // Half of the blocks stay, for the end of the dump to have something in it.
    blocks.drain(..blocks.len() / 2).for_each(Block::free);
    subject::agree();
    std::mem::forget(blocks);
}

fn several_threads(seed: u64, steps: usize, threads: usize) {
    // A thread that panics would leave the others standing at the barrier for good.
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::exit(1);
    }));
    let barrier = Barrier::new(threads);
    // What one thread lays down here, any other may take up.
    let exchange = Mutex::new(Vec::with_capacity(threads * KEPT));
    let body = |thread: usize| {
        let mut random = Random(seed * 1_000 + thread as u64);
        let mut blocks = Vec::with_capacity(2 * KEPT);
        for round in 0..ROUNDS {
            for _ in 0..steps / ROUNDS {
                act(&mut random, &mut blocks);
                swap(&mut random, &mut blocks, &mut exchange.lock());
            }
            if barrier.wait().is_leader() {
                agree_standing_still(seed, round);
            }
            barrier.wait();
        }
        blocks.drain(..).for_each(Block::free);
    };
    let body = &body;
    thread::scope(|scope| {
        let running = (0..threads).map(|thread| scope.spawn(move || body(thread))).collect::<Vec<_>>();
        // The scope's own wait ends while the threads may still be freeing what was theirs.
        running.into_iter().for_each(|thread| thread.join().expect("no thread has panicked"));
    });
    exchange.into_inner().drain(..).for_each(Block::free);
}

/// Now and then, lays a block down for others, or takes one up.
fn swap(random: &mut Random, blocks: &mut Vec<Block>, exchange: &mut Vec<Block>) {
    match random.below(6) {
        0 if exchange.len() < exchange.capacity() => exchange.extend(blocks.pop()),
        1 if blocks.len() < KEPT => blocks.extend(exchange.pop()),
        _ => {}
    }
}

/// Compares what has to be the same however the threads' calls were interleaved.
fn agree_standing_still(seed: u64, round: usize) {
    let (probe, reference) = (alloc_probe::stats(), reference::snapshot());
    if !matches!(probe.mode, alloc_probe::Mode::Off) {
        let probe =
            [probe.total_bytes, probe.total_blocks, probe.live_bytes, probe.live_blocks, probe.realloc_calls];
        let reference = [
            reference.total_bytes,
            reference.total_blocks,
            reference.live_bytes,
            reference.live_blocks,
            reference.realloc_calls,
        ];
        assert_eq!(
            probe, reference,
            "seed {seed}, round {round}: bytes, blocks, live bytes, live blocks, reallocs"
        );
    }
}

/// Makes one call, or two, and says which.
fn act(random: &mut Random, blocks: &mut Vec<Block>) -> &'static str {
    match random.below(100) {
        _ if blocks.len() >= KEPT => take(random, blocks).map_or("nothing", |block| {
            block.free();
            "dealloc"
        }),
        0..40 => {
            blocks.extend(Block::new(layout(random), random.bits() as u8));
            "alloc"
        }
        40..52 => {
            blocks.extend(Block::zeroed(layout(random), random.bits() as u8));
            "alloc_zeroed"
        }
        52..70 => {
            let size = size(random);
            let resized = take(random, blocks).map(|block| block.resize(size));
            blocks.extend(resized);
            "realloc"
        }
        70..71 => {
            // More than there can be. The block that can't grow stays as it was.
            assert!(Block::new(Layout::from_size_align(TOO_MUCH, 8).expect("a layout"), 0).is_none());
            let block = take(random, blocks).map(|block| block.resize(TOO_MUCH));
            blocks.extend(block);
            "failing alloc and realloc"
        }
        _ => {
            take(random, blocks).into_iter().for_each(Block::free);
            "dealloc"
        }
    }
}

/// No allocator has this many bytes.
const TOO_MUCH: usize = isize::MAX as usize - 4096;

/// 1 byte to 1 MiB; each power of two is as likely.
fn size(random: &mut Random) -> usize {
    let bits = random.below(21);
    1 + random.below(1 << bits)
}

/// Mostly the alignments of ordinary types, and up to that of a page.
fn layout(random: &mut Random) -> Layout {
    let align = if random.below(4) == 0 { 1 << random.below(13) } else { 1 << random.below(5) };
    Layout::from_size_align(size(random), align).expect("a size far below the limit")
}

fn take(random: &mut Random, blocks: &mut Vec<Block>) -> Option<Block> {
    (!blocks.is_empty()).then(|| blocks.swap_remove(random.below(blocks.len())))
}

/// A block that is live and owned, with a pattern in its first and its last byte.
struct Block {
    start: *mut u8,
    layout: Layout,
    pattern: u8,
}

// SAFETY: a block is owned by whoever has it, and any thread may use and free it.
unsafe impl Send for Block {}

impl Block {
    fn new(layout: Layout, pattern: u8) -> Option<Block> {
        // SAFETY: no layout here has the size 0.
        Block::filled(unsafe { ALLOC.alloc(layout) }, layout, pattern)
    }

    fn zeroed(layout: Layout, pattern: u8) -> Option<Block> {
        // SAFETY: no layout here has the size 0.
        let start = unsafe { ALLOC.alloc_zeroed(layout) };
        if !start.is_null() {
            // SAFETY: the block has this many bytes, all of them initialised.
            let bytes = unsafe { std::slice::from_raw_parts(start, layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == 0));
        }
        Block::filled(start, layout, pattern)
    }

    /// Writes the pattern; none where there is no block.
    fn filled(start: *mut u8, layout: Layout, pattern: u8) -> Option<Block> {
        if start.is_null() {
            return None;
        }
        assert!(start.addr().is_multiple_of(layout.align()));
        // SAFETY: the block is live, and its first and last byte are within it.
        unsafe {
            start.write(pattern);
            start.add(layout.size() - 1).write(pattern);
        }
        Some(Block { start, layout, pattern })
    }

    /// Gives it another size if that can be had.
    fn resize(self, size: usize) -> Block {
        self.check();
        // SAFETY: the block is live and has this layout; the size is neither 0 nor above `isize::MAX`, rounded
        // up to the alignment of at most 4096.
        let start = unsafe { ALLOC.realloc(self.start, self.layout, size) };
        if start.is_null() {
            self.check();
            return self;
        }
        // SAFETY: the block has at least one byte, which the realloc has kept.
        assert_eq!(unsafe { start.read() }, self.pattern);
        let layout = Layout::from_size_align(size, self.layout.align()).expect("the allocator took it");
        Block::filled(start, layout, self.pattern).expect("it isn't null")
    }

    fn free(self) {
        self.check();
        // SAFETY: the block is live and has this layout.
        unsafe { ALLOC.dealloc(self.start, self.layout) };
    }

    /// Nobody else has written to the block.
    fn check(&self) {
        // SAFETY: the block is live, and its first and last byte are within it.
        let ends = unsafe { [self.start.read(), self.start.add(self.layout.size() - 1).read()] };
        assert_eq!(ends, [self.pattern; 2]);
    }
}

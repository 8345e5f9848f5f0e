//! Recording in mode `sample`: figures of threads exactly, as in `count`, and some blocks with their stacks.
//!
//! Samples are drawn from the stream of allocated bytes: the gaps between them are exponential with a mean of
//! *R* bytes, so a block of *s* bytes is taken with probability *p* = 1 − e^(−s/R), whatever came before. It then
//! stands for 1/*p* blocks of its size, which makes every sum over samples an unbiased estimate (Horvitz and
//! Thompson, 1952). Its variance is at most *R* times the estimate in bytes: each block contributes
//! (1 − p)(s/p)², and (1 − p)·s/p ≤ R.

use super::{count, failures, site, usdt};
use crate::capture::Registers;
use crate::os::clock;
use crate::profile::blocks;
use crate::profile::peak;
use crate::spool;
use crate::thread::{Thread, recording};
use alloc_probe_format::sampling::{sample_gap, sample_weight};
use alloc_probe_format::spool::block::{Block, UNIT_SHIFT};
use alloc_probe_format::spool::{SAMPLE_BLOCK, header, tally};
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering::Relaxed;

/// How many live samples have an address with a hash. Nearly every block that is freed was not sampled, and this
/// says so after one load, from a table that stays in the first-level cache.
static LIVE: [AtomicU16; 4096] = [const { AtomicU16::new(0) }; 4096];

#[inline(always)]
fn live(address: u64) -> &'static AtomicU16 {
    &LIVE[((address >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize]
}

/// Counts a block where that is all there is to do. Otherwise does nothing, and [`alloc`] is to be called.
#[inline(always)]
pub(crate) fn try_alloc(thread: &Thread, size: u64) -> bool {
    let left = thread.until_sample.get().wrapping_sub(size as i64);
    let plain = left >= 0 && count::try_alloc(thread, size);
    if plain {
        thread.until_sample.set(left);
        thread.last_block.set(0);
    }
    plain
}

/// Counts the end of a block where that is all there is to do. Otherwise does nothing, and [`dealloc`] is to be called.
#[inline(always)]
pub(crate) fn try_dealloc(thread: &Thread, address: u64, size: u64) -> bool {
    live(address).load(Relaxed) == 0 && count::try_dealloc(thread, size)
}

/// A block of `size` bytes was allocated.
#[inline(always)]
pub(crate) fn alloc(thread: &'static Thread, address: u64, size: u64, registers: Registers) {
    count::alloc(thread, size);
    thread.last_block.set(0);
    if is_due(thread, size) {
        take(thread, address, size, registers, None);
    }
}

/// The block at `address` is about to be freed.
#[inline(always)]
pub(crate) fn dealloc(thread: &'static Thread, address: u64, size: u64) {
    if live(address).load(Relaxed) != 0 {
        end(thread, address, size);
    }
    count::dealloc(thread, size);
}

/// Reallocates by `inner`. A failure changes nothing.
#[inline(always)]
pub(crate) fn realloc(
    thread: &'static Thread,
    (address, old_size, size): (u64, u64, u64),
    registers: Registers,
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let old = if live(address).load(Relaxed) != 0 { remove(thread, address, old_size) } else { None };
    let new = inner();
    if new.is_null() {
        if let Some(old) = old {
            keep(thread, old);
        }
        failures::note(thread, size, Some(registers));
        return new;
    }
    if let Some(old) = old {
        recording(thread, || end_site(thread, old, false));
    }
    count::realloc(thread, old_size, size);
    if is_due(thread, size) {
        take(thread, new as u64, size, registers, Some((address, old_size)));
    }
    new
}

#[inline(always)]
fn is_due(thread: &Thread, size: u64) -> bool {
    let left = thread.until_sample.get().wrapping_sub(size as i64);
    thread.until_sample.set(left);
    left < 0
}

/// The byte that was drawn lies in this block, or the thread has not drawn one yet.
#[cold]
#[inline(never)]
fn take(thread: &'static Thread, address: u64, size: u64, registers: Registers, from: Option<(u64, u64)>) {
    recording(thread, || {
        let mean = spool::header()[header::SAMPLE_BYTES].load(Relaxed);
        // Where the thread's stream starts here, this block is in it like any other.
        if begin(thread, mean) && !is_due(thread, size) {
            return;
        }
        thread.until_sample.set(draw(thread, mean));
        spool::header()[header::SAMPLED].store(1, Relaxed);
        let now = clock::ticks();
        let site = site::of_caller(thread, registers);
        let block = Block { address, size, site, allocated_at: now >> UNIT_SHIFT, sampled: true };
        if !keep(thread, block) {
            return;
        }
        let weight = Weight::of(size, mean);
        usdt::alloc(address, size, weight.bytes);
        if let Some(counter) = site::counter(thread, site) {
            counter.add(thread, weight.bytes, weight.blocks, peak::epoch(thread));
            counter.tally(thread, tally::SIZE + u64::from(size.max(1).ilog2()), weight.whole_blocks(thread));
            if let Some((old_address, old_size)) = from {
                counter.tally(thread, tally::REALLOC, weight.whole_blocks(thread));
                if old_address != address {
                    counter.tally(thread, tally::MOVED, weight.whole_blocks(thread));
                    counter.tally(thread, tally::MOVED_BYTES, weight.share(old_size.min(size), size));
                }
            }
        }
        thread.last_block.set(address as usize);
        crate::profile::timeline::tick(now);
    });
}

fn keep(thread: &Thread, block: Block) -> bool {
    let kept = blocks::insert(thread, block);
    if kept {
        live(block.address).fetch_add(1, Relaxed);
    } else {
        site::lose_block(block.size);
    }
    kept
}

fn remove(thread: &Thread, address: u64, size: u64) -> Option<Block> {
    let block = blocks::remove(thread, address, size)?;
    no_longer_live(address);
    Some(block)
}

/// A block ends that was perhaps sampled.
#[cold]
#[inline(never)]
fn end(thread: &'static Thread, address: u64, size: u64) {
    recording(thread, || {
        let temporary = thread.last_block.get() == address as usize;
        if let Some(block) = remove(thread, address, size) {
            end_site(thread, block, temporary);
        }
    });
}

/// The site's figures of a sample that ended.
pub(crate) fn end_site(thread: &Thread, block: Block, temporary: bool) {
    let Some(counter) = site::counter(thread, block.site) else { return };
    let mean = spool::header()[header::SAMPLE_BYTES].load(Relaxed);
    let weight = Weight::of(block.size, mean);
    // It may be the first that the thread has to do with samples: it frees what another allocated.
    begin(thread, mean);
    counter.remove(thread, weight.bytes, weight.blocks, peak::epoch(thread));
    let blocks = weight.whole_blocks(thread);
    counter.tally_lifetimes(thread, site::age(block), blocks);
    if temporary {
        counter.tally(thread, tally::TEMPORARY, blocks);
    }
}

/// A sample's record is gone.
pub(crate) fn no_longer_live(address: u64) {
    usdt::free(address);
    live(address).fetch_sub(1, Relaxed);
}

/// What a sampled block stands for.
struct Weight {
    /// Bytes.
    bytes: u64,
    /// Blocks, in parts of [`SAMPLE_BLOCK`].
    blocks: u64,
}

impl Weight {
    /// The same for every block of a size, so that an end takes away what the allocation added.
    fn of(size: u64, mean: u64) -> Weight {
        let (bytes, blocks) = sample_weight(size, mean);
        Weight { bytes, blocks }
    }

    /// Whole blocks, rounded up or down by chance so that sums are right on average.
    fn whole_blocks(&self, thread: &Thread) -> u64 {
        (self.blocks + random(thread) % SAMPLE_BLOCK) / SAMPLE_BLOCK
    }

    /// The share of the weighted bytes that `part` of `size` has.
    fn share(&self, part: u64, size: u64) -> u64 {
        (self.bytes as f64 * (part as f64 / size.max(1) as f64)) as u64
    }
}

/// Seeds the thread's numbers, and draws its first gap. False where that was done before.
fn begin(thread: &Thread, mean: u64) -> bool {
    if thread.random.get() != 0 {
        return false;
    }
    let seed = clock::ticks() ^ u64::from(thread.slot).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    thread.random.set(seed | 1);
    for _ in 0..4 {
        random(thread);
    }
    thread.until_sample.set(draw(thread, mean));
    true
}

/// Marsaglia's xorshift, multiplied (Vigna, 2016): the quality is far beyond what gaps need.
fn random(thread: &Thread) -> u64 {
    let mut x = thread.random.get();
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    thread.random.set(x);
    x.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// A gap: exponential with the given mean, at least one byte.
fn draw(thread: &Thread, mean: u64) -> i64 {
    let uniform = ((random(thread) >> 11) + 1) as f64 / (1u64 << 53) as f64;
    sample_gap(uniform, mean)
}

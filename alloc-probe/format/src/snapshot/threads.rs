//! The threads, those that live and those that ended.

use super::tally::Sums;
use super::words::load;
use crate::dump::Thread;
use crate::spool::{Section, Spool, header, thread};
use std::sync::atomic::AtomicU64;

/// The threads as the dump lists them, but with nodes as their deepest stacks, and their sum.
pub(super) fn threads(spool: &impl Spool) -> (Vec<Thread>, Sums) {
    let epoch = spool.header(header::EPOCH);
    let mut sum = Sums::default();
    let mut rows = Vec::new();
    let slots =
        |section| spool.words(section).chunks_exact(thread::WORDS).take(spool.count(section) as usize);
    for (section, alive) in [(Section::THREADS, true), (Section::ENDED, false)] {
        for (index, slot) in slots(section).enumerate() {
            let retiring = |from: &&[AtomicU64]| {
                load(from, thread::THREADS) != 0 && load(from, thread::RETIRING) == index as u64 + 1
            };
            let earlier = if alive { None } else { slots(Section::THREADS).find(retiring) };
            let earlier = earlier.map(|from| before_retirement(slot, from));
            let slot = earlier.as_deref().unwrap_or(slot);
            let tid = load(slot, thread::TID) as u32;
            let threads = load(slot, thread::THREADS);
            if threads == 0 {
                continue;
            }
            sum.add(Sums::of_thread(slot, epoch));
            let (total_bytes, total_blocks) =
                (load(slot, thread::TOTAL_BYTES), load(slot, thread::TOTAL_BLOCKS));
            let (freed_bytes, freed_blocks) =
                (load(slot, thread::FREED_BYTES), load(slot, thread::FREED_BLOCKS));
            // A peak is noted when it's over.
            let own_peak = (load(slot, thread::OWN_PEAK_BYTES), load(slot, thread::OWN_PEAK_BLOCKS));
            let live = (total_bytes.saturating_sub(freed_bytes), total_blocks.saturating_sub(freed_blocks));
            let (peak_bytes, peak_blocks) = if alive && live.0 > own_peak.0 { live } else { own_peak };
            rows.push(Thread {
                name: thread_name(slot),
                tid: alive.then_some(tid),
                threads,
                total_bytes,
                total_blocks,
                freed_bytes,
                freed_blocks,
                realloc_calls: load(slot, thread::REALLOCS),
                peak_bytes,
                peak_blocks,
                stack_bytes: load(slot, thread::STACK_BYTES),
                stack_limit_bytes: load(slot, thread::STACK_LIMIT),
                deepest_bytes: load(slot, thread::DEEPEST) >> 32,
                deepest_stack: load(slot, thread::DEEPEST) as u32,
            });
        }
    }
    (rows, sum)
}

/// A record of ended threads as it was before a thread began to add its figures, which it has not done to the end.
fn before_retirement(ended: &[AtomicU64], thread: &[AtomicU64]) -> Vec<AtomicU64> {
    let words = (0..thread::WORDS).map(|word| match word {
        thread::THREADS => load(thread, thread::EARLIER + thread::KEPT),
        0..thread::KEPT => load(thread, thread::EARLIER + word),
        _ => load(ended, word),
    });
    words.map(AtomicU64::new).collect()
}

fn thread_name(slot: &[AtomicU64]) -> String {
    let mut bytes = Vec::with_capacity(16);
    for word in 0..2 {
        bytes.extend(load(slot, thread::NAME + word).to_le_bytes());
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

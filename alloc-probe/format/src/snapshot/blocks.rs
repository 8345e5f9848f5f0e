//! The blocks that are live.

use super::clock::ClockScale;
use super::tally::LiveBlocks;
use super::words::load;
use crate::spool::block::{self, Block};
use crate::spool::{BLOCK_TABLES, SAMPLE_BLOCK, Section, Spool, header};

/// Ages of the blocks that are live, from the tables, by site.
pub(super) fn live_blocks(
    spool: &impl Spool,
    sites: usize,
    clock: &ClockScale,
) -> Vec<Option<Box<LiveBlocks>>> {
    let now = clock.now_ticks >> block::UNIT_SHIFT;
    let long_lived_units = (spool.header(header::LONG_LIVED_NS) as f64 / clock.unit_ns()) as u64;
    let sample_bytes = spool.header(header::SAMPLE_BYTES);
    let mut live = vec![None; sites];
    for_each_live_block(spool, |block| {
        let size = block.size;
        let Some(site) = live.get_mut(block.site as usize) else { return };
        let site = site.get_or_insert_with(|| Box::new(LiveBlocks::NONE));
        let mut age = now.wrapping_sub(block.allocated_at) & block::TIME_MASK;
        if age > block::TIME_MASK / 2 {
            age = 0; // Allocated after `now` was read.
        }
        let (bytes, parts) =
            if block.sampled { sample_weight(size, sample_bytes) } else { (size, SAMPLE_BLOCK) };
        site.add_age(age, parts);
        if age >= long_lived_units {
            site.long_lived_parts = site.long_lived_parts.wrapping_add(parts);
            site.long_lived_bytes = site.long_lived_bytes.wrapping_add(bytes);
        }
    });
    live
}

/// Calls `f` with each block that is live, in no order.
pub fn for_each_live_block(spool: &impl Spool, mut f: impl FnMut(Block)) {
    for index in 0..BLOCK_TABLES {
        for (section, words) in [(Section::narrow_blocks(index), 2), (Section::wide_blocks(index), 4)] {
            for entry in spool.words(section).chunks_exact(words) {
                let (first, second) = (load(entry, 0), load(entry, 1));
                if first > block::REMOVED && second != 0 {
                    let block = Block::unpack(first, second);
                    f(Block { size: if words == 4 { load(entry, 2) } else { block.size }, ..block });
                }
            }
        }
    }
}

/// What a block of a size stands for that was drawn by chance: bytes, and parts of blocks. It was drawn with
/// probability 1 − e^(−size/mean), and weighs the reciprocal.
pub fn sample_weight(size: u64, mean: u64) -> (u64, u64) {
    let ratio = size.max(1) as f64 / mean.max(1) as f64;
    let weight = 1.0 / -(-ratio).exp_m1();
    ((size as f64 * weight) as u64, (weight * SAMPLE_BLOCK as f64) as u64)
}

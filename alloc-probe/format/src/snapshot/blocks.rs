//! The blocks that are live.

use super::words::load;
use crate::spool::block::{self, Block};
use crate::spool::{BLOCK_TABLES, SAMPLE_BLOCK, Section, Spool};

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

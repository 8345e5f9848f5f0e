//! The blocks that are live.

use super::words::load;
use crate::spool::block::{self, Block};
use crate::spool::{BLOCK_TABLES, Section, Spool};

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

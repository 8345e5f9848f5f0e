//! The blocks that are live.

use super::words::load;
use crate::spool::block::{self, Block};
use crate::spool::{BLOCK_TABLES, SITE_LIMIT, Section, Spool};

/// For how many sites at a time what their live blocks tell is kept, at the least.
const SITES_AT_A_TIME: usize = 1 << 15;

/// How many places of the tables are looked at in all, where the sites are so many that the tables are read once for each
/// range of them. So a dump of many sites takes little memory, and one of many sites and blocks not too long.
const PLACES_IN_ALL: u64 = 1 << 26;

/// For how many sites at a time what their live blocks tell is kept.
pub fn sites_at_a_time(spool: &impl Spool) -> usize {
    let places = sections().map(|(section, words)| (spool.words(section).len() / words) as u64).sum::<u64>();
    // In a damaged file, there may be more.
    let sites = spool.count(Section::SITES).min(SITE_LIMIT).saturating_mul(places) / PLACES_IN_ALL;
    SITES_AT_A_TIME.max(sites.min(SITE_LIMIT) as usize)
}

/// The tables, with the words of a place.
fn sections() -> impl Iterator<Item = (Section, usize)> {
    (0..BLOCK_TABLES).flat_map(|index| [(Section::narrow_blocks(index), 2), (Section::wide_blocks(index), 4)])
}

/// Calls `f` with each block that is live, in no order.
pub fn for_each_live_block(spool: &impl Spool, mut f: impl FnMut(Block)) {
    for (section, words) in sections() {
        for entry in spool.words(section).chunks_exact(words) {
            let (first, second) = (load(entry, 0), load(entry, 1));
            if first > block::REMOVED && second != 0 {
                let block = Block::unpack(first, second);
                f(Block { size: if words == 4 { load(entry, 2) } else { block.size }, ..block });
            }
        }
    }
}

//! A heap that only grows: after each block that stays comes one that doesn't, so that nearly every free follows a new
//! peak. Then blocks are replaced by larger ones, at the peak. There are some ten thousand stacks.

use super::{Random, Work};
use std::hint::black_box;

/// Branchings of the tree of functions: 4^6 leaves.
const BRANCHINGS: u32 = 6;
/// Blocks that are replaced at the end, for each that stays.
const REPLACED: u64 = 3;

struct Grow {
    blocks: Vec<Vec<u8>>,
    random: Random,
    left_bytes: u64,
    left_replacements: u64,
    operations: u64,
}

pub(super) fn run(bytes: u64) -> Work {
    let mut grow = Grow {
        blocks: Vec::new(),
        random: Random(3),
        left_bytes: bytes,
        left_replacements: bytes / 1024 * REPLACED,
        operations: 0,
    };
    let mut work = Work::of(0, || {
        while grow.left_bytes > 0 || grow.left_replacements > 0 {
            walk::<0>(&mut grow, BRANCHINGS);
        }
    });
    work.operations = grow.operations;
    work
}

#[inline(never)]
fn walk<const OWN: u8>(grow: &mut Grow, branchings: u32) -> u64 {
    if branchings == 0 {
        return black_box(leaf::<OWN>(grow));
    }
    let mut sum = black_box(walk::<0>(grow, branchings - 1));
    sum += black_box(walk::<1>(grow, branchings - 1));
    sum += black_box(walk::<2>(grow, branchings - 1));
    black_box(sum + walk::<3>(grow, branchings - 1)) + u64::from(OWN)
}

#[inline(never)]
fn leaf<const OWN: u8>(grow: &mut Grow) -> u64 {
    for _ in 0..8 {
        let bits = grow.random.bits();
        if grow.left_bytes > 0 {
            let size = 256 + bits % 1536;
            grow.left_bytes = grow.left_bytes.saturating_sub(size);
            grow.blocks.push(vec![OWN + 1; size as usize]);
            drop(black_box(Box::new([bits; 4])));
            grow.operations += 2;
        } else if grow.left_replacements > 0 {
            grow.left_replacements -= 1;
            let place = bits as usize % grow.blocks.len();
            let size = grow.blocks[place].len() + 8;
            grow.blocks[place] = Vec::new();
            grow.blocks[place] = vec![OWN + 1; size];
            grow.operations += 1;
        }
    }
    1
}

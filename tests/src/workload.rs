//! A program that allocates the same whenever it runs: under the probe, under `dhat`, and bare.

use std::collections::BTreeMap;
use std::fmt;

/// What one run of [`run`] allocated, as each of its three observers can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes allocated.
    pub total_bytes: u64,
    /// Blocks allocated.
    pub total_blocks: u64,
    /// Bytes live at the peak, above those that were live before.
    pub peak_bytes: u64,
    /// Blocks live at the peak, above those that were live before.
    pub peak_blocks: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Usage { total_bytes, total_blocks, peak_bytes, peak_blocks } = self;
        write!(f, "total {total_bytes} B in {total_blocks}, peak {peak_bytes} B in {peak_blocks}")
    }
}

/// Builds an index of words, sorts and joins it, and throws all of it away: strings, vectors that grow, a tree,
/// zeroed buffers, boxes of several sizes.
pub fn run() -> usize {
    let mut lines = words().iter().map(|(word, places)| format!("{word}: {places:?}")).collect::<Vec<_>>();
    lines.sort();
    let text = lines.join("\n");
    let zeroed = vec![0_u8; text.len() / 2];
    let mut random = Random(0x0b0e);
    let mut boxes =
        (0..300).map(|_| vec![7_u8; 1 + random.below(5_000)].into_boxed_slice()).collect::<Vec<_>>();
    boxes.truncate(20);
    boxes.shrink_to_fit();
    text.len() + zeroed.len() + boxes.iter().map(|bytes| bytes.len()).sum::<usize>()
}

/// The places of each word in a made-up text.
pub fn words() -> BTreeMap<String, Vec<u32>> {
    let mut random = Random(0x5eed);
    let mut index = BTreeMap::<String, Vec<u32>>::new();
    for place in 0..20_000 {
        index.entry(format!("word{}", random.below(700))).or_default().push(place);
        if place % 4_000 == 3_999 {
            // Every so often, the words of an odd length are dropped.
            index.retain(|word, _| word.len() % 2 == 0);
        }
    }
    index
}

/// A small random number generator (SplitMix64), so that a seed says everything about a run.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }
}

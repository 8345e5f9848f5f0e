//! The stack tree of a dump: the nodes that sites need, as rows. A row is made when it is written; what is kept is a bit for
//! each node, and how many rows there are before each 64th.

use super::facts::Facts;
use super::image_ranges::ImageRanges;
use super::words::load;
use crate::dump::StackNode;
use crate::spool::FrameKind;
use crate::spool::{NODE_WORDS, Section, Spool};
use std::sync::atomic::AtomicU64;

/// The rows of a dump's tree, and the row of each node.
pub(super) struct Rows<'a> {
    nodes: Nodes<'a>,
    ranges: ImageRanges,
    /// Bits of the nodes that are rows.
    is_row: Vec<u64>,
    /// For each word of these, how many rows come before it, with the root's.
    before: Vec<u32>,
}

impl<'a> Rows<'a> {
    /// The rows for the given innermost nodes and all that they hang on.
    pub(super) fn of(
        spool: &'a impl Spool,
        facts: &Facts,
        innermost: impl Iterator<Item = usize>,
    ) -> Rows<'a> {
        let nodes = Nodes::of(spool);
        let mut needed = vec![0u64; nodes.count.div_ceil(64)];
        for mut node in innermost {
            while node != 0 && node < nodes.count && needed[node / 64] >> (node % 64) & 1 == 0 {
                let parent = nodes.parent(node);
                if parent >= node {
                    break; // Not a tree: a damaged file.
                }
                needed[node / 64] |= 1 << (node % 64);
                node = parent;
            }
        }
        let mut count = 1;
        let mut before = Vec::with_capacity(needed.len());
        for word in &needed {
            before.push(count);
            count += word.count_ones();
        }
        Rows { nodes, ranges: ImageRanges::new(facts), is_row: needed, before }
    }

    /// The row of a node; the root's where there is none.
    pub(super) fn row(&self, node: usize) -> u32 {
        let Some(word) = self.is_row.get(node / 64).filter(|_| node != 0) else { return 0 };
        match word >> (node % 64) & 1 {
            1 => self.before[node / 64] + (word & ((1 << (node % 64)) - 1)).count_ones(),
            _ => 0,
        }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> usize {
        let last = self.is_row.last().map_or(0, |word| word.count_ones());
        (self.before.last().copied().unwrap_or(1) + last) as usize
    }

    /// Calls `f` with each row, a parent before its children.
    pub(super) fn for_each(&self, mut f: impl FnMut(StackNode)) {
        f(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        for (index, word) in self.is_row.iter().enumerate() {
            let mut bits = *word;
            while bits != 0 {
                let node = index * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                f(self.ranges.row(self.row(self.nodes.parent(node)), self.nodes.key(node)));
            }
        }
    }

    /// All rows.
    pub(super) fn collect(&self) -> Vec<StackNode> {
        let mut rows = Vec::with_capacity(self.count());
        self.for_each(|row| rows.push(row));
        rows
    }
}

struct Nodes<'a> {
    words: &'a [AtomicU64],
    count: usize,
}

impl<'a> Nodes<'a> {
    fn of(spool: &'a impl Spool) -> Nodes<'a> {
        let words = spool.words(Section::NODES);
        Nodes { words, count: (words.len() / NODE_WORDS).min(spool.count(Section::NODES) as usize) }
    }

    fn key(&self, node: usize) -> u64 {
        load(self.words, node * NODE_WORDS)
    }

    fn parent(&self, node: usize) -> usize {
        (load(self.words, node * NODE_WORDS + 1) >> 32) as usize
    }
}

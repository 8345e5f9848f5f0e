//! The stack tree of a dump: the nodes that sites need, as rows. A row is made when it is written; what is kept is a bit for
//! each node, and how many rows there are before each 64th.

use super::facts::Facts;
use super::image_ranges::ImageRanges;
use super::words::load;
use crate::dump::StackNode;
use crate::spool::FrameKind;
use crate::spool::{NODE_WORDS, Section, Spool, header};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

/// The rows of a dump's tree, and the row of each node.
pub(super) struct Rows<'a> {
    nodes: Nodes<'a>,
    ranges: ImageRanges,
    /// Bits of the nodes that are rows.
    is_row: Vec<u64>,
    /// For each word of these, how many rows come before it, with the root's.
    before: Vec<u32>,
    /// Rows of nodes that are twins of an earlier one.
    twins: HashMap<u32, u32>,
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
        let before = Vec::with_capacity(needed.len());
        let ranges = ImageRanges::new(facts);
        let mut rows = Rows { nodes, ranges, is_row: needed, before, twins: HashMap::new() };
        // Two threads may have added one frame at once, and so made twins: they become one row.
        rows.number(spool.header(header::CONCURRENT) != 0);
        rows
    }

    /// Counts the rows, and merges twins where there can be any. Parents come first, so theirs are counted.
    fn number(&mut self, has_twins: bool) {
        let mut count = 1;
        let mut known = has_twins.then(|| {
            let needed = self.is_row.iter().map(|word| word.count_ones() as usize).sum();
            NodeTable::with_room_for(needed)
        });
        for word in 0..self.is_row.len() {
            self.before.push(count);
            if let Some(known) = &mut known {
                let mut bits = self.is_row[word];
                while bits != 0 {
                    let node = word * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    if let Some(first) = known.add(self, node) {
                        self.is_row[word] &= !(1 << (node % 64));
                        self.twins.insert(node as u32, first);
                    }
                }
            }
            count += self.is_row[word].count_ones();
        }
    }

    /// The row of a node; the root's where there is none.
    pub(super) fn row(&self, node: usize) -> u32 {
        let Some(word) = self.is_row.get(node / 64).filter(|_| node != 0) else { return 0 };
        match word >> (node % 64) & 1 {
            1 => self.before[node / 64] + (word & ((1 << (node % 64)) - 1)).count_ones(),
            _ => self.twins.get(&(node as u32)).copied().unwrap_or(0),
        }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> usize {
        let last = self.is_row.last().map_or(0, |word| word.count_ones());
        (self.before.last().copied().unwrap_or(1) + last) as usize
    }

    /// What a row's parent is, and its frame.
    fn parent_and_key(&self, node: usize) -> (u32, u64) {
        (self.row(self.nodes.parent(node)), self.nodes.key(node))
    }

    /// Calls `f` with each row, a parent before its children.
    pub(super) fn for_each(&self, mut f: impl FnMut(StackNode)) {
        f(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        for (index, word) in self.is_row.iter().enumerate() {
            let mut bits = *word;
            while bits != 0 {
                let node = index * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (parent, key) = self.parent_and_key(node);
                f(self.ranges.row(parent, key));
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

/// Nodes by their parents' rows and their frames, in the least memory: half of the places at the most are taken.
struct NodeTable {
    nodes: Vec<u32>,
}

impl NodeTable {
    fn with_room_for(count: usize) -> NodeTable {
        NodeTable { nodes: vec![0; (count * 2).next_power_of_two()] }
    }

    /// The row of an earlier twin of a node; where there is none, the node is added.
    fn add(&mut self, rows: &Rows<'_>, node: usize) -> Option<u32> {
        let (parent, key) = rows.parent_and_key(node);
        let mask = self.nodes.len() - 1;
        let hash = (key ^ u64::from(parent).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut at = (hash >> 32) as usize & mask;
        loop {
            match self.nodes[at] as usize {
                0 => {
                    self.nodes[at] = node as u32;
                    return None;
                }
                other if rows.parent_and_key(other) == (parent, key) => return Some(rows.row(other)),
                _ => at = (at + 1) & mask,
            }
        }
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

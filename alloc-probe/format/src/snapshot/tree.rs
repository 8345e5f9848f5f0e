//! The stack tree of a dump: the nodes that sites need, as rows.

use super::tally::load;
use crate::dump::{FrameKind, Image, StackNode};
use crate::spool::{NODE_WORDS, Section, Spool, frame_key, header};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

/// The rows of a dump's tree, and the row of each node.
pub(super) struct Rows {
    pub(super) rows: Vec<StackNode>,
    row_of: Vec<u32>,
}

impl Rows {
    /// The rows for the given innermost nodes and all that they hang on.
    pub(super) fn of(spool: &impl Spool, images: &[Image], innermost: impl Iterator<Item = usize>) -> Rows {
        let nodes = Nodes::of(spool);
        let mut needed = vec![false; nodes.count];
        let mut count = 1;
        for mut node in innermost {
            while node != 0 && node < nodes.count && !needed[node] {
                needed[node] = true;
                count += 1;
                let parent = nodes.parent(node);
                if parent >= node {
                    break; // Not a tree: a damaged file.
                }
                node = parent;
            }
        }

        let ranges = ImageRanges::new(images);
        let mut rows = Vec::with_capacity(count);
        rows.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        let mut row_of = vec![0u32; nodes.count.max(1)];
        // Two threads may have added one frame at once, and so made twins: they become one row.
        let mut twins = (spool.header(header::CONCURRENT) != 0).then(|| HashMap::with_capacity(count));
        for node in 1..nodes.count {
            let (key, up) = (nodes.key(node), nodes.parent(node));
            if !needed[node] || up >= node {
                continue;
            }
            let parent = row_of[up];
            let next = rows.len() as u32;
            let row = twins.as_mut().map_or(next, |twins| *twins.entry((parent, key)).or_insert(next));
            if row == next {
                rows.push(ranges.row(parent, key));
            }
            row_of[node] = row;
        }
        Rows { rows, row_of }
    }

    /// The row of a node; the root's where there is none.
    pub(super) fn row(&self, node: usize) -> u32 {
        self.row_of.get(node).copied().unwrap_or(0)
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

/// Which image an address lies in.
struct ImageRanges<'a> {
    images: &'a [Image],
    by_start: Vec<u32>,
}

impl<'a> ImageRanges<'a> {
    fn new(images: &'a [Image]) -> ImageRanges<'a> {
        let mut by_start: Vec<u32> = (0..images.len() as u32).collect();
        by_start.sort_by_key(|&index| images[index as usize].load_address);
        ImageRanges { images, by_start }
    }

    fn row(&self, parent: u32, key: u64) -> StackNode {
        let (kind, address) = (frame_key::kind(key), frame_key::address(key));
        if kind == FrameKind::Cut {
            return StackNode { parent, image: None, address: 0, kind };
        }
        let after =
            self.by_start.partition_point(|&index| self.images[index as usize].load_address <= address);
        let found = self.by_start[..after].iter().rev().copied().find(|&index| {
            let image = &self.images[index as usize];
            address - image.load_address < image.size
        });
        match found {
            Some(index) => {
                let address = address - self.images[index as usize].load_address;
                StackNode { parent, image: Some(index), address, kind }
            }
            None => StackNode { parent, image: None, address, kind },
        }
    }
}

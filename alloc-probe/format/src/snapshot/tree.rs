//! The stack tree of a dump: the nodes that sites need, as rows.

use super::facts::Facts;
use super::words::load;
use crate::dump::StackNode;
use crate::spool::FrameKind;
use crate::spool::{NODE_WORDS, Section, Spool, frame_key, header};
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::AtomicU64;

/// The rows of a dump's tree, and the row of each node.
pub(super) struct Rows {
    pub(super) rows: Vec<StackNode>,
    row_of: Vec<u32>,
}

impl Rows {
    /// The rows for the given innermost nodes and all that they hang on.
    pub(super) fn of(spool: &impl Spool, facts: &Facts, innermost: impl Iterator<Item = usize>) -> Rows {
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

        let ranges = ImageRanges::new(facts);
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
    facts: &'a Facts,
    /// Where an image, or none, begins to be the one that stands there, by address. Of those that overlap it is the
    /// last, as what it replaced is gone; frames of that are marked.
    changes: Vec<(u64, Option<u32>)>,
}

impl<'a> ImageRanges<'a> {
    fn new(facts: &'a Facts) -> ImageRanges<'a> {
        let ranges = (0u32..)
            .zip(&facts.images)
            .map(|(index, image)| (image.load_address, image.load_address.saturating_add(image.size), index));
        let mut starts: Vec<(u64, u64, u32)> = ranges.filter(|(start, end, _)| start < end).collect();
        starts.sort_unstable();
        let mut bounds: Vec<u64> = starts.iter().flat_map(|&(start, end, _)| [start, end]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let mut starts = starts.into_iter().peekable();
        // Those that have begun, the latest on top; one that has ended goes when it comes up.
        let mut begun: BinaryHeap<(u32, u64)> = BinaryHeap::new();
        let change = |at: u64| {
            while let Some((_, end, index)) = starts.next_if(|&(start, _, _)| start <= at) {
                begun.push((index, end));
            }
            while begun.peek().is_some_and(|&(_, end)| end <= at) {
                begun.pop();
            }
            (at, begun.peek().map(|&(index, _)| index))
        };
        let changes = bounds.into_iter().map(change).collect();
        ImageRanges { facts, changes }
    }

    fn row(&self, parent: u32, key: u64) -> StackNode {
        let (kind, address) = (frame_key::kind(key), frame_key::address(key));
        if kind == FrameKind::Cut {
            return StackNode { parent, image: None, address: 0, kind };
        }
        let image = match frame_key::image(key) {
            Some(number) => self.facts.image_numbers.binary_search(&number).ok().map(|index| index as u32),
            None => {
                let after = self.changes.partition_point(|&(start, _)| start <= address);
                after.checked_sub(1).and_then(|last| self.changes[last].1)
            }
        };
        let offset = |index: u32| address.checked_sub(self.facts.images[index as usize].load_address);
        match image.and_then(|index| Some((index, offset(index)?))) {
            Some((index, address)) => StackNode { parent, image: Some(index), address, kind },
            None => StackNode { parent, image: None, address, kind },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Image;

    fn ranges(images: &[(u64, u64)]) -> Facts {
        let images =
            images.iter().map(|&(load_address, size)| Image { load_address, size, ..Image::default() });
        let images: Vec<Image> = images.collect();
        Facts { image_numbers: (0..images.len() as u64).collect(), images, ..Facts::default() }
    }

    #[test]
    fn of_images_that_overlap_the_last_stands() {
        let facts = ranges(&[(100, 100), (500, 100), (50, 100), (120, 10), (u64::MAX, 7)]);
        let ranges = ImageRanges::new(&facts);
        let image = |address: u64| ranges.row(0, address).image;
        let expected = [
            (49, None),
            (50, Some(2)),
            (110, Some(2)),
            (120, Some(3)),
            (129, Some(3)),
            (130, Some(2)),
            (150, Some(0)),
            (199, Some(0)),
            (200, None),
            (599, Some(1)),
            (600, None),
        ];
        for (address, index) in expected {
            assert_eq!(image(address), index, "{address}");
        }
    }

    #[test]
    fn a_marked_frame_is_of_the_image_that_is_gone() {
        let mut facts = ranges(&[(100, 100), (100, 100), (300, 10)]);
        facts.image_numbers = vec![0, 4, 7];
        let ranges = ImageRanges::new(&facts);
        assert_eq!(
            ranges.row(9, 150),
            StackNode { parent: 9, image: Some(1), address: 50, ..StackNode::default() }
        );
        for (number, image) in [(0, Some(0)), (4, Some(1)), (5, None), (7, None), (1 << 20, None)] {
            let row = ranges.row(9, 150 | frame_key::of_gone(number));
            assert_eq!((row.image, row.kind), (image, FrameKind::Call), "{number}");
        }
    }
}

//! Which image an address lies in.

use super::facts::Facts;
use crate::dump::StackNode;
use crate::spool::{FrameKind, frame_key};
use std::collections::BinaryHeap;

/// The images by their addresses.
pub(super) struct ImageRanges {
    /// By image, its number and its address.
    images: Vec<(u64, u64)>,
    /// Where an image, or none, begins to be the one that stands there, by address. Of those that overlap it is the
    /// last, as what it replaced is gone; frames of that are marked.
    changes: Vec<(u64, Option<u32>)>,
}

impl ImageRanges {
    pub(super) fn new(facts: &Facts) -> ImageRanges {
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
        let numbers = facts.image_numbers.iter().copied();
        let images = numbers.zip(facts.images.iter().map(|image| image.load_address)).collect();
        ImageRanges { images, changes }
    }

    /// The row of a frame below a parent.
    pub(super) fn row(&self, parent: u32, key: u64) -> StackNode {
        let (kind, address) = (frame_key::kind(key), frame_key::address(key));
        match kind {
            FrameKind::Cut => return StackNode { parent, image: None, address: 0, kind },
            FrameKind::Operation => return StackNode { parent, image: None, address, kind },
            _ => {}
        }
        let image = match frame_key::image(key) {
            Some(number) => {
                self.images.binary_search_by_key(&number, |image| image.0).ok().map(|index| index as u32)
            }
            None => {
                let after = self.changes.partition_point(|&(start, _)| start <= address);
                after.checked_sub(1).and_then(|last| self.changes[last].1)
            }
        };
        let offset = |index: u32| address.checked_sub(self.images[index as usize].1);
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

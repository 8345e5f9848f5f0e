//! How many blocks of which sizes: what tells sites apart where names and lines do not.

use crate::analyse::diff::chain::Group;
use crate::profile::Profile;

/// Size classes are powers of two of 64 bits, and zero.
const CLASSES: usize = 65;

/// Blocks by size.
#[derive(Clone, Debug)]
pub(super) struct Amount {
    classes: [u64; CLASSES],
    /// All of them.
    pub(super) blocks: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

impl Default for Amount {
    fn default() -> Amount {
        Amount { classes: [0; CLASSES], blocks: 0, bytes: 0 }
    }
}

impl Amount {
    /// What a group allocated. Where a dump has no sizes, all blocks are taken for those of the mean size.
    pub(super) fn of(group: &Group, profile: &Profile) -> Amount {
        let mut amount = Amount {
            blocks: group.figures.total_blocks,
            bytes: group.figures.total_bytes,
            ..Amount::default()
        };
        let mut known = 0_u64;
        for (class, blocks) in group.sites.iter().flat_map(|site| &profile.sites[*site as usize].sizes) {
            if let Some(sum) = amount.classes.get_mut(usize::from(*class)) {
                *sum = sum.saturating_add(*blocks);
                known = known.saturating_add(*blocks);
            }
        }
        if known == 0 && amount.blocks > 0 {
            let mean = amount.bytes / amount.blocks;
            amount.classes[mean.checked_ilog2().map_or(0, |class| class as usize + 1)] = amount.blocks;
        }
        amount
    }

    /// So many blocks of one size class.
    #[cfg(test)]
    pub(super) fn of_blocks(blocks: u64, class: usize) -> Amount {
        let mut amount = Amount { blocks, bytes: blocks << class, ..Amount::default() };
        amount.classes[class] = blocks;
        amount
    }

    /// What has come to an earlier sum.
    pub(super) fn since(&self, earlier: &Amount) -> Amount {
        let mut since = self.clone();
        since.classes.iter_mut().zip(&earlier.classes).for_each(|(sum, before)| *sum -= before);
        since.blocks -= earlier.blocks;
        since.bytes -= earlier.bytes;
        since
    }

    /// Adds another.
    pub(super) fn add(&mut self, other: &Amount) {
        self.classes.iter_mut().zip(&other.classes).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        self.blocks = self.blocks.saturating_add(other.blocks);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// What this has beyond another. `sizes_tell`: a block has the same size in both, so what one has more of a size is
    /// not what the other has more of another. Otherwise, where they have as many blocks, the same blocks have other sizes,
    /// and it's nothing.
    pub(super) fn beyond(&self, other: &Amount, sizes_tell: bool) -> Amount {
        let mut left = Amount::default();
        let mut blocks = if sizes_tell { self.blocks } else { self.blocks.saturating_sub(other.blocks) };
        if blocks == 0 {
            return left;
        }
        for class in 0..CLASSES {
            let more = self.classes[class].saturating_sub(other.classes[class]).min(blocks);
            left.classes[class] = more;
            left.blocks += more;
            blocks -= more;
        }
        let is_more_alone = self.blocks.saturating_sub(other.blocks) == left.blocks;
        if !sizes_tell || is_more_alone {
            left.blocks = self.blocks.saturating_sub(other.blocks);
            left.bytes = self.bytes.saturating_sub(other.bytes);
        } else {
            left.bytes = left.bytes_by_class();
        }
        left
    }

    /// How many bytes blocks of these size classes have, about: three quarters of the most.
    fn bytes_by_class(&self) -> u64 {
        let of = |(class, blocks): (usize, &u64)| blocks.saturating_mul((3_u128 << class >> 2) as u64);
        self.classes.iter().enumerate().map(of).fold(0, u64::saturating_add)
    }

    /// How many blocks of the same sizes both have.
    pub(super) fn common(&self, other: &Amount) -> u64 {
        self.classes.iter().zip(&other.classes).map(|(a, b)| *a.min(b)).fold(0, u64::saturating_add)
    }

    /// Which share of its blocks finds blocks of the same sizes in another.
    pub(super) fn fits_into(&self, other: &Amount) -> f32 {
        if self.blocks == 0 { 1.0 } else { self.common(other) as f32 / self.blocks as f32 }
    }

    /// How alike two are: 1 where they are the same.
    pub(super) fn likeness(&self, other: &Amount) -> f32 {
        let most = self.blocks.max(other.blocks);
        if most == 0 { 1.0 } else { self.common(other) as f32 / most as f32 }
    }

    /// Takes out what another has of the same sizes.
    pub(super) fn take(&mut self, other: &Amount) {
        let mean = self.bytes.checked_div(self.blocks).unwrap_or(0);
        for (class, theirs) in self.classes.iter_mut().zip(&other.classes) {
            let common = (*class).min(*theirs);
            *class -= common;
            self.blocks = self.blocks.saturating_sub(common);
            self.bytes = self.bytes.saturating_sub(mean.saturating_mul(common));
        }
    }
}

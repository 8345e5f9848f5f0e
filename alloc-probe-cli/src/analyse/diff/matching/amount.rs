//! How many blocks of which sizes: what tells sites apart where names and lines do not.

use crate::analyse::diff::chain::Group;
use crate::profile::Profile;
use smallvec::SmallVec;

/// The highest size class: they are powers of two of 64 bits, and zero.
const LAST: u8 = 64;

/// Size classes with the blocks of each. PERF: no more than two are in the place of a list.
type Classes = SmallVec<[(u8, u64); 2]>;

/// Blocks by size: most sites have blocks of one or two size classes.
#[derive(Clone, Debug, Default)]
pub(super) struct Amount {
    /// Size classes in ascending order, with the blocks of each, of which there are some.
    classes: Classes,
    /// All of them.
    pub(super) blocks: u64,
    /// Their bytes.
    pub(super) bytes: u64,
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
            if *class <= LAST && *blocks > 0 {
                let at = amount.classes.binary_search_by_key(class, |known| known.0);
                match at {
                    Ok(at) => amount.classes[at].1 = amount.classes[at].1.saturating_add(*blocks),
                    Err(at) => amount.classes.insert(at, (*class, *blocks)),
                }
                known = known.saturating_add(*blocks);
            }
        }
        if known == 0 && amount.blocks > 0 {
            let mean = amount.bytes / amount.blocks;
            amount.classes.push((mean.checked_ilog2().map_or(0, |class| class as u8 + 1), amount.blocks));
        }
        amount
    }

    /// So many blocks of one size class.
    #[cfg(test)]
    pub(super) fn of_blocks(blocks: u64, class: u8) -> Amount {
        let classes = (blocks > 0).then_some((class, blocks)).into_iter().collect();
        Amount { blocks, bytes: blocks << class, classes }
    }

    /// What has come to an earlier sum.
    pub(super) fn since(&self, earlier: &Amount) -> Amount {
        Amount {
            classes: self.without(earlier, |sum, before| sum - before),
            blocks: self.blocks - earlier.blocks,
            bytes: self.bytes - earlier.bytes,
        }
    }

    /// The classes less another's.
    fn without(&self, other: &Amount, mut less: impl FnMut(u64, u64) -> u64) -> Classes {
        let mut theirs = other.classes.iter().peekable();
        let left = self.classes.iter().filter_map(|&(class, blocks)| {
            while theirs.next_if(|their| their.0 < class).is_some() {}
            let common = theirs.next_if(|their| their.0 == class).map_or(0, |their| their.1);
            let left = less(blocks, common);
            (left > 0).then_some((class, left))
        });
        left.collect()
    }

    /// Adds another.
    pub(super) fn add(&mut self, other: &Amount) {
        self.blocks = self.blocks.saturating_add(other.blocks);
        self.bytes = self.bytes.saturating_add(other.bytes);
        // From here on, classes that both have come in the same order.
        let mut at = 0;
        for &(class, blocks) in &other.classes {
            while self.classes.get(at).is_some_and(|known| known.0 < class) {
                at += 1;
            }
            match self.classes.get_mut(at).filter(|known| known.0 == class) {
                Some((_, sum)) => *sum = sum.saturating_add(blocks),
                None => self.classes.insert(at, (class, blocks)),
            }
        }
    }

    /// What this has beyond another. `sizes_tell`: a block has the same size in both, so what one has more of a size is
    /// not what the other has more of another. Otherwise, where they have as many blocks, the same blocks have other sizes,
    /// and it's nothing.
    pub(super) fn beyond(&self, other: &Amount, sizes_tell: bool) -> Amount {
        let more_alone = self.blocks.saturating_sub(other.blocks);
        let mut blocks = if sizes_tell { self.blocks } else { more_alone };
        if blocks == 0 {
            return Amount::default();
        }
        let mut of_classes = 0;
        let classes = self.without(other, |ours, theirs| {
            let more = ours.saturating_sub(theirs).min(blocks);
            of_classes += more;
            blocks -= more;
            more
        });
        let mut left = Amount { classes, blocks: of_classes, bytes: 0 };
        if !sizes_tell || more_alone == of_classes {
            left.blocks = more_alone;
            left.bytes = self.bytes.saturating_sub(other.bytes);
        } else {
            left.bytes = left.bytes_by_class();
        }
        left
    }

    /// The blocks of each class that both have.
    fn both<'a>(&'a self, other: &'a Amount) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut theirs = other.classes.iter().peekable();
        self.classes.iter().filter_map(move |&(class, blocks)| {
            while theirs.next_if(|their| their.0 < class).is_some() {}
            theirs.next_if(|their| their.0 == class).map(|their| (blocks, their.1))
        })
    }

    /// How many bytes blocks of these size classes have, about: three quarters of the most.
    fn bytes_by_class(&self) -> u64 {
        let of = |(class, blocks): &(u8, u64)| blocks.saturating_mul((3_u128 << class >> 2) as u64);
        self.classes.iter().map(of).fold(0, u64::saturating_add)
    }

    /// How many blocks of the same sizes both have.
    pub(super) fn common(&self, other: &Amount) -> u64 {
        self.both(other).map(|(a, b)| a.min(b)).fold(0, u64::saturating_add)
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
        for (ours, theirs) in self.both(other).collect::<Vec<_>>() {
            let common = ours.min(theirs);
            self.blocks = self.blocks.saturating_sub(common);
            self.bytes = self.bytes.saturating_sub(mean.saturating_mul(common));
        }
        self.classes = self.without(other, |ours, theirs| ours - ours.min(theirs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(classes: &[(u8, u64)]) -> Amount {
        let mut sum = Amount::default();
        classes.iter().for_each(|(class, blocks)| sum.add(&Amount::of_blocks(*blocks, *class)));
        sum
    }

    #[test]
    fn sizes_are_told_apart() {
        let (one, other) = (amount(&[(9, 2), (3, 5), (63, 0)]), amount(&[(3, 4), (9, 7), (5, 1)]));
        assert_eq!((one.blocks, one.classes.as_slice()), (7, &[(3, 5), (9, 2)][..]));
        assert_eq!((one.common(&other), other.common(&one)), (6, 6));
        let mut sum = one.clone();
        sum.add(&other);
        assert_eq!((sum.blocks, sum.classes.as_slice()), (19, &[(3, 9), (5, 1), (9, 9)][..]));
        assert_eq!(sum.since(&other).classes, one.classes);
        assert_eq!(sum.since(&one).classes, other.classes);
        assert_eq!(one.beyond(&other, false).blocks, 0);
        assert_eq!(one.beyond(&other, true).classes[..], [(3, 1)]);
        let beyond = other.beyond(&one, true);
        assert_eq!((beyond.blocks, beyond.classes.as_slice()), (6, &[(5, 1), (9, 5)][..]));
        let beyond = other.beyond(&one, false);
        assert_eq!((beyond.blocks, beyond.classes.as_slice()), (5, &[(5, 1), (9, 4)][..]));
        let mut left = other.clone();
        left.take(&one);
        assert_eq!((left.blocks, left.classes.as_slice()), (6, &[(5, 1), (9, 5)][..]));
        assert_eq!((one.fits_into(&sum), sum.likeness(&sum)), (1.0, 1.0));
    }
}

//! Which groups of two builds are worth comparing, and who gets whom.
//!
//! Comparing all with all would take hours with 100,000 sites. Two groups are compared only where they share a
//! key, and where very many do, each only with those whose figures are nearest to its own.

use super::group::Group;

/// How many groups of the other build each is compared with, where more than that share its key.
const NEAREST: usize = 32;

/// A group of one build, found under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// A hash of what both must have in common.
    pub(super) key: u64,
    /// The group's index.
    pub(super) group: u32,
}

/// A possible pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The group of the base.
    pub(super) base: u32,
    /// The group of the new build.
    pub(super) new: u32,
    /// How good the pair would be.
    pub(super) score: f32,
    /// How many lines apart the two are: which of several equally good ones it is.
    pub(super) distance: u32,
}

/// Calls `found` for each group of `left` with those of `right` that have a key of its own.
pub(super) fn join(
    (left_groups, mut left): (&[Group], Vec<Entry>),
    (right_groups, mut right): (&[Group], Vec<Entry>),
    mut found: impl FnMut(u32, u32),
) {
    left.sort_unstable();
    left.dedup();
    right.sort_unstable();
    right.dedup();
    let mut right = right.chunk_by_mut(|a, b| a.key == b.key).peekable();
    for left in left.chunk_by(|a, b| a.key == b.key) {
        let key = left[0].key;
        while right.next_if(|bucket| bucket[0].key < key).is_some() {}
        let Some(right) = right.next_if(|bucket| bucket[0].key == key) else { continue };
        let size = |groups: &[Group], entry: &Entry| {
            let figures = &groups[entry.group as usize].figures;
            (figures.total_blocks, figures.total_bytes)
        };
        let few = right.len() <= NEAREST || left.len() * right.len() <= NEAREST * (left.len() + right.len());
        if !few {
            right.sort_unstable_by_key(|entry| (size(right_groups, entry), entry.group));
        }
        for one in left {
            let nearest = if few {
                &right[..]
            } else {
                let at = right.partition_point(|other| size(right_groups, other) < size(left_groups, one));
                &right[at.saturating_sub(NEAREST / 2)..(at + NEAREST / 2).min(right.len())]
            };
            nearest.iter().for_each(|other| found(one.group, other.group));
        }
    }
}

/// Puts the best candidates first, in an order that does not depend on how they were found.
pub(super) fn rank(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| {
        let better = b.score.total_cmp(&a.score).then(a.distance.cmp(&b.distance));
        better.then((a.base, a.new).cmp(&(b.base, b.new)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::Figures;

    fn groups(blocks: impl Iterator<Item = u64>) -> Vec<Group> {
        let figures = blocks.map(|total_blocks| Figures { total_blocks, ..Figures::default() });
        figures
            .map(|figures| Group {
                chain: Box::default(),
                called: Box::default(),
                sites: Vec::new(),
                figures,
            })
            .collect()
    }

    fn entries(keys: impl Iterator<Item = u64>) -> Vec<Entry> {
        keys.enumerate().map(|(group, key)| Entry { key, group: group as u32 }).collect()
    }

    #[test]
    fn those_that_share_a_key_are_compared() {
        let (left, right) = (groups(0..4), groups(0..3));
        let mut found = Vec::new();
        let keys = (entries([7, 5, 7, 9].into_iter()), entries([7, 9, 8].into_iter()));
        join((&left, keys.0), (&right, keys.1), |left, right| found.push((left, right)));
        assert_eq!(found, [(0, 0), (2, 0), (3, 1)]);
    }

    #[test]
    fn of_very_many_each_is_compared_with_those_of_its_size() {
        let n = 5_000;
        let (left, right) = (groups(0..n), groups((0..n).rev()));
        let key = || entries((0..n).map(|_| 1));
        let (mut comparisons, mut equal) = (0, 0);
        join((&left, key()), (&right, key()), |one, other| {
            comparisons += 1;
            equal += usize::from(left[one as usize].figures == right[other as usize].figures);
        });
        assert_eq!(equal, n as usize, "each has met the one of its own size");
        assert!(comparisons <= NEAREST * n as usize, "{comparisons}");
    }
}

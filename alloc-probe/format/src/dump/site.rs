//! The allocation sites.

use super::figures::{Figures, is_zero};
use serde::{Deserialize, Serialize};

/// A histogram by powers of two: pairs of a bucket and a count, by ascending bucket, none of them zero.
pub type Histogram = Vec<(u8, u64)>;

/// One allocation site: all blocks allocated with one whole stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The row of [`Dump::stacks`](super::Dump::stacks) of its innermost frame.
    pub stack: u32,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Sizes of all its blocks: bucket *b* counts those of 2^*b* to 2^(*b*+1) − 1 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Histogram,
    /// Lifetimes of its ended blocks: bucket 0 counts those under one [`Clock::unit_ns`](super::Clock::unit_ns), bucket *b* those of
    /// 2^(*b*−1) up to 2^*b* units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifetimes: Histogram,
    /// Ages of its live blocks, in the same buckets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ages: Histogram,
    /// What its live blocks mean for resident memory; all zero where [`Memory::heap`](super::Memory::heap) is not known.
    #[serde(flatten)]
    pub pages: SitePages,
}

/// What a site's live blocks mean for resident memory. Shares of the figures of the same name in [`Heap`](super::Heap).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePages {
    /// Bytes that the allocator added to its blocks: rounding, and headers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slack_bytes: u64,
    /// Its share of the free bytes on pages that live blocks keep: each page's by the blocks that lie on it, in
    /// equal parts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fragmented_bytes: u64,
    /// Bytes of its blocks on pages that are not resident.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untouched_bytes: u64,
}

impl SitePages {
    /// Adds another site's to these.
    pub fn add(&mut self, other: &SitePages) {
        self.slack_bytes = self.slack_bytes.saturating_add(other.slack_bytes);
        self.fragmented_bytes = self.fragmented_bytes.saturating_add(other.fragmented_bytes);
        self.untouched_bytes = self.untouched_bytes.saturating_add(other.untouched_bytes);
    }

    /// What these have beyond some others.
    pub fn beyond(&self, other: &SitePages) -> SitePages {
        SitePages {
            slack_bytes: self.slack_bytes.saturating_sub(other.slack_bytes),
            fragmented_bytes: self.fragmented_bytes.saturating_sub(other.fragmented_bytes),
            untouched_bytes: self.untouched_bytes.saturating_sub(other.untouched_bytes),
        }
    }
}

impl Site {
    /// Adds another site's blocks to this one's.
    pub fn absorb(&mut self, other: &Site) {
        self.figures.add(&other.figures);
        self.pages.add(&other.pages);
        for (mine, theirs) in [
            (&mut self.sizes, &other.sizes),
            (&mut self.lifetimes, &other.lifetimes),
            (&mut self.ages, &other.ages),
        ] {
            for &(bucket, count) in theirs {
                match mine.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
                    Ok(place) => mine[place].1 = mine[place].1.saturating_add(count),
                    Err(place) => mine.insert(place, (bucket, count)),
                }
            }
        }
    }
}

//! Histograms of a pair's sides, and by how much its lifetimes changed.

use crate::analyse::diff::pair::{Pair, Sites};
use crate::profile::{Profile, Site};
use alloc_probe_format::dump::Histogram;

/// Lifetimes of fewer blocks than this are no evidence.
pub(super) const TELLING_LIFETIMES: u64 = 8;

/// By how many powers of two the lifetimes at most sites changed: the median of all sites that tell.
pub(super) fn typical_change(base: &Profile, new: &Profile, pairs: &[Pair]) -> f64 {
    let change = |pair: &Pair| -> Option<f64> {
        let (b, n) = (pair.base.as_ref()?, pair.new.as_ref()?);
        let telling = b.figures.freed_blocks().min(n.figures.freed_blocks()) >= TELLING_LIFETIMES;
        telling.then(|| lifetime_change((base, b), (new, n))).flatten()
    };
    let mut changes: Vec<f64> = pairs.iter().filter_map(change).collect();
    changes.sort_unstable_by(f64::total_cmp);
    changes.get(changes.len() / 2).copied().unwrap_or(0.0)
}

/// By how many powers of two the lifetimes of a pair changed; none where a side knows none.
pub(super) fn lifetime_change(base: (&Profile, &Sites), new: (&Profile, &Sites)) -> Option<f64> {
    let typical = |(profile, sites): (&Profile, &Sites)| {
        let lifetimes = Buckets::of(profile, sites, |site| &site.lifetimes);
        let blocks = lifetimes.blocks();
        let sum: f64 =
            lifetimes.0.iter().enumerate().map(|(bucket, count)| bucket as f64 * *count as f64).sum();
        // The units of two clocks differ.
        let unit = profile.dump.clock.unit_ns.max(f64::MIN_POSITIVE).log2();
        (blocks > 0).then(|| sum / blocks as f64 + unit)
    };
    Some(typical(new)? - typical(base)?)
}

/// The histograms of several sites, added up. No bucket is beyond the 64 bits of a figure.
pub(super) struct Buckets(pub(super) [u64; 65]);

impl Buckets {
    pub(super) fn of(profile: &Profile, sites: &Sites, of: fn(&Site) -> &Histogram) -> Buckets {
        let mut buckets = [0_u64; 65];
        for site in sites.sites.iter().filter_map(|site| profile.sites.get(*site as usize)) {
            for (bucket, count) in of(site) {
                if let Some(sum) = buckets.get_mut(usize::from(*bucket)) {
                    *sum = sum.saturating_add(*count);
                }
            }
        }
        Buckets(buckets)
    }

    pub(super) fn blocks(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

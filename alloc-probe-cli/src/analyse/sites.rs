//! Sites as they are shown: with folded stacks, merged where these are equal, ordered by a metric.

use super::fold;
use crate::profile::{FrameId, Profile};
use alloc_probe_format::dump::{Figures, Histogram};
use alloc_probe_format::metric::Metric;
use std::cmp::Reverse;
use std::collections::HashMap;

/// All allocations that look the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownSite {
    /// The frames to show, from the allocation outwards.
    pub frames: Vec<FrameId>,
    /// How many different stacks are shown as this one.
    pub stacks: u64,
    /// Whether frames were left out when some of it was recorded.
    pub truncated: bool,
    /// The figures of all of them together.
    pub figures: Figures,
    /// Sizes of their blocks, as in the dump.
    pub sizes: Histogram,
    /// Lifetimes of their ended blocks, as in the dump.
    pub lifetimes: Histogram,
    /// Ages of their live blocks, as in the dump.
    pub ages: Histogram,
}

/// The profile's sites as they are shown, the largest by `metric` first. Equal ones keep the dump's order.
pub fn shown(profile: &Profile, metric: Metric, all_frames: bool) -> Vec<ShownSite> {
    let mut shown: Vec<ShownSite> = Vec::new();
    let mut by_frames: HashMap<Vec<FrameId>, usize> = HashMap::new();
    for site in &profile.sites {
        let frames = fold::visible(profile, site, all_frames);
        let index = *by_frames.entry(frames).or_insert_with_key(|frames| {
            shown.push(ShownSite { frames: frames.clone(), ..ShownSite::default() });
            shown.len() - 1
        });
        let merged = &mut shown[index];
        merged.stacks += 1;
        merged.truncated |= site.truncated;
        merged.figures.add(&site.figures);
        add_histogram(&mut merged.sizes, &site.sizes);
        add_histogram(&mut merged.lifetimes, &site.lifetimes);
        add_histogram(&mut merged.ages, &site.ages);
    }
    shown.sort_by_key(|site| Reverse(metric.of(&site.figures)));
    shown
}

fn add_histogram(sum: &mut Histogram, other: &Histogram) {
    for (bucket, count) in other {
        match sum.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
            Ok(at) => sum[at].1 = sum[at].1.saturating_add(*count),
            Err(at) => sum.insert(at, (*bucket, *count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Frame, Role, Site};

    fn profile(roles: &[Role], sites: &[(&[u32], u64)]) -> Profile {
        let frame = |role: &Role| Frame { function: "f".into(), role: *role, ..Frame::default() };
        let site = |(frames, bytes): &(&[u32], u64)| Site {
            frames: frames.iter().map(|id| FrameId(*id)).collect(),
            figures: Figures { peak_bytes: *bytes, total_blocks: 1, ..Figures::default() },
            sizes: vec![(3, 1), (bytes.ilog2() as u8, 1)],
            ..Site::default()
        };
        Profile {
            frames: roles.iter().map(frame).collect(),
            sites: sites.iter().map(site).collect(),
            ..Profile::default()
        }
    }

    #[test]
    fn sites_that_look_the_same_are_one() {
        use Role::{Allocator, Program, Runtime};
        // Two ways through the allocator lead to one visible stack: frame 2 called from 3.
        let roles = [Allocator, Allocator, Program, Program, Runtime];
        let profile = profile(&roles, &[(&[0, 2, 3, 4], 100), (&[0, 3, 4], 120), (&[1, 2, 3, 4], 64)]);
        let sites = shown(&profile, Metric::PeakBytes, false);
        assert_eq!(sites.len(), 2);
        assert_eq!(sites[0].frames, [FrameId(2), FrameId(3)]);
        assert_eq!((sites[0].figures.peak_bytes, sites[0].figures.total_blocks), (164, 2));
        assert_eq!(sites[0].sizes, [(3, 2), (6, 2)]);
        assert_eq!(sites[1].figures.peak_bytes, 120);
        assert_eq!(shown(&profile, Metric::PeakBytes, true).len(), 3);
    }
}

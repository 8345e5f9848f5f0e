//! Sites as they are shown: all stacks that read the same, with recursion folded, ordered by a metric.

use super::fold::Detail;
use super::fold::stacks::{SiteKey, Stacks};
use super::fold::turns::Turns;
use crate::profile::{Profile, Site};
use alloc_probe_format::dump::Histogram;
use alloc_probe_format::metric::Metric;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;

/// All allocations that look the same.
#[derive(Clone, Debug, Default)]
pub struct ShownSite {
    /// What was recorded of all of them together. The row and the frames are those of the largest stack; of the frames,
    /// turns of a recursion are folded.
    pub sum: Site,
    /// How many different stacks are shown as this one.
    pub stacks: u64,
    /// How many turns of a recursion these have that are not among the frames.
    pub turns: Turns,
    /// Which these are: indices into [`Profile::sites`].
    pub members: Vec<u32>,
}

/// The profile's sites as they are shown, the largest by `metric` first. Equal ones keep the dump's order.
pub fn shown(profile: &Profile, metric: Metric, detail: Detail) -> Vec<ShownSite> {
    let mut shown: Vec<ShownSite> = Vec::new();
    // How large the largest stack of each is, whose frames stand for all.
    let mut largest: Vec<(u64, u64)> = Vec::new();
    let mut by_key: FxHashMap<SiteKey, usize> = FxHashMap::default();
    let mut stacks = Stacks::of(profile, detail);
    for (number, site) in (0_u32..).zip(&profile.sites) {
        let (frames, turns) = stacks.shown(site);
        let size = (metric.of(&site.figures), site.figures.total_bytes);
        let index = *by_key.entry(stacks.key(site, &frames)).or_insert_with(|| {
            shown.push(ShownSite { turns: Turns::of(turns), ..ShownSite::default() });
            largest.push(size);
            shown.len() - 1
        });
        let merged = &mut shown[index];
        if merged.stacks == 0 || size > largest[index] {
            largest[index] = size;
            (merged.sum.row, merged.sum.frames) = (site.row, frames);
        }
        merged.stacks += 1;
        merged.turns.add(turns);
        merged.members.push(number);
        let sum = &mut merged.sum;
        sum.truncated |= site.truncated;
        sum.figures.add(&site.figures);
        add_histogram(&mut sum.sizes, &site.sizes);
        add_histogram(&mut sum.lifetimes, &site.lifetimes);
        add_histogram(&mut sum.ages, &site.ages);
        sum.pages.add(&site.pages);
    }
    shown.sort_by_key(|shown| Reverse(metric.of(&shown.sum.figures)));
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
    use crate::profile::{Frame, FrameId, Role};
    use alloc_probe_format::dump::Figures;

    /// Frames of functions of their own, by their roles.
    fn profile(roles: &[Role], sites: &[(&[u32], u64)]) -> Profile {
        let frame = |(at, role): (usize, &Role)| Frame {
            function: format!("f{at}"),
            role: *role,
            ..Frame::default()
        };
        let site = |(frames, bytes): &(&[u32], u64)| Site {
            frames: frames.iter().map(|id| FrameId(*id)).collect(),
            figures: Figures { peak_bytes: *bytes, total_blocks: 1, ..Figures::default() },
            sizes: vec![(3, 1), (bytes.ilog2() as u8, 1)],
            ..Site::default()
        };
        Profile {
            frames: roles.iter().enumerate().map(frame).collect(),
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
        let sites = shown(&profile, Metric::PeakBytes, Detail::default());
        assert_eq!(sites.len(), 2);
        assert_eq!(sites[0].sum.frames, [FrameId(2), FrameId(3)]);
        assert_eq!((sites[0].sum.figures.peak_bytes, sites[0].sum.figures.total_blocks), (164, 2));
        assert_eq!(sites[0].sum.sizes, [(3, 2), (6, 2)]);
        assert_eq!(sites[1].sum.figures.peak_bytes, 120);
        let all = Detail { all_frames: true, all_stacks: false };
        assert_eq!(shown(&profile, Metric::PeakBytes, all).len(), 3);
    }

    #[test]
    fn all_depths_of_a_recursion_are_one_site_and_the_turns_are_counted() {
        use Role::{Program, Standard};
        // push, leaf, f, g, main; f and g call each other.
        let roles = [Standard, Program, Program, Program, Program];
        let stacks: [(&[u32], u64); 4] = [
            (&[0, 1, 2, 4], 1),
            (&[0, 1, 2, 3, 2, 4], 8),
            (&[1, 2, 3, 2, 3, 2, 4], 4),
            (&[0, 1, 3, 2, 4], 2),
        ];
        let profile = profile(&roles, &stacks);
        let sites = shown(&profile, Metric::PeakBytes, Detail::default());
        let told: Vec<_> =
            sites.iter().map(|site| (site.stacks, site.turns, site.sum.figures.peak_bytes)).collect();
        assert_eq!(told, [(3, Turns { least: 0, most: 2 }, 13), (1, Turns::of(0), 2)]);
        assert_eq!(sites[0].sum.frames, [0, 1, 2, 4].map(FrameId), "the largest stack's");
        let all = Detail { all_stacks: true, all_frames: false };
        let sites = shown(&profile, Metric::PeakBytes, all);
        assert_eq!(sites.len(), 4);
        assert!(sites.iter().all(|site| site.turns == Turns::of(0)));
    }
}

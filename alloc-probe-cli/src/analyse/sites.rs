//! Sites as they are shown: all stacks that read the same, with recursion folded, ordered by a metric.

use super::fold::Detail;
use super::fold::stacks::Stacks;
use super::fold::turns::Turns;
use crate::profile::{FrameId, Profile, Site};
use alloc_probe_format::dump::{Figures, Histogram};
use alloc_probe_format::metric::Metric;
use std::borrow::Cow;
use std::cmp::Reverse;

/// The sites of a profile as they are shown.
///
/// PERF: nearly all of millions of sites are shown as they are, so what they have together is added up when it is asked for.
#[derive(Debug)]
pub struct ShownSites<'a> {
    profile: &'a Profile,
    stacks: Stacks<'a>,
    /// Those that are shown, in order.
    sites: Vec<Members>,
    /// The sites of the profile that they are made of, one after the other's.
    members: Vec<u32>,
}

/// The sites of the profile that are shown as one.
#[derive(Clone, Copy, Debug)]
struct Members {
    /// Where they begin among all members; where the next one's begin, they end.
    start: u32,
    /// The largest, whose stack stands for all.
    largest: u32,
    turns: Turns,
}

/// All allocations that look the same.
#[derive(Clone, Copy, Debug)]
pub struct ShownSite<'s> {
    all: &'s ShownSites<'s>,
    index: usize,
}

/// The profile's sites as they are shown, the largest by `metric` first. Equal ones keep the dump's order.
pub fn shown(profile: &Profile, metric: Metric, detail: Detail) -> ShownSites<'_> {
    let stacks = Stacks::of(profile, detail);
    // For each number of a stack, the place of its site among those found; for each of these, what is known so far.
    let mut places: Vec<u32> = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    let size = |site: u32| {
        let figures = &profile.sites[site as usize].figures;
        (metric.of(figures), figures.total_bytes)
    };
    let of_sites: Vec<u32> = (0..)
        .zip(stacks.read())
        .map(|(site, read)| {
            let number = read.number as usize;
            places.resize(places.len().max(number + 1), u32::MAX);
            if places[number] == u32::MAX {
                places[number] = found.len() as u32;
                found.push(Found { sum: 0, members: 0, largest: site, turns: Turns::of(read.turns) });
            }
            let found = &mut found[places[number] as usize];
            found.sum = found.sum.saturating_add(size(site).0);
            found.members += 1;
            found.turns.add(read.turns);
            if size(site) > size(found.largest) {
                found.largest = site;
            }
            places[number]
        })
        .collect();
    drop(places);
    let mut order: Vec<u32> = (0..found.len() as u32).collect();
    order.sort_by_key(|place| Reverse(found[*place as usize].sum));
    let mut sites = Vec::with_capacity(found.len());
    let mut next = vec![0_u32; found.len()];
    let mut start = 0;
    for place in order {
        let Found { members, largest, turns, .. } = found[place as usize];
        sites.push(Members { start, largest, turns });
        next[place as usize] = start;
        start += members;
    }
    let mut members = vec![0; of_sites.len()];
    for (site, place) in (0..).zip(of_sites) {
        members[next[place as usize] as usize] = site;
        next[place as usize] += 1;
    }
    ShownSites { profile, stacks, sites, members }
}

/// What is known of a site while it is found.
struct Found {
    /// The metric of all its members.
    sum: u64,
    members: u32,
    largest: u32,
    turns: Turns,
}

impl ShownSites<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ShownSite<'_>> + Clone {
        (0..self.sites.len()).map(|index| self.get(index))
    }

    /// That at a place, from 0 to their number.
    pub fn get(&self, index: usize) -> ShownSite<'_> {
        ShownSite { all: self, index }
    }
}

impl<'s> ShownSite<'s> {
    /// Which sites these are: indices into [`Profile::sites`].
    pub fn members(self) -> &'s [u32] {
        let ShownSites { sites, members, .. } = self.all;
        let end = sites.get(self.index + 1).map_or(members.len(), |next| next.start as usize);
        &members[sites[self.index].start as usize..end]
    }

    /// The same by themselves.
    pub fn sites(self) -> impl Iterator<Item = &'s Site> + Clone {
        let all = &self.all.profile.sites;
        self.members().iter().map(|member| &all[*member as usize])
    }

    /// How many turns of a recursion these have that are not among the frames.
    pub fn turns(self) -> Turns {
        self.all.sites[self.index].turns
    }

    /// The frames of the largest stack, from the allocation outwards, without turns of a recursion.
    pub fn frames(self) -> Vec<FrameId> {
        let largest = self.all.sites[self.index].largest;
        self.all.stacks.shown(&self.all.profile.sites[largest as usize]).0
    }

    /// Whether frames were left out of some of the stacks when they were recorded.
    pub fn is_truncated(self) -> bool {
        self.sites().any(|site| self.all.profile.is_truncated(site))
    }

    /// The figures of all together.
    pub fn figures(self) -> Figures {
        let mut sites = self.sites();
        let mut sum = sites.next().map(|site| site.figures).unwrap_or_default();
        sites.for_each(|site| sum.add(&site.figures));
        sum
    }

    /// A figure of all together.
    pub fn of(self, metric: Metric) -> u64 {
        self.sites().map(|site| metric.of(&site.figures)).fold(0, u64::saturating_add)
    }

    /// Blocks of all together by something, such as their sizes.
    pub fn histogram(self, of: fn(&Site) -> &Histogram) -> Cow<'s, Histogram> {
        let mut sites = self.sites().map(of);
        let Some(first) = sites.next() else { return Cow::default() };
        let mut sum = Cow::Borrowed(first);
        sites.filter(|other| !other.is_empty()).for_each(|other| add_histogram(sum.to_mut(), other));
        sum
    }
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
    use crate::profile::{Frame, Role};

    /// Frames of functions of their own, by their roles.
    fn profile(roles: &[Role], sites: &[(&[u32], u64)]) -> Profile {
        let frame = |(at, role): (usize, &Role)| Frame {
            function: format!("f{at}"),
            role: *role,
            ..Frame::default()
        };
        let mut profile =
            Profile { frames: roles.iter().enumerate().map(frame).collect(), ..Profile::default() };
        for (frames, bytes) in sites {
            let stack = profile.stacks.add(frames.iter().map(|id| FrameId(*id)));
            profile.sites.push(Site {
                stack,
                figures: Figures { peak_bytes: *bytes, total_blocks: 1, ..Figures::default() },
                sizes: [(3, 1), (bytes.ilog2() as u8, 1)].into_iter().collect(),
                ..Site::default()
            });
        }
        profile
    }

    #[test]
    fn sites_that_look_the_same_are_one() {
        use Role::{Allocator, Program, Runtime};
        // Two ways through the allocator lead to one visible stack: frame 2 called from 3.
        let roles = [Allocator, Allocator, Program, Program, Runtime];
        let profile = profile(&roles, &[(&[0, 2, 3, 4], 100), (&[0, 3, 4], 120), (&[1, 2, 3, 4], 64)]);
        let sites = shown(&profile, Metric::PeakBytes, Detail::default());
        assert_eq!(sites.len(), 2);
        let [first, second] = [0, 1].map(|site| sites.get(site));
        assert_eq!((first.frames(), first.members()), (vec![FrameId(2), FrameId(3)], &[0, 2][..]));
        let figures = first.figures();
        assert_eq!((figures.peak_bytes, figures.total_blocks), (164, 2));
        assert_eq!(first.histogram(|site| &site.sizes)[..], [(3, 2), (6, 2)]);
        assert_eq!((second.of(Metric::PeakBytes), second.members()), (120, &[1][..]));
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
        let told: Vec<_> = (sites.iter())
            .map(|site| (site.members().len(), site.turns(), site.of(Metric::PeakBytes)))
            .collect();
        assert_eq!(told, [(3, Turns { least: 0, most: 2 }, 13), (1, Turns::of(0), 2)]);
        assert_eq!(sites.get(0).frames(), [0, 1, 2, 4].map(FrameId), "the largest stack's");
        let all = Detail { all_stacks: true, all_frames: false };
        let sites = shown(&profile, Metric::PeakBytes, all);
        assert_eq!(sites.len(), 4);
        assert!(sites.iter().all(|site| site.turns() == Turns::of(0)));
    }
}

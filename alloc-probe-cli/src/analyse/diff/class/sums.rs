//! Which differences are those of whole sums, and which others make up for.
//!
//! Where one site has fewer blocks in the new run, and another below the same callers has as many more, they may be one site
//! that wasn't recognised, or blocks of merged code: nobody knows what became of either. So a lack and a surplus of blocks
//! of one size cancel each other below the innermost callers that they have in common, and what is said of a site is said
//! of what is left.

use super::lives::Buckets;
use crate::analyse::diff::pair::{Pair, Sites};
use crate::profile::Profile;
use alloc_probe_format::dump::Figures;
use rustc_hash::FxHashMap;

/// Less than this share of a site's blocks is not worth a word.
pub(super) const NOTABLE: f64 = 0.1;

/// What can differ between the sides of a pair: blocks of one size class, or else a figure.
type Kind = u8;
/// Bytes of as many blocks of the same size classes.
const BYTES: Kind = 65;
/// Kinds of lives, from here on.
const LIVES: Kind = 66;

/// By how much the sides of a pair differ: the new run's less the base's.
#[derive(Clone, Debug)]
struct Difference {
    kind: Kind,
    whole: f64,
    /// What is left of it, as others made up for the rest.
    left: f64,
}

/// Where pairs are: below which callers.
pub(in crate::analyse::diff) struct Places<'a> {
    /// For each pair, the place that its sites are at or below.
    pub(in crate::analyse::diff) of_pairs: &'a [u32],
    /// For each place, its caller's, which comes before it.
    pub(in crate::analyse::diff) callers: &'a [u32],
    /// Whether both programs are the same code, so that nothing can have been moved.
    pub(in crate::analyse::diff) is_same_code: bool,
    /// Whether both are runs of one binary.
    pub(in crate::analyse::diff) is_one_binary: bool,
}

/// Of each pair, by how much its sides differ, and how much of that is left.
pub(super) struct Left(FxHashMap<u32, Vec<Difference>>);

impl Left {
    /// Which share of the blocks by which a pair's sides differ nobody else makes up for; all of them if they don't differ.
    pub(super) fn of_blocks(&self, pair: usize) -> f64 {
        self.share(pair, |kind| kind < LIVES)
    }

    /// The same for a figure of lives, by its place among them.
    pub(super) fn of_life(&self, pair: usize, figure: usize) -> f64 {
        self.share(pair, |kind| kind == LIVES + figure as Kind)
    }

    fn share(&self, pair: usize, is_meant: impl Fn(Kind) -> bool) -> f64 {
        let (mut whole, mut left) = (0.0, 0.0);
        let all = self.0.get(&(pair as u32)).map_or(&[][..], Vec::as_slice);
        for difference in all.iter().filter(|difference| is_meant(difference.kind)) {
            whole += difference.whole.abs();
            left += difference.left.abs();
        }
        if whole > 0.0 { left / whole } else { 1.0 }
    }
}

/// Cancels what makes up for each other, the innermost callers first. `lives` are figures of when blocks live.
pub(super) fn cancel(
    [base, new]: [&Profile; 2],
    pairs: &[Pair],
    places: &Places<'_>,
    lives: &[fn(&Figures) -> u64],
) -> Left {
    let mut left: FxHashMap<u32, Vec<Difference>> = FxHashMap::default();
    let mut at_places: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (index, pair) in pairs.iter().enumerate() {
        let differences = differences([base, new], pair, lives);
        if !differences.is_empty() {
            left.insert(index as u32, differences);
            at_places.entry(places.of_pairs[index]).or_default().push(index as u32);
        }
    }
    for place in (0..places.callers.len() as u32).rev() {
        let Some(mut here) = at_places.remove(&place) else { continue };
        let is_own = |pair: &&u32| places.of_pairs[**pair as usize] == place;
        let own: Vec<u32> = here.iter().filter(is_own).copied().collect();
        cancel_sizes(&mut left, &here, places.is_same_code);
        // What has no caller in common but the system is nothing alike.
        if place > 0 {
            cancel_counts(&mut left, &own);
        }
        here.retain(|pair| left[pair].iter().any(|difference| difference.left != 0.0));
        if place > 0 {
            at_places.entry(places.callers[place as usize]).or_default().append(&mut here);
        }
    }
    Left(left)
}

/// Lacks and surpluses of one kind.
fn cancel_sizes(left: &mut FxHashMap<u32, Vec<Difference>>, here: &[u32], is_same_code: bool) {
    let mut sums: FxHashMap<Kind, [f64; 2]> = FxHashMap::default();
    for difference in here.iter().flat_map(|pair| &left[pair]) {
        sums.entry(difference.kind).or_default()[usize::from(difference.left > 0.0)] += difference.left.abs();
    }
    sums.retain(|_, [less, more]| {
        // Of different code, a site that was moved has as many blocks as before, but for what is not worth a word.
        let is_as_much = (*less - *more).abs() <= NOTABLE * less.max(*more);
        less.min(*more) > 0.0 && (is_same_code || is_as_much)
    });
    if sums.is_empty() {
        return;
    }
    for pair in here {
        for difference in left.get_mut(pair).into_iter().flatten() {
            let Some([less, more]) = sums.get(&difference.kind) else { continue };
            let all = if difference.left > 0.0 { more } else { less };
            difference.left *= 1.0 - less.min(*more) / all;
        }
    }
}

/// Lacks and surpluses of blocks of any sizes: of sites below the very same callers.
fn cancel_counts(left: &mut FxHashMap<u32, Vec<Difference>>, own: &[u32]) {
    let net = |differences: &[Difference]| -> f64 {
        let blocks = differences.iter().filter(|difference| difference.kind < BYTES);
        blocks.map(|difference| difference.left).sum()
    };
    let (mut less, mut more) = (0.0, 0.0);
    for pair in own {
        let net = net(&left[pair]);
        if net > 0.0 { more += net } else { less -= net }
    }
    let common = f64::min(less, more);
    if common <= 0.0 {
        return;
    }
    for pair in own {
        let Some(differences) = left.get_mut(pair) else { continue };
        let net = net(differences);
        let all = if net > 0.0 { more } else { less };
        for difference in differences.iter_mut().filter(|it| it.kind < BYTES && it.left * net > 0.0) {
            difference.left *= 1.0 - common / all;
        }
    }
}

fn differences([base, new]: [&Profile; 2], pair: &Pair, lives: &[fn(&Figures) -> u64]) -> Vec<Difference> {
    let figures = |sites: &Option<Sites>| sites.as_ref().map_or_else(Figures::default, |sites| sites.figures);
    let (b, n) = (figures(&pair.base), figures(&pair.new));
    let mut found = Vec::new();
    let mut add = |kind: Kind, base: u64, new: u64| {
        let whole = new as f64 - base as f64;
        if whole != 0.0 {
            found.push(Difference { kind, whole, left: whole });
        }
    };
    let (was, is) = (sizes(base, &pair.base), sizes(new, &pair.new));
    for (class, (was, is)) in was.0.iter().zip(&is.0).enumerate() {
        add(class as Kind, *was, *is);
    }
    if was.0 == is.0 {
        add(BYTES, b.total_bytes, n.total_bytes);
    }
    // What one run has alone says nothing of when blocks live.
    if pair.base.is_some() && pair.new.is_some() {
        for (kind, figure) in (LIVES..).zip(lives) {
            add(kind, figure(&b), figure(&n));
        }
    }
    found
}

/// Blocks by size. Where a dump has no sizes, all blocks are taken for those of the mean size.
fn sizes(profile: &Profile, sites: &Option<Sites>) -> Buckets {
    let Some(sites) = sites else { return Buckets([0; 65]) };
    let mut buckets = Buckets::of(profile, sites, |site| &site.sizes);
    let Figures { total_blocks, total_bytes, .. } = sites.figures;
    if buckets.blocks() == 0 && total_blocks > 0 {
        let mean = total_bytes / total_blocks;
        buckets.0[mean.checked_ilog2().map_or(0, |class| class as usize + 1)] = total_blocks;
    }
    buckets
}

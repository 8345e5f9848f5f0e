//! What chance explains, where figures are estimates: a difference that two sampled runs of the same program may well
//! show is none.
//!
//! Two standard errors are the measure for one difference. A table of a hundred sites would have five rows beyond them
//! by chance, so the measure grows with the number of sites: in all rows together, chance shows one in twenty times that
//! there is any. Few samples are no bell curve, but a coin that is thrown for each of them, to one side or the other;
//! half a bell's tail is more than a coin's when one throw is taken off the difference.

use super::class::Class;
use super::findings::finding::Finding;
use super::pair::{Pair, Sites};
use crate::analyse::sampling::{Variance, mean};
use crate::profile::{Profile, Site};
use alloc_probe_format::metric::Metric;

/// How often any row at all may be shown that chance made.
const SHOWN_BY_CHANCE: f64 = 0.05;
/// Figures of a site that a diff looks at: of all blocks, of those at the peak, and of those at the end.
const FIGURES: usize = 3;
/// The least measure, for a difference that stands alone.
const STANDARD_ERRORS: f64 = 2.0;

/// What is known of the chance in both runs.
#[derive(Debug, Default)]
pub struct Chance {
    /// For each pair the variance of its estimates on either side; empty where both runs were counted.
    pairs: Vec<[Option<Variance>; 2]>,
    /// So many standard errors may be chance.
    errors: f64,
}

impl Chance {
    /// That of two runs.
    pub(super) fn of(base: &Profile, new: &Profile, pairs: &[Pair]) -> Chance {
        let means = [mean(&base.dump), mean(&new.dump)];
        if means == [None, None] {
            return Chance::default();
        }
        let variances = pairs.iter().map(|pair| {
            let sides = [(&pair.base, base), (&pair.new, new)];
            // Where a run has none of a site, the blocks that it may have missed are like the other's.
            let known = sides.iter().filter(|(sites, _)| sites.is_some());
            let own_or_other = |at: usize| match sides[at] {
                (Some(_), _) => [sides[at]].to_vec(),
                _ => known.clone().copied().collect(),
            };
            [0, 1].map(|at| {
                let mean = means[at]?;
                let like = own_or_other(at);
                Some(Variance::of(
                    like.iter().flat_map(|(sites, profile)| all(sites.as_ref(), profile)),
                    mean,
                ))
            })
        });
        Chance { pairs: variances.collect(), errors: measure(pairs.len() * FIGURES) }
    }

    /// Whether the sides of a pair differ by no more of a figure than chance explains.
    pub(super) fn explains(&self, index: usize, pair: &Pair, metric: Metric) -> bool {
        self.spread(index, pair, metric)
            .is_some_and(|spread| self.measure().explains(pair.of(metric), spread))
    }

    /// How far apart chance puts the sides of a pair that are the same; none where both were counted.
    pub(super) fn spread(&self, index: usize, pair: &Pair, metric: Metric) -> Option<Spread> {
        let sides = self.pairs.get(index)?;
        let each = |side: &Variance| if metric.is_bytes() { side.per_byte } else { side.per_block };
        let (base, new) = pair.of(metric);
        let (base, new) = (base as f64, new as f64);
        // If they are the same, the best guess of what both have is the counted figure, or the middle of two estimates.
        let level = match sides {
            [Some(_), Some(_)] => f64::midpoint(base, new),
            [None, _] => base,
            [_, None] => new,
        };
        let variance: f64 = sides.iter().flatten().map(|side| each(side) * level).sum();
        let sample = sides.iter().flatten().map(each).fold(0.0, f64::max);
        Some(Spread { variance, sample })
    }

    /// What is measured by.
    pub(super) fn measure(&self) -> Measure {
        Measure { errors: self.errors }
    }

    /// What can be found in the pairs that chance does not explain, or else in all of them.
    pub(super) fn without(&self, pairs: &[Pair], find: impl FnOnce(&[Pair]) -> Vec<Finding>) -> Vec<Finding> {
        if !self.is_any() {
            return find(pairs);
        }
        let is_told = |(index, pair): &(usize, &Pair)| {
            let metrics = [Metric::TotalBytes, Metric::PeakBytes, Metric::EndBytes];
            metrics.iter().any(|metric| !self.explains(*index, pair, *metric))
        };
        let told: Vec<(usize, &Pair)> = pairs.iter().enumerate().filter(is_told).collect();
        let known: Vec<Pair> = told.iter().map(|(_, pair)| (*pair).clone()).collect();
        let mut findings = find(&known);
        for (site, _) in findings.iter_mut().flat_map(|finding| &mut finding.sites) {
            *site = told[*site].0;
        }
        findings
    }

    /// Takes the classes back of pairs whose sides differ by chance.
    pub(super) fn unsay(&self, pairs: &[Pair], classes: &mut [Option<Class>]) {
        if !self.is_any() {
            return;
        }
        for (index, (pair, class)) in pairs.iter().zip(classes).enumerate() {
            let is_chance = |metric| self.explains(index, pair, metric);
            class.take_if(|_| is_chance(Metric::TotalBytes) || is_chance(Metric::TotalBlocks));
        }
    }

    /// Whether there is any.
    pub(super) fn is_any(&self) -> bool {
        !self.pairs.is_empty()
    }
}

/// How far apart chance puts two estimates of the same, or of sums of such.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The variance of their difference.
    pub variance: f64,
    /// What one sample stands for.
    pub sample: f64,
}

impl Spread {
    /// The standard error of their difference.
    pub fn error(&self) -> f64 {
        self.variance.sqrt()
    }

    /// With that of others, which vary by themselves.
    pub fn add(&mut self, other: Spread) {
        self.variance += other.variance;
        self.sample = self.sample.max(other.sample);
    }
}

/// By how many standard errors what is the same may be apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    errors: f64,
}

impl Measure {
    /// Whether chance explains the difference of two figures; never where both were counted.
    pub fn explains(&self, (base, new): (u64, u64), spread: Spread) -> bool {
        base.abs_diff(new) as f64 - spread.sample <= self.errors * spread.error()
    }
}

fn all<'a>(sites: Option<&'a Sites>, profile: &'a Profile) -> impl Iterator<Item = &'a Site> {
    let sites = sites.map_or(&[][..], |sites| &sites.sites);
    sites.iter().filter_map(|site| profile.sites.get(*site as usize))
}

/// By how many standard errors the largest of so many differences may be off in all but one of twenty cases.
fn measure(differences: usize) -> f64 {
    let wanted = SHOWN_BY_CHANCE / differences.max(1) as f64;
    // Both tails of the bell beyond `z`, from above: Mills' ratio.
    let beyond = |z: f64| (2.0 / std::f64::consts::PI).sqrt() * (-z * z / 2.0).exp() / z;
    let (mut low, mut high) = (STANDARD_ERRORS, 40.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beyond(middle) > wanted { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests;

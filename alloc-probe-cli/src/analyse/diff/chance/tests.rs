//! Simulated runs: every block is drawn as the probe draws it, so what is different is known.

use super::*;
use crate::analyse::diff::diff;
use crate::analyse::diff::tests::profile;
use alloc_probe_format::dump::{Figures, Mode};

const MEAN: u64 = 64 << 10;
/// Sites of the program: one allocates a few large blocks, another many small ones.
const SITES: u64 = 60;

/// Numbers that are as good as drawn.
struct Random(u64);

impl Random {
    /// From 0 up to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many of some blocks are drawn, each with a probability: from one drawn block to the next.
    fn drawn(&mut self, blocks: u64, probability: f64) -> u64 {
        let (mut drawn, mut at) = (0, 0.0);
        loop {
            at += ((1.0 - self.next()).ln() / (1.0 - probability).ln()).floor() + 1.0;
            if at > blocks as f64 || !at.is_finite() {
                return drawn;
            }
            drawn += 1;
        }
    }
}

/// How large the blocks of a site are, and how many it allocates.
fn blocks(site: u64) -> (u64, u64) {
    let size = 16 << (site % 12);
    // From a few samples of a site to a thousand.
    let bytes = MEAN << (site % 7);
    (size, (bytes / size).max(3))
}

/// A sampled run in which the first site allocates `factor` times as many blocks.
fn run(seed: u64, factor: f64) -> Profile {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        random.next();
    }
    let mut stacks: Vec<String> = Vec::new();
    let mut figures = Vec::new();
    for site in 0..SITES {
        let (size, blocks) = blocks(site);
        let blocks = if site == 6 { (blocks as f64 * factor) as u64 } else { blocks };
        let weight = 1.0 / -(-(size as f64) / MEAN as f64).exp_m1();
        let drawn = random.drawn(blocks, 1.0 / weight) as f64;
        if drawn > 0.0 {
            stacks.push(format!("a::site{site}:1 < a::main:{}", site + 2));
            let (bytes, blocks) = ((drawn * weight * size as f64) as u64, (drawn * weight) as u64);
            figures.push((bytes, blocks, size.ilog2() as u8));
        }
    }
    let sites: Vec<(&str, u64, u64)> = stacks
        .iter()
        .zip(&figures)
        .map(|(stack, (bytes, blocks, _))| (stack.as_str(), *blocks, *bytes))
        .collect();
    let mut profile = profile(&sites);
    for (site, (bytes, blocks, bucket)) in profile.sites.iter_mut().zip(&figures) {
        site.figures = Figures { peak_bytes: *bytes, peak_blocks: *blocks, ..site.figures };
        site.sizes = vec![(*bucket, *blocks)].into();
    }
    (profile.dump.mode, profile.dump.sample_bytes) = (Mode::Sample, Some(MEAN));
    profile
}

/// The sites of both runs by their functions: how others are matched is not the matter here.
fn pairs(base: &Profile, new: &Profile) -> Vec<(u64, Pair)> {
    let function = |profile: &'_ Profile, site: &Site| {
        let frame = profile.frames_of(site).next()?;
        Some(profile.frames[frame.0 as usize].function.clone())
    };
    let of = |profile: &Profile, name: &str| {
        let site = profile.sites.iter().position(|site| function(profile, site).as_deref() == Some(name))?;
        Some(Sites { sites: vec![site as u32], figures: profile.sites[site].figures, ..Sites::default() })
    };
    let pairs = (0..SITES).map(|site| {
        let name = format!("a::site{site}");
        (site, Pair { kind: None, base: of(base, &name), new: of(new, &name) })
    });
    pairs.filter(|(_, pair)| pair.base.is_some() || pair.new.is_some()).collect()
}

/// Of a hundred pairs of runs, in how many a site is shown that is the same in both, and in how many the other one is.
fn shown(factor: f64, metric: Metric) -> (usize, usize) {
    let (mut any, mut found) = (0, 0);
    for seed in 0..100 {
        let (base, new) = (run(2 * seed + 1, 1.0), run(2 * seed + 2, factor));
        let (sites, pairs): (Vec<u64>, Vec<Pair>) = pairs(&base, &new).into_iter().unzip();
        let chance = Chance::of(&base, &new, &pairs);
        let told = pairs.iter().enumerate().filter(|(index, pair)| !chance.explains(*index, pair, metric));
        let told: Vec<u64> = told.map(|(index, _)| sites[index]).collect();
        any += usize::from(told.iter().any(|site| *site != 6 || factor == 1.0));
        found += usize::from(factor != 1.0 && told.contains(&6));
    }
    (any, found)
}

#[test]
fn two_sampled_runs_of_one_program_do_not_differ() {
    for metric in [Metric::PeakBytes, Metric::TotalBlocks] {
        let (any, _) = shown(1.0, metric);
        assert!(any <= 5, "{any} of 100 by {}", metric.name());
    }
}

#[test]
fn a_true_difference_is_found_where_there_are_samples_enough() {
    // The site has about 64 samples: half as much again is three and a half standard errors, twice as much five.
    for (factor, least, most) in [(1.5, 3, 60), (2.0, 50, 100), (3.0, 99, 100)] {
        let (any, found) = shown(factor, Metric::TotalBytes);
        assert!((least..=most).contains(&found), "×{factor}: {found} of 100");
        assert!(any <= 5, "×{factor}: {any} of 100");
    }
}

#[test]
fn the_measure_grows_with_the_number_of_rows() {
    // Of the bell's tables: 0.05 both tails at 1.96, 0.0005 at 3.48, 0.00005 at 4.06.
    for (rows, expected) in [(1, 2.03), (100, 3.50), (1000, 4.07)] {
        assert!((measure(rows) - expected).abs() < 0.03, "{rows}: {}", measure(rows));
    }
}

#[test]
fn what_was_counted_differs_by_a_byte() {
    let one = profile(&[("a::f:1 < a::main:2", 5, 500)]);
    let other = profile(&[("a::f:1 < a::main:2", 5, 501)]);
    let diff = diff(&one, &other);
    assert!(diff.is_told(0, Metric::TotalBytes));
}

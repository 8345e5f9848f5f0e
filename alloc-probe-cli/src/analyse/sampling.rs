//! How far off the estimates of a sampled run may be.
//!
//! A block of *s* bytes is drawn with probability *p* = 1 − e^(−s/R), *R* being the mean number of bytes between two
//! samples, and stands for 1/p blocks, or s/p bytes. That is the estimator of Horvitz and Thompson (*A generalization of
//! sampling without replacement from a finite universe*, Journal of the American Statistical Association 47, 1952), and as
//! blocks are drawn independently of each other, the variance of a sum over blocks is the sum of y²·(1 − p)/p, where *y* is
//! what a block counts for: 1, or its bytes. (1 − p)/p is 1/(e^(s/R) − 1).
//!
//! A dump has the sizes of a site's blocks by powers of two. The smaller a block, the larger the variance for each byte
//! and each block that is estimated, so each is taken for as small as its bucket allows.

use crate::profile::{Profile, Site};
use alloc_probe_format::dump::{Dump, Figures, Histogram, Mode};
use alloc_probe_format::metric::Metric;

/// The standard error of a site's figure, as a share of it; none where the figure was counted.
///
/// The variance of a sum of bytes is never more than R times the sum, so the error of an estimate of *B* bytes is at most
/// √(R·B), or √(R/B) of it. Blocks are estimated by the same samples, and are as far off where a site's blocks are of a
/// size.
pub fn relative_error(dump: &Dump, figures: &Figures, metric: Metric) -> Option<f64> {
    let mean = mean(dump)?;
    let bytes = match metric {
        Metric::PeakBytes | Metric::PeakBlocks => figures.peak_bytes,
        Metric::TotalBytes | Metric::TotalBlocks | Metric::TemporaryBlocks => figures.total_bytes,
        Metric::EndBytes | Metric::EndBlocks => figures.end_bytes,
        Metric::LongLivedBytes | Metric::LongLivedBlocks => figures.long_lived_bytes,
        Metric::Growth => figures.growth_bytes,
    };
    (bytes > 0).then(|| (mean / bytes as f64).sqrt())
}

/// The mean number of bytes between two samples; none where everything was recorded.
pub fn mean(dump: &Dump) -> Option<f64> {
    let mean = dump.sample_bytes.filter(|mean| dump.mode == Mode::Sample && *mean > 0)?;
    Some(mean as f64)
}

/// From how many bytes on something of a site is known to be there at all: what is two of its standard errors, or four samples.
/// 0 where it was counted.
pub fn told_bytes(dump: &Dump) -> u64 {
    mean(dump).map_or(0, |mean| (4.0 * mean) as u64)
}

/// The standard error of a sum over all sites; none where it was counted.
///
/// Of what has no sample, no variance can be told: all of it may be as much as one sample stands for. So the error is no
/// less than that: R bytes, or as many of the smallest blocks that were drawn at all.
pub fn error_of_sum(profile: &Profile, of: impl Fn(&Figures) -> u64, is_bytes: bool) -> Option<f64> {
    let mean = mean(&profile.dump)?;
    let variance = |site: &Site| {
        let each = Variance::of([site], mean);
        of(&site.figures) as f64 * if is_bytes { each.per_byte } else { each.per_block }
    };
    let variance: f64 = profile.sites.iter().map(variance).sum();
    let sample = if is_bytes { mean } else { mean / smallest(profile) };
    Some(variance.sqrt().hypot(sample))
}

/// How large the smallest blocks that were drawn are, at the least.
fn smallest(profile: &Profile) -> f64 {
    let of_site = |site: &Site| sizes(&site.sizes, &site.figures).first().map(|(size, _)| *size);
    profile.sites.iter().filter_map(of_site).fold(f64::INFINITY, f64::min).max(1.0)
}

/// Whether the samples tell how many blocks there are of some kind, such as temporary ones. Each small block that was drawn
/// stands for thousands; where too few were, the estimate of all blocks is far from their number, which was counted.
pub fn tells_of_blocks(profile: &Profile) -> bool {
    let (estimated, counted) = (estimated_blocks(profile), profile.dump.totals.total_blocks);
    profile.dump.mode != Mode::Sample || estimated / 2 <= counted && counted / 2 <= estimated
}

/// How many blocks there are by the samples: what the estimates of those of some kind are a part of. Their number where
/// every block was recorded.
pub fn estimated_blocks(profile: &Profile) -> u64 {
    match profile.dump.mode {
        Mode::Sample => {
            profile.sites.iter().map(|site| site.figures.total_blocks).fold(0, u64::saturating_add)
        }
        _ => profile.dump.totals.total_blocks,
    }
}

/// The variance of estimates, for each byte and each block that is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Variance {
    /// In bytes squared.
    pub per_byte: f64,
    /// In blocks squared.
    pub per_block: f64,
}

impl Variance {
    /// That of blocks like those of some sites, sampled once in about `mean` bytes.
    pub fn of<'a>(sites: impl IntoIterator<Item = &'a Site>, mean: f64) -> Variance {
        Variance::of_blocks(sites.into_iter().map(|site| (&site.sizes, &site.figures)), mean)
    }

    /// The same of blocks of these sizes, in histograms.
    pub fn of_blocks<'a>(
        blocks: impl IntoIterator<Item = (&'a Histogram, &'a Figures)>,
        mean: f64,
    ) -> Variance {
        let all = blocks.into_iter().flat_map(|(histogram, figures)| sizes(histogram, figures));
        let (mut blocks, mut bytes) = (0.0, 0.0);
        let (mut of_blocks, mut of_bytes) = (0.0, 0.0);
        for (size, count) in all {
            let odds = 1.0 / (size / mean).exp_m1();
            blocks += count;
            bytes += count * size;
            of_blocks += count * odds;
            of_bytes += count * size * size * odds;
        }
        let each = |of: f64, all: f64| if all > 0.0 { of / all } else { 0.0 };
        Variance { per_byte: each(of_bytes, bytes), per_block: each(of_blocks, blocks) }
    }
}

impl Variance {
    /// The standard error of a figure that was estimated from such blocks.
    pub fn error(self, metric: Metric, figures: &Figures) -> f64 {
        let each = if metric.is_bytes() { self.per_byte } else { self.per_block };
        (metric.of(figures) as f64 * each).sqrt()
    }
}

/// How large a site's blocks are at the least, and how many are: by its histogram, or on the average where it has none.
fn sizes(histogram: &Histogram, figures: &Figures) -> Vec<(f64, f64)> {
    let known = histogram.iter().map(|(bucket, count)| (2_f64.powi((*bucket).into()), *count as f64));
    let (bytes, blocks) = (figures.total_bytes as f64, figures.total_blocks as f64);
    let average = (histogram.is_empty() && blocks > 0.0).then(|| ((bytes / blocks).max(1.0), blocks));
    known.chain(average).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_the_bytes_halve_the_error() {
        let dump = Dump { mode: Mode::Sample, sample_bytes: Some(1 << 20), ..Dump::default() };
        let error = |bytes: u64| {
            relative_error(&dump, &Figures { peak_bytes: bytes, ..Figures::default() }, Metric::PeakBlocks)
        };
        assert_eq!(error(1 << 20), Some(1.0));
        assert_eq!(error(4 << 20), Some(0.5));
        assert_eq!(error(0), None);
        let exact = Dump { mode: Mode::Full, ..dump };
        assert_eq!(
            relative_error(&exact, &Figures { peak_bytes: 9, ..Figures::default() }, Metric::PeakBytes),
            None
        );
    }

    #[test]
    fn samples_tell_of_blocks_where_they_have_about_as_many_as_were_counted() {
        let profile = |mode, drawn: u64| {
            let figures = Figures { total_blocks: drawn, ..Figures::default() };
            let totals = Figures { total_blocks: 1000, ..Figures::default() };
            let sites = vec![Site { figures, ..Site::default() }];
            Profile { dump: Dump { mode, totals, ..Dump::default() }, sites, ..Profile::default() }
        };
        let tells = |drawn| tells_of_blocks(&profile(Mode::Sample, drawn));
        assert_eq!([0, 100, 600, 1900, 2100].map(tells), [false, false, true, true, false]);
        assert!(tells_of_blocks(&profile(Mode::Full, 0)));
        assert_eq!(estimated_blocks(&profile(Mode::Sample, 600)), 600);
    }

    #[test]
    fn small_blocks_vary_by_the_distance_of_samples_and_large_ones_hardly() {
        // Of blocks far smaller than R, each sample stands for R bytes: Poisson's law, whose variance is its mean.
        let of = |bucket, count| {
            Variance::of([&Site { sizes: vec![(bucket, count)].into(), ..Site::default() }], 65536.0)
        };
        let small = of(4, 1000);
        assert!((small.per_byte / 65536.0 - 1.0).abs() < 1e-3, "{small:?}");
        assert!((small.per_block / 4096.0 - 1.0).abs() < 1e-3, "{small:?}");
        // One of 16 R is missed once in nine million times.
        let large = of(20, 3);
        assert!(large.per_byte < 1.0 && large.per_block < 1e-6, "{large:?}");
        // y² (1 − p)/p, of one block of R bytes: R²/(e − 1).
        let one = of(16, 1);
        assert!((one.per_byte * 65536.0 - 65536.0 * 65536.0 / 1.718_281_828).abs() < 100.0, "{one:?}");
    }
}

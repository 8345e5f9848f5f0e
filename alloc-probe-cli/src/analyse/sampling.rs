//! How far off the estimates of a sampled run may be.

use alloc_probe_format::dump::{Dump, Figures, Mode};
use alloc_probe_format::metric::Metric;

/// The standard error of a site's figure, as a share of it; none where the figure was counted.
///
/// A block of *s* bytes is drawn with probability *p* = 1 − e^(−s/R), *R* being the mean number of bytes between two
/// samples, and stands for s/p bytes. Its part of the variance is (1 − p)(s/p)², which is never more than R·s/p: so
/// the variance of a sum is at most R times the sum, and the error of an estimate of *B* bytes at most √(R·B), or
/// √(R/B) of it. Blocks are estimated by the same samples, and are as far off where a site's blocks are of a size.
pub fn relative_error(dump: &Dump, figures: &Figures, metric: Metric) -> Option<f64> {
    let mean = dump.sample_bytes.filter(|_| dump.mode == Mode::Sample)?;
    let bytes = match metric {
        Metric::PeakBytes | Metric::PeakBlocks => figures.peak_bytes,
        Metric::TotalBytes | Metric::TotalBlocks | Metric::TemporaryBlocks => figures.total_bytes,
        Metric::EndBytes | Metric::EndBlocks => figures.end_bytes,
        Metric::LongLivedBytes | Metric::LongLivedBlocks => figures.long_lived_bytes,
    };
    (bytes > 0).then(|| (mean as f64 / bytes as f64).sqrt())
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
}

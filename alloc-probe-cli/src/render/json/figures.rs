//! Figures, in JSON.

use crate::analyse::sampling::{Variance, error_of_sum, mean};
use crate::profile::Profile;
use alloc_probe_format::dump::{Dump, Figures, Histogram};
use alloc_probe_format::metric::Metric;
use serde::{Serialize, Serializer};

/// All figures of a process that are known, also those that are zero, which a dump leaves out.
#[derive(Debug)]
struct AllFigures<'a> {
    figures: Figures,
    unknown: &'a [String],
}

impl<'a> AllFigures<'a> {
    fn of(profile: &'a Profile, figures: Figures) -> AllFigures<'a> {
        AllFigures { figures, unknown: &profile.dump.unknown_figures }
    }

    fn known(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let is_known = |name: &str| !self.unknown.iter().any(|unknown| unknown == name);
        self.figures.each().filter(move |(name, _)| is_known(name))
    }
}

impl Serialize for AllFigures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.known())
    }
}

/// The standard errors of figures that are estimates, by the figures' names.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors(Vec<(&'static str, u64)>);

impl Errors {
    /// Those of sites of a run; none where it was counted.
    pub(super) fn of_blocks<'a>(
        blocks: impl IntoIterator<Item = (&'a Histogram, &'a Figures)>,
        figures: &Figures,
        dump: &Dump,
    ) -> Option<Errors> {
        let variance = Variance::of_blocks(blocks, mean(dump)?);
        let each =
            Metric::ALL.iter().map(|metric| (key(*metric), variance.error(*metric, figures).round() as u64));
        Some(Errors(each.collect()))
    }

    /// Those of a process, of which only these figures are estimates; none where they were counted.
    fn of_process(profile: &Profile) -> Option<Errors> {
        mean(&profile.dump)?;
        let error = |metric: Metric| {
            let error = error_of_sum(profile, |figures| metric.of(figures), metric.is_bytes());
            (key(metric), error.unwrap_or_default().round() as u64)
        };
        let estimated =
            [Metric::LongLivedBytes, Metric::LongLivedBlocks, Metric::TemporaryBlocks, Metric::Growth];
        let mut errors: Vec<_> = estimated.into_iter().map(error).collect();
        let moved = error_of_sum(profile, |figures| figures.moved_bytes, true);
        errors.push(("moved_bytes", moved.unwrap_or_default().round() as u64));
        Some(Errors(errors))
    }
}

/// A metric's name as a field.
fn key(metric: Metric) -> &'static str {
    match metric {
        Metric::PeakBytes => "peak_bytes",
        Metric::PeakBlocks => "peak_blocks",
        Metric::TotalBytes => "total_bytes",
        Metric::TotalBlocks => "total_blocks",
        Metric::EndBytes => "end_bytes",
        Metric::EndBlocks => "end_blocks",
        Metric::LongLivedBytes => "long_lived_bytes",
        Metric::LongLivedBlocks => "long_lived_blocks",
        Metric::TemporaryBlocks => "temporary_blocks",
        Metric::Growth => "growth_bytes",
    }
}

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// The figures of a site that are not zero: most are, at most sites.
#[derive(Debug)]
pub(super) struct SomeFigures<'a>(AllFigures<'a>);

impl<'a> SomeFigures<'a> {
    /// Of some of a profile's sites.
    pub(super) fn of(profile: &'a Profile, figures: Figures) -> SomeFigures<'a> {
        SomeFigures(AllFigures::of(profile, figures))
    }
}

impl Serialize for SomeFigures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.known().filter(|(_, value)| *value > 0))
    }
}

/// The figures of a whole process.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    #[serde(flatten)]
    figures: AllFigures<'a>,
    peak_time_ns: u64,
    long_lived_threshold_ns: u64,
    errors: Option<Errors>,
}

impl<'a> Summary<'a> {
    pub(super) fn new(profile: &'a Profile) -> Summary<'a> {
        Summary {
            figures: AllFigures::of(profile, profile.dump.totals),
            peak_time_ns: profile.dump.peak_time_ns,
            long_lived_threshold_ns: profile.dump.long_lived_threshold_ns,
            errors: Errors::of_process(profile),
        }
    }
}

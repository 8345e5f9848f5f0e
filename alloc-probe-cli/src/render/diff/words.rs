//! Words, sentences and percentages, as all parts of a diff have them.

pub(super) use crate::render::sentence::write as sentence;
use alloc_probe_format::metric::Metric;

/// What a metric is called in a headline: its bytes need no word of their own.
pub(super) fn word(metric: Metric) -> String {
    metric.name().trim_end_matches("-bytes").replace("-blocks", " blocks")
}

/// To one decimal, downwards: 100% is all of it.
pub(super) fn floor(percent: f64) -> f64 {
    (percent * 10.0).floor() / 10.0
}

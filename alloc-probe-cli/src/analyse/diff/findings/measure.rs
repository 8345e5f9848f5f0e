//! Which figure some pairs differ by: what was live at the peak, or at the end, or, where memory is the same, all that
//! was allocated.

use super::runs::{Runs, largest_first};
use crate::analyse::signed::signed;
use alloc_probe_format::metric::Metric;

/// The figure by which some pairs differ most tellingly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) metric: Metric,
    /// When it was, in words: `at the peak`.
    pub(super) when: &'static str,
    /// How much more of it each pair has in the new run, the furthest apart first.
    pub(super) parts: Vec<(usize, i64)>,
}

/// What is live, first.
pub(super) const LIVE: [(Metric, &str); 2] =
    [(Metric::PeakBytes, "at the peak"), (Metric::EndBytes, "at the end")];

impl Measure {
    /// The first of the figures that is notable.
    pub(super) fn of(runs: &Runs<'_>, pairs: &[usize]) -> Measure {
        let live = LIVE.into_iter().map(|(metric, when)| Measure::by(runs, pairs, metric, when));
        let notable = live.into_iter().find(|measure| measure.bytes().abs() >= runs.notable_bytes());
        notable.unwrap_or_else(|| {
            Measure::by(runs, pairs, Metric::TotalBytes, "in all, while what is live hardly differs")
        })
    }

    /// One figure of the pairs.
    fn by(runs: &Runs<'_>, pairs: &[usize], metric: Metric, when: &'static str) -> Measure {
        let difference = |pair: &usize| {
            let (base, new) = runs.pairs[*pair].of(metric);
            (*pair, signed(new) - signed(base))
        };
        Measure { metric, when, parts: largest_first(pairs.iter().map(difference).collect()) }
    }

    /// How much more of it the new run has.
    pub(super) fn bytes(&self) -> i64 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Whether it is no memory, but all that was ever allocated.
    pub(super) fn is_total(&self) -> bool {
        self.metric == Metric::TotalBytes
    }
}

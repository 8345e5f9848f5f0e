//! How much of two profiles was matched.

use super::pair::{MatchKind, Pair};
use alloc_probe_format::metric::Metric;

/// The share of two profiles that was matched, by what is counted.
#[derive(Clone, Copy, Debug)]
pub struct Coverage {
    /// Of all bytes allocated.
    pub bytes: Share,
    /// Of all blocks allocated.
    pub blocks: Share,
    /// Of the bytes live at the peaks.
    pub peak_bytes: Share,
}

/// A share of both profiles' figures together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// What has a counterpart, however loosely, in percent.
    pub percent: f64,
    /// What has one with the same chain of functions, in percent.
    pub exact_percent: f64,
}

impl Coverage {
    pub(super) fn of(pairs: &[Pair]) -> Coverage {
        Coverage {
            bytes: Share::of(pairs, Metric::TotalBytes),
            blocks: Share::of(pairs, Metric::TotalBlocks),
            peak_bytes: Share::of(pairs, Metric::PeakBytes),
        }
    }
}

impl Share {
    /// Of nothing, everything is matched.
    fn of(pairs: &[Pair], metric: Metric) -> Share {
        let (mut all, mut matched, mut exact) = (0_u128, 0_u128, 0_u128);
        for pair in pairs {
            let (base, new) = pair.of(metric);
            let both = u128::from(base) + u128::from(new);
            all += both;
            matched += if pair.kind.is_some() { both } else { 0 };
            exact += if pair.kind == Some(MatchKind::Exact) { both } else { 0 };
        }
        let percent = |part: u128| if all == 0 { 100.0 } else { part as f64 * 100.0 / all as f64 };
        Share { percent: percent(matched), exact_percent: percent(exact) }
    }
}

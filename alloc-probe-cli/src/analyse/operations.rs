//! What was done under each name that the program gives, and how much memory that holds.

use crate::profile::Profile;
use alloc_probe_format::dump::{Figures, FrameKind, Operation};
use hdrhistogram::Histogram;
use std::cmp::Reverse;

/// The significant digits of histograms here. The dump's have fewer.
const DIGITS: u8 = 3;

/// An operation with what follows from the dump.
#[derive(Clone, Debug)]
pub struct Operated<'a> {
    /// What the dump says of it.
    pub recorded: &'a Operation,
    /// The sum of the sites whose innermost operation it is; none where there are no sites.
    pub figures: Option<Figures>,
    /// How long those that ended took; none where none did.
    pub latency: Option<Latency>,
    /// How many ended in a second, from when the first began to when the last ended; none where that is not known.
    pub per_second: Option<f64>,
}

/// Percentiles of how long an operation takes, in nanoseconds, within 1.6 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50_ns: u64,
    /// 90 of 100.
    pub p90_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1,000.
    pub p99_9_ns: u64,
    /// The longest. It is exact.
    pub max_ns: u64,
}

/// The operations of a profile, those first that took most time together.
pub fn operations(profile: &Profile) -> Vec<Operated<'_>> {
    let dump = &profile.dump;
    if dump.operations.is_empty() {
        return Vec::new();
    }
    let mut sums = vec![Figures::default(); dump.operations.len()];
    for site in &profile.sites {
        let nodes = profile.stacks.outwards(site.stack).map(|row| &profile.stacks.nodes[row]);
        let innermost = nodes.into_iter().find(|node| node.kind == FrameKind::Operation);
        if let Some(sum) = innermost.and_then(|node| sums.get_mut(usize::try_from(node.address).ok()?)) {
            sum.add(&site.figures);
        }
    }
    let has_sites = !profile.sites.is_empty();
    let named = dump.operations.iter().zip(sums).filter(|(recorded, _)| recorded.started > 0);
    let mut operations: Vec<Operated<'_>> = named
        .map(|(recorded, sum)| Operated {
            recorded,
            figures: has_sites.then_some(sum),
            latency: latency(recorded),
            per_second: per_second(recorded),
        })
        .collect();
    operations.sort_by_key(|operation| Reverse(operation.recorded.duration_ns));
    operations
}

/// How many ended in a second, from when the first began to when the last ended; none where that is not known.
pub fn per_second(recorded: &Operation) -> Option<f64> {
    let over = recorded.last_ns.checked_sub(recorded.first_ns).filter(|over| *over > 0)?;
    (recorded.finished > 0).then(|| recorded.finished as f64 * 1e9 / over as f64)
}

/// The percentiles of a dump's histogram; none where none ended. No one is beyond the longest, which is known exactly.
pub fn latency(recorded: &Operation) -> Option<Latency> {
    let mut histogram = Histogram::<u64>::new(DIGITS).ok()?;
    for (ns, count) in &recorded.latencies {
        histogram.record_n(*ns, *count).ok()?;
    }
    if histogram.is_empty() {
        return None;
    }
    let at = |quantile| histogram.value_at_quantile(quantile).min(recorded.longest_ns);
    Some(Latency {
        p50_ns: at(0.5),
        p90_ns: at(0.9),
        p99_ns: at(0.99),
        p99_9_ns: at(0.999),
        max_ns: recorded.longest_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_exact_sorting_within_a_bucket() {
        // 1 to 1,000 microseconds, once each.
        let latencies = (1..=1000).map(|micros| (micros * 1000, 1)).collect();
        let recorded = Operation { latencies, longest_ns: 1_000_000, ..Operation::default() };
        let found = latency(&recorded).unwrap();
        for (found, exact) in [
            (found.p50_ns, 500_000),
            (found.p90_ns, 900_000),
            (found.p99_ns, 990_000),
            (found.p99_9_ns, 999_000),
        ] {
            assert!(u64::abs_diff(found, exact) <= exact / 1000, "{found} for {exact}");
        }
        assert_eq!(found.max_ns, 1_000_000);
    }

    #[test]
    fn what_never_ended_has_no_latency_and_no_rate() {
        let recorded = Operation { started: 3, ..Operation::default() };
        assert_eq!(latency(&recorded), None);
        assert_eq!(per_second(&recorded), None);
    }
}

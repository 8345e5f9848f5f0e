//! *No concern*: nothing stands out, and what is live has settled.

use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::units::{bytes, duration};
use alloc_probe_format::dump::TimelineSample;
use alloc_probe_format::metric::Metric;

/// A timeline with fewer samples does not tell whether the heap has settled.
const LEAST_SAMPLES: usize = 8;
/// By how much the rest of a run may exceed its first half.
const SETTLED: f64 = 1.05;

/// The heap was as large in the first half of the run as it ever came to be, and what is live between two peaks has not
/// risen since the second quarter: of the blocks, for time may pass without any work.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let dump = &run.profile.dump;
    let samples = &dump.timeline.samples;
    let blocks = samples.last().map_or(0, |last| last.total_blocks);
    // Where the first quarters of the blocks end.
    let after =
        |quarters: u64| samples.partition_point(|sample| sample.total_blocks <= blocks / 4 * quarters);
    let (beginning, rest) = samples.split_at(after(2));
    let live = |part: &[TimelineSample]| part.iter().map(|sample| sample.live_bytes).collect::<Vec<_>>();
    let most = |part: &[TimelineSample]| live(part).into_iter().max().unwrap_or(0);
    let least = |part: &[TimelineSample]| live(part).into_iter().min().unwrap_or(0);
    let (first, then) = (most(beginning), most(rest));
    let may_rise = first as f64 * (SETTLED - 1.0);
    // A peak that comes again and again hides what grows below it.
    let floor_rose = least(&samples[after(3)..]) as f64 > least(&beginning[after(1)..]) as f64 * SETTLED;
    let grew = then as f64 > first as f64 + may_rise || floor_rose;
    if samples.len() < LEAST_SAMPLES || grew || dump.totals.end_bytes == 0 {
        return Vec::new();
    }
    let live = run.sites.iter().map(|site| site.of(Metric::EndBytes)).enumerate();
    let sites = largest_first(live.filter(|(_, bytes)| *bytes > 0).collect());
    let mut evidence = vec![format!(
        "at most {} were live while the first half of the blocks was allocated, and {} after that, in {}",
        bytes(first),
        bytes(then),
        duration(dump.process.duration_ns)
    )];
    evidence.extend(
        sites.first().map(|(site, live)| format!("most of it is at {}: {}", run.place(*site), bytes(*live))),
    );
    vec![Finding {
        kind: Kind::NoConcern,
        bytes: dump.totals.end_bytes,
        short: format!("{} live, which does not grow", bytes(dump.totals.end_bytes)),
        sentence: format!(
            "Nothing stands out: {} are live, and that does not grow.",
            bytes(dump.totals.end_bytes)
        ),
        evidence,
        sites,
        advice: "Nothing. If it is too much, look at what is live: `alloc-probe show --by end-bytes`."
            .to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};
    use crate::analyse::fold::Detail;
    use crate::analyse::sites::shown;

    /// Whether nothing is of concern in a run with so much live at each of its 400 samples.
    fn is_silent(live_kib: impl Fn(u64) -> u64) -> bool {
        let mut dump = run(400);
        for (number, sample) in (0..).zip(&mut dump.timeline.samples) {
            sample.live_bytes = live_kib(number) << 10;
        }
        dump.totals.end_bytes = live_kib(400) << 10;
        let profile = profile(dump, Vec::new());
        let sites = shown(&profile, Metric::EndBytes, Detail::default());
        find(&Run::new(&profile, &sites, None, None)).is_empty()
    }

    #[test]
    fn what_grows_is_of_concern() {
        assert!(!is_silent(|number| number.min(90) * 100), "a cache that is full after a quarter");
        assert!(is_silent(|number| number * 100));
        let spikes = |number: u64| if number % 20 < 2 { 100_000 } else { 0 };
        assert!(!is_silent(|number| spikes(number).max(1_000)));
        assert!(is_silent(|number| spikes(number).max(1_000 + number * 100)), "growth that peaks hide");
        assert!(
            is_silent(|number| spikes(number).max(1_000 + number)),
            "and however small it is beside these"
        );
    }
}

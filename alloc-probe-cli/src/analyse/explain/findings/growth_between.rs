//! Growth from dump to dump of one run, which is surer than what the ages of one dump's blocks say.

use crate::analyse::evidence::growing::{ADVICE, Confidence};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::analyse::explain::series::Series;
use crate::units::{bytes, duration, plural};
use std::cmp::Reverse;

/// What is smaller than this is not spoken of.
const LEAST_BYTES: u64 = 64 << 10;
/// So many sites are described.
const DESCRIBED: usize = 3;

/// What a site held at each dump, and what that says.
struct Steps {
    site: usize,
    held: Vec<u64>,
    confidence: Confidence,
}

impl Steps {
    fn grown(&self) -> u64 {
        self.held.last().copied().unwrap_or(0).saturating_sub(self.held[0])
    }

    /// None where it did not grow with each step.
    fn of(site: usize, held: Vec<u64>, times: &[u64]) -> Option<Steps> {
        if !held.windows(2).all(|step| step[1] > step[0]) {
            return None;
        }
        let whole = held.last()?.saturating_sub(held[0]) as f64;
        let time = times.last()?.saturating_sub(times[0]).max(1) as f64;
        // Each step as large as it would be if growth was even, or at least half of that.
        let is_even = held.windows(2).zip(times.windows(2)).all(|(held, times)| {
            (held[1] - held[0]) as f64 / whole >= (times[1] - times[0]) as f64 / time / 2.0
        });
        let confidence = match (held.len(), is_even) {
            (3.., true) => Confidence::High,
            (3.., false) | (_, true) => Confidence::Medium,
            _ => Confidence::Low,
        };
        Some(Steps { site, held, confidence })
    }
}

/// What grew from each dump to the next.
pub(super) fn find(run: &Run<'_>, series: &Series) -> Option<Finding> {
    let mut times = series.times_ns();
    times.push(run.profile.dump.process.duration_ns);
    let steps = run.sites.iter().enumerate().filter_map(|(index, site)| {
        let mut held = series.held(run.profile, site);
        held.push(site.sum.figures.end_bytes);
        // Of two dumps, whatever is in flight may have more in the second: ages must say so as well.
        let by_ages = run.growing.iter().any(|(growing, _)| *growing == index);
        Steps::of(index, held, &times).filter(|steps| steps.held.len() > 2 || by_ages)
    });
    let mut found: Vec<Steps> = steps.filter(|steps| steps.grown() > 0).collect();
    let all = found.iter().map(Steps::grown).fold(0, u64::saturating_add);
    // What is a hundredth of it is noise.
    found.retain(|steps| steps.grown() >= all / 100);
    found.sort_by_key(|steps| Reverse((steps.confidence, steps.grown())));
    let all = found.iter().map(Steps::grown).fold(0, u64::saturating_add);
    let first = found.first().filter(|_| all >= LEAST_BYTES)?;
    let time = times.last()?.saturating_sub(times[0]);
    let rate = |grown: u64| (grown as f64 / (time.max(1) as f64 / 1e9)) as u64;
    let mut evidence: Vec<String> = (found.iter().take(DESCRIBED))
        .map(|steps| {
            let held: Vec<String> = steps.held.iter().map(|held| bytes(*held)).collect();
            format!(
                "{}: {}, {} a second (confidence: {})",
                run.place(steps.site),
                held.join(" → "),
                bytes(rate(steps.grown())),
                steps.confidence.name()
            )
        })
        .collect();
    let at: Vec<String> = times.iter().map(|time| duration(*time)).collect();
    evidence.push(format!("live at {} dumps of the run, after {}", times.len(), at.join(", ")));
    let confidence = first.confidence.name();
    Some(Finding {
        kind: Kind::Growth,
        bytes: all,
        short: format!(
            "{} a second at {} (confidence: {confidence})",
            bytes(rate(all)),
            run.name(first.site)
        ),
        sentence: format!(
            "{} at {} grew from each dump to the next, {} a second (confidence: {confidence}).",
            bytes(all),
            plural(found.len() as u64, "site"),
            bytes(rate(all))
        ),
        evidence,
        sites: found.iter().map(|steps| (steps.site, steps.grown())).collect(),
        advice: ADVICE.to_owned(),
    })
}

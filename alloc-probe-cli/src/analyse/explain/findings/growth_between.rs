//! Growth from dump to dump of one run, which is surer than what the ages of one dump's blocks say.

use crate::analyse::evidence::growing::{ADVICE, Confidence, Rate, short, surest_first, together};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::analyse::explain::series::Series;
use crate::analyse::sampling;
use crate::units::{bytes, duration, plural};
use alloc_probe_format::metric::Metric;

/// What is smaller than this is not spoken of.
const LEAST_BYTES: u64 = 64 << 10;
/// Less of a sampled site's growth is chance.
const STANDARD_ERRORS: f64 = 2.0;
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

    /// The variance of that, where a block was drawn in about `mean` bytes: never more than `mean` times what is estimated.
    fn variance(&self, mean: f64) -> f64 {
        (self.held[0] as f64 + self.held.last().copied().unwrap_or(0) as f64) * mean
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
        held.push(site.of(Metric::EndBytes));
        // Of two dumps, whatever is in flight may have more in the second: ages must say so as well.
        let by_ages = run.growing.iter().any(|(growing, _)| *growing == index);
        Steps::of(index, held, &times).filter(|steps| steps.held.len() > 2 || by_ages)
    });
    let mut found: Vec<Steps> = steps.filter(|steps| steps.grown() > 0).collect();
    let mean = sampling::mean(&run.profile.dump);
    if let Some(mean) = mean {
        // Chance makes some sites grow and others shrink.
        found.retain(|steps| steps.grown() as f64 > STANDARD_ERRORS * steps.variance(mean).sqrt());
    }
    let all = found.iter().map(Steps::grown).fold(0, u64::saturating_add);
    // What is a hundredth of it is noise.
    found.retain(|steps| steps.grown() >= all / 100);
    surest_first(&mut found, DESCRIBED, |steps| (steps.confidence, steps.grown()));
    let all = found.iter().map(Steps::grown).fold(0, u64::saturating_add);
    if all < LEAST_BYTES {
        return None;
    }
    let error = mean.map(|mean| found.iter().map(|steps| steps.variance(mean)).sum::<f64>().sqrt());
    let is_rough = error.is_some_and(|error| error * 10.0 > all as f64);
    let time = times.last()?.saturating_sub(times[0]);
    let rate = |grown: u64| (grown as f64 / (time.max(1) as f64 / 1e9)) as u64;
    let described = || found.iter().take(DESCRIBED);
    let places = run.places(described().map(|steps| steps.site));
    let mut evidence: Vec<String> = (described().zip(&places))
        .map(|(steps, place)| {
            let held: Vec<String> = steps.held.iter().map(|held| bytes(*held)).collect();
            format!(
                "{place}: {}, {} a second (confidence: {})",
                held.join(" → "),
                bytes(rate(steps.grown())),
                steps.confidence.name()
            )
        })
        .collect();
    let at: Vec<String> = times.iter().map(|time| duration(*time)).collect();
    evidence.push(format!("live at {} dumps of the run, after {}", times.len(), at.join(", ")));
    let mut live = series.live_bytes();
    live.push(run.profile.dump.totals.end_bytes);
    let live: Vec<String> = live.into_iter().map(bytes).collect();
    evidence.push(format!("of the whole process, which is counted, {} were live", live.join(" → ")));
    let sure =
        |confidence: Confidence| if is_rough { confidence.min(Confidence::Medium) } else { confidence };
    let rates: Vec<Rate> = found.iter().map(|steps| (sure(steps.confidence), rate(steps.grown()))).collect();
    let or_so = |figure: u64| {
        let error = error.map(|error| format!(" ±{}", bytes((figure as f64 * error / all as f64) as u64)));
        bytes(figure) + &error.unwrap_or_default()
    };
    Some(Finding {
        kind: Kind::Growth,
        bytes: all,
        short: short(&rates, or_so, |site| run.name(found[site].site)),
        sentence: format!(
            "{} at {} grew from each dump to the next, {}.",
            or_so(all),
            plural(found.len() as u64, "site"),
            together(&rates, or_so)
        ),
        evidence,
        sites: found.iter().map(|steps| (steps.site, steps.grown())).collect(),
        advice: ADVICE.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};
    use crate::analyse::fold::Detail;
    use crate::analyse::sites::shown;
    use crate::profile::{Profile, Site};
    use alloc_probe_format::dump::{Figures, Mode};

    const MIB: u64 = 1 << 20;

    /// What is found in dumps of a run, a second apart, at which a site held so many mebibytes.
    fn found(held: [u64; 3], sampled: Option<u64>) -> Option<Finding> {
        let dump = |number: u64, held: u64| -> Profile {
            let mut dump = run(1_000 * number);
            (dump.mode, dump.sample_bytes) = (sampled.map_or(Mode::Full, |_| Mode::Sample), sampled);
            dump.totals.end_bytes = held * MIB;
            let figures = Figures { end_bytes: held * MIB, end_blocks: 100 * held, ..Figures::default() };
            profile(dump, vec![("app::leak:1", Site { figures, ..Site::default() })])
        };
        let profiles: Vec<Profile> = (1..).zip(held).map(|(number, held)| dump(number, held)).collect();
        let mut series = Series::default();
        let sites: Vec<_> =
            (profiles.iter()).map(|profile| shown(profile, Metric::EndBytes, Detail::default())).collect();
        profiles[..2].iter().zip(&sites).for_each(|(profile, sites)| series.add(profile, sites));
        let sites = &sites[2];
        find(&Run::new(&profiles[2], sites, None, Some(&series)), &series)
    }

    #[test]
    fn growth_of_samples_has_its_error() {
        let counted = found([4, 9, 14], None).unwrap();
        assert!(counted.sentence.contains("10.0 MiB at 1 site grew"), "{}", counted.sentence);
        assert!(counted.sentence.ends_with("5.0 MiB a second (confidence: high)."), "{}", counted.sentence);
        // √(18 MiB · 512 KiB)
        let sampled = found([4, 9, 14], Some(MIB / 2)).unwrap();
        assert!(sampled.sentence.contains("10.0 MiB ±3.0 MiB at 1 site grew"), "{}", sampled.sentence);
        assert!(
            sampled.sentence.ends_with("5.0 MiB ±1.5 MiB a second (confidence: medium)."),
            "{}",
            sampled.sentence
        );
        let whole = "of the whole process, which is counted, 4.0 MiB → 9.0 MiB → 14.0 MiB were live";
        assert!(sampled.evidence.iter().any(|evidence| evidence == whole), "{:?}", sampled.evidence);
        assert!(found([4, 5, 6], Some(MIB / 2)).is_none(), "chance grows as much");
        assert!(found([4, 5, 6], None).is_some());
    }
}

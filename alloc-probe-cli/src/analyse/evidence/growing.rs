//! Whether sites grow without end, and how sure that is.
//!
//! The verdict is from the ages of the live blocks (see [`ages`](super::ages)). Without any doubt the confidence is high,
//! with one it is medium, with more it is low: few blocks, uneven ages, others that come and go at the same site, a
//! process whose live bytes did not rise with it.

use crate::analyse::evidence::activity::Activity;
use crate::analyse::evidence::ages::{Ages, LATE};
use crate::profile::Profile;
use crate::units;
use alloc_probe_format::dump::{Dump, Figures, Mode};
use std::cmp::Reverse;

/// Shorter runs tell nothing: what they load is not there yet.
const LEAST_NS: u64 = 100_000_000;
/// Neither do fewer blocks, or, of samples, fewer of these.
pub(in crate::analyse) const LEAST_BLOCKS: u64 = 32;
/// With fewer blocks there is a doubt.
const MANY_BLOCKS: u64 = 200;

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::analyse) enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    pub(in crate::analyse) const fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// How fast a site grows, in bytes a second, and how sure that is.
pub(in crate::analyse) type Rate = (Confidence, u64);

/// Puts the surest first, and of those the fastest. Of all, the fastest is among the first so many, which are described:
/// where most of it is must not be left out, however sure the others are.
pub(in crate::analyse) fn surest_first<T>(found: &mut Vec<T>, described: usize, rate: impl Fn(&T) -> Rate) {
    found.sort_by_key(|site| Reverse(rate(site)));
    let fastest = (0..found.len()).rev().max_by_key(|site| rate(&found[*site]).1);
    if let Some(fastest) = fastest.filter(|fastest| *fastest >= described && described > 0) {
        let fastest = found.remove(fastest);
        found.insert(described - 1, fastest);
    }
}

/// What all of some sites grow a second, and how sure that is: `8.0 KiB a second (confidence: high for 1.0 KiB, low for
/// 7.0 KiB)`. One that is sure says nothing of the others. How far off the whole is says nothing of its parts, so only the
/// whole is written by `figure`.
pub(in crate::analyse) fn together(rates: &[Rate], figure: impl Fn(u64) -> String) -> String {
    let sum = |of: &dyn Fn(Confidence) -> bool| {
        let rates = rates.iter().filter(|(confidence, _)| of(*confidence));
        rates.map(|(_, rate)| *rate).fold(0, u64::saturating_add)
    };
    let mut by_confidence: Vec<Confidence> = rates.iter().map(|(confidence, _)| *confidence).collect();
    by_confidence.sort_unstable();
    by_confidence.dedup();
    let confidence = match by_confidence[..] {
        [only] => only.name().to_owned(),
        _ => {
            let part = |of: &Confidence| format!("{} for {}", of.name(), units::bytes(sum(&|it| it == *of)));
            by_confidence.iter().rev().map(part).collect::<Vec<_>>().join(", ")
        }
    };
    format!("{} a second (confidence: {confidence})", figure(sum(&|_| true)))
}

/// The same in short, of sites in the order of [`surest_first`], with the names of the surest and of the fastest.
pub(in crate::analyse) fn short(
    rates: &[Rate],
    figure: impl Fn(u64) -> String,
    name: impl Fn(usize) -> String,
) -> String {
    let at = |site: usize| format!("at {} (confidence: {})", name(site), rates[site].0.name());
    if let [(_, rate)] = rates {
        return format!("{} a second {}", figure(*rate), at(0));
    }
    let all = rates.iter().map(|(_, rate)| *rate).fold(0, u64::saturating_add);
    let fastest = (0..rates.len()).rev().max_by_key(|site| rates[*site].1).unwrap_or(0);
    let mut text = format!(
        "{} a second at {}, {} of it {}",
        figure(all),
        units::plural(rates.len() as u64, "site"),
        units::bytes(rates[0].1),
        at(0)
    );
    if rates[fastest].1 > rates[0].1 {
        text += &format!(", {} {}", units::bytes(rates[fastest].1), at(fastest));
    }
    text
}

/// Some sites of a run that grow.
#[derive(Clone, Debug)]
pub(in crate::analyse) struct Growing {
    /// Theirs, added up.
    pub(in crate::analyse) figures: Figures,
    /// What is live and was not allocated in the last tenth of the time: what is under way at the dump is no leak.
    pub(in crate::analyse) grown_bytes: u64,
    /// How fast that is, in bytes for each second in which the run allocated.
    pub(in crate::analyse) bytes_per_second: u64,
    pub(in crate::analyse) ages: Ages,
    pub(in crate::analyse) confidence: Confidence,
}

/// What verdicts on the sites of a run rest on.
pub(in crate::analyse) struct Growth<'a> {
    profile: &'a Profile,
    pub(in crate::analyse) activity: Activity,
}

impl<'a> Growth<'a> {
    /// None where the run is too short, or its time is not known.
    pub(in crate::analyse) fn of(profile: &'a Profile) -> Option<Growth<'a>> {
        let activity = Activity::of(&profile.dump).filter(|activity| activity.active_ns() >= LEAST_NS)?;
        Some(Growth { profile, activity })
    }

    /// Some sites of the run, by their numbers, as if they were one; none where they don't grow.
    pub(in crate::analyse) fn growing(&self, sites: &[u32], figures: Figures) -> Option<Growing> {
        let dump = &self.profile.dump;
        let seen = seen(dump, &figures);
        if seen < LEAST_BLOCKS {
            return None;
        }
        let sites = sites.iter().filter_map(|site| self.profile.sites.get(*site as usize));
        let ages = Ages::of(sites, &self.activity).filter(Ages::go_on)?;
        let doubts = [
            seen < MANY_BLOCKS,
            !ages.are_even(),
            !(0.4..=0.58).contains(&ages.mean_live),
            !rises_with(dump, figures.end_bytes),
        ];
        let confidence = match doubts.iter().filter(|doubt| **doubt).count() {
            0 => Confidence::High,
            1 => Confidence::Medium,
            _ => Confidence::Low,
        };
        let grown_bytes = (figures.end_bytes as f64 * ages.settled) as u64;
        let seconds = self.activity.active_ns() as f64 / 1e9 * (1.0 - LATE);
        let bytes_per_second = (grown_bytes as f64 / seconds) as u64;
        Some(Growing { figures, grown_bytes, bytes_per_second, ages, confidence })
    }
}

impl Growing {
    pub(in crate::analyse) fn rate(&self) -> Rate {
        (self.confidence, self.bytes_per_second)
    }

    /// What speaks for it, with the place that the sites are named after.
    pub(in crate::analyse) fn describe(&self, place: &str) -> String {
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let allocated: Vec<String> = (self.ages.recent.iter())
            .map(|part| format!("{} in its last {}", percent(part.of_blocks), percent(part.of_time)))
            .collect();
        format!(
            "{place}: {} are live in {} of {} that it allocated, allocated all over the run, {} (confidence: {})",
            units::bytes(self.figures.end_bytes),
            units::count(self.figures.end_blocks),
            units::plural(self.figures.total_blocks, "block"),
            allocated.join(", "),
            self.confidence.name(),
        )
    }
}

/// What to do about it.
pub(in crate::analyse) const ADVICE: &str = "See what keeps these blocks: drop them when their work is done, or bound the collection that holds them.";

/// How many of the live blocks were seen: those that the sampler drew, where they are estimates.
fn seen(dump: &Dump, figures: &Figures) -> u64 {
    match (dump.mode, dump.sample_bytes) {
        (Mode::Sample, Some(bytes)) => figures.end_blocks.min(figures.end_bytes / bytes.max(1)),
        _ => figures.end_blocks,
    }
}

/// Whether the process's live bytes rose by what a site must have added that holds so much at the end: half of it would be
/// even growth from the second quarter to the last, and a quarter is enough.
fn rises_with(dump: &Dump, end_bytes: u64) -> bool {
    floors(dump).is_some_and(|(second, last)| last.saturating_sub(second) >= end_bytes / 4)
}

/// The least that was live in the second quarter of the timeline's samples, and in the last.
pub(in crate::analyse) fn floors(dump: &Dump) -> Option<(u64, u64)> {
    let samples = &dump.timeline.samples;
    let lowest = |quarter: usize| {
        let samples = &samples[samples.len() * (quarter - 1) / 4..samples.len() * quarter / 4];
        samples.iter().map(|sample| sample.live_bytes).min()
    };
    Some((lowest(2)?, lowest(4)?))
}

/// What that is for each time that the program passed one of its marks.
pub(in crate::analyse) fn per_mark(dump: &Dump, held: u64) -> Option<String> {
    let mark = dump.marks.iter().filter(|mark| mark.count >= LEAST_BLOCKS).max_by_key(|mark| mark.count)?;
    Some(format!(
        "for each `{}` ({} of them), that is {}",
        mark.name,
        units::count(mark.count),
        units::bytes(held / mark.count)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Confidence::{High, Low, Medium};

    /// A slow site that is sure, others less so, and the fastest of them least.
    fn rates() -> Vec<Rate> {
        let mut rates = vec![(Low, 900), (Medium, 30), (High, 20), (Medium, 40), (High, 10)];
        surest_first(&mut rates, 3, |rate| *rate);
        rates
    }

    #[test]
    fn the_fastest_is_described() {
        assert_eq!(rates(), [(High, 20), (High, 10), (Low, 900), (Medium, 40), (Medium, 30)]);
        let mut few = vec![(Low, 900), (High, 20)];
        surest_first(&mut few, 3, |rate| *rate);
        assert_eq!(few, [(High, 20), (Low, 900)]);
    }

    #[test]
    fn what_one_site_grows_is_not_said_of_all() {
        let figure = |rate: u64| format!("{rate} B ±1 B");
        assert_eq!(
            together(&rates(), figure),
            "1000 B ±1 B a second (confidence: high for 30 B, medium for 70 B, low for 900 B)"
        );
        assert_eq!(together(&[(High, 2), (High, 1)], figure), "3 B ±1 B a second (confidence: high)");
        let short = |rates: &[Rate]| short(rates, figure, |site| format!("`site {site}`"));
        assert_eq!(
            short(&rates()),
            "1000 B ±1 B a second at 5 sites, 20 B of it at `site 0` (confidence: high), 900 B at `site 2` (confidence: low)"
        );
        assert_eq!(
            short(&[(High, 2), (High, 1)]),
            "3 B ±1 B a second at 2 sites, 2 B of it at `site 0` (confidence: high)"
        );
        assert_eq!(short(&[(Medium, 5)]), "5 B ±1 B a second at `site 0` (confidence: medium)");
    }
}

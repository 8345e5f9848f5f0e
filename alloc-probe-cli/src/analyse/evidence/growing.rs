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

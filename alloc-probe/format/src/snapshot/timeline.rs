//! The heap over time.

use super::clock::ClockScale;
use super::words::load;
use crate::dump::{Timeline, TimelineSample};
use crate::spool::{Section, Spool, TIMELINE_LIMIT, header, sample};
use std::sync::atomic::AtomicU64;

pub(super) fn timeline(spool: &impl Spool, clock: &ClockScale) -> Timeline {
    let count = (spool.count(Section::TIMELINE) as usize).min(TIMELINE_LIMIT);
    let samples = spool.words(Section::TIMELINE).chunks_exact(sample::WORDS).take(count);
    let samples = samples.map(|words| timeline_sample(words, clock)).collect();
    Timeline { interval_ns: clock.nanos(spool.header(header::TIMELINE_TICKS)), samples }
}

/// A sample from its words.
pub(super) fn timeline_sample(words: &[AtomicU64], clock: &ClockScale) -> TimelineSample {
    TimelineSample {
        time_ns: clock.nanos(load(words, sample::TICKS)),
        live_bytes: load(words, sample::LIVE_BYTES),
        live_blocks: load(words, sample::LIVE_BLOCKS),
        total_bytes: load(words, sample::TOTAL_BYTES),
        total_blocks: load(words, sample::TOTAL_BLOCKS),
        resident_bytes: load(words, sample::RESIDENT),
    }
}

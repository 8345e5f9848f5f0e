//! The spool as it is at one instant.

use crate::profile::stack_depth;
use crate::spool::LiveSpool;
use crate::thread::registry;
use alloc_probe_format::spool::{HEADER_WORDS, Section, Spool, thread as word};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The process's spool, with its header and its threads as they were at one instant: so that nobody's figures are seen
/// twice, or not at all, while threads start and end.
pub(crate) struct Instant {
    header: Vec<AtomicU64>,
    threads: Vec<AtomicU64>,
    ended: Vec<AtomicU64>,
    rest: LiveSpool,
}

impl Instant {
    pub(crate) fn now() -> Instant {
        let copy = |section, words| {
            let live = LiveSpool.words(section).iter().take(words);
            live.map(|word| AtomicU64::new(word.load(Relaxed))).collect()
        };
        let slots = |section| copy(section, LiveSpool.count(section) as usize * word::WORDS);
        registry::while_none_ends(|| Instant {
            header: copy(Section::HEADER, HEADER_WORDS),
            threads: slots(Section::THREADS),
            ended: slots(Section::ENDED),
            rest: LiveSpool,
        })
    }

    /// Adds how much of its stack each thread has touched.
    pub(super) fn measure_stacks(&self) {
        stack_depth::measure_all(&self.threads);
    }
}

impl Spool for Instant {
    fn words(&self, section: Section) -> &[AtomicU64] {
        match section {
            Section::HEADER => &self.header,
            Section::THREADS => &self.threads,
            Section::ENDED => &self.ended,
            _ => self.rest.words(section),
        }
    }
}

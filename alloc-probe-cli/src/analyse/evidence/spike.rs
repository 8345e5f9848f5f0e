//! A peak of live bytes that is over, and left pages behind.

use crate::profile::Profile;
use crate::units::{self, duration};

/// A peak of live bytes that is over.
pub(in crate::analyse) struct Spike {
    pub(in crate::analyse) peak_bytes: u64,
    pub(in crate::analyse) peak_ns: u64,
    pub(in crate::analyse) end_bytes: u64,
    /// From when on less than half of what the peak had beyond the end was live.
    pub(in crate::analyse) over_ns: u64,
    pub(in crate::analyse) run_ns: u64,
}

/// What an allocator may add to a block, in bytes: glibc makes no chunk of less than 32.
const ADDED: u64 = 32;

impl Spike {
    /// The peak that so many bytes of free pages may come from. None where what was freed after it is much less.
    pub(in crate::analyse) fn behind(profile: &Profile, free_bytes: u64) -> Option<Spike> {
        let totals = &profile.dump.totals;
        let blocks = totals.peak_blocks.saturating_sub(totals.end_blocks);
        let freed = totals.peak_bytes.saturating_sub(totals.end_bytes);
        let freed = freed.saturating_add(blocks.saturating_mul(ADDED));
        // Half as much again may be left of earlier peaks, whose blocks lay elsewhere.
        Spike::of(profile).filter(|_| freed.saturating_add(freed / 2) >= free_bytes)
    }

    /// None where the end is not much below the peak.
    fn of(profile: &Profile) -> Option<Spike> {
        let dump = &profile.dump;
        let (peak_bytes, end_bytes) = (dump.totals.peak_bytes, dump.totals.end_bytes);
        let middle = end_bytes + peak_bytes.saturating_sub(end_bytes) / 2;
        if peak_bytes <= end_bytes.saturating_add(end_bytes / 4) {
            return None;
        }
        let samples = &dump.timeline.samples;
        let last_high = samples.iter().rposition(|sample| sample.live_bytes > middle);
        let first_low = last_high.map_or(0, |last| last + 1);
        // A sample is taken where something is allocated. After the last one there was none.
        let over_ns = samples.get(first_low).map_or(dump.process.duration_ns, |sample| sample.time_ns);
        Some(Spike {
            peak_bytes,
            peak_ns: dump.peak_time_ns,
            end_bytes,
            over_ns: over_ns.max(dump.peak_time_ns),
            run_ns: dump.process.duration_ns,
        })
    }

    /// How much more was live than at the end.
    pub(in crate::analyse) fn height(&self) -> u64 {
        self.peak_bytes - self.end_bytes
    }

    pub(in crate::analyse) fn sentence(&self) -> String {
        format!(
            "live bytes were {} at their peak after {}, and nearer to the {} of the end from {} on, in a run of {}",
            units::bytes(self.peak_bytes),
            duration(self.peak_ns),
            units::bytes(self.end_bytes),
            duration(self.over_ns),
            duration(self.run_ns)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};

    #[test]
    fn a_spike_leaves_no_more_behind_than_was_freed_after_it() {
        let mut dump = run(1_000);
        (dump.totals.peak_bytes, dump.totals.end_bytes) = (1_100, 200);
        let profile = profile(dump, Vec::new());
        assert_eq!(Spike::behind(&profile, 1_300).map(|spike| spike.peak_bytes), Some(1_100));
        assert!(Spike::behind(&profile, 4_500).is_none(), "what thread arenas keep of their own");
    }
}

//! The time in which a run did something: a server that stood idle for an hour has not settled for that.

use alloc_probe_format::dump::Dump;

/// The time of a run in which something was allocated.
#[derive(Clone, Debug)]
pub(in crate::analyse) struct Activity {
    /// How old instants of the run are at the dump, and how much of the time is younger, both in nanoseconds: the youngest
    /// first. Between two of them, time passes evenly.
    younger_ns: Vec<(u64, f64)>,
    /// The unit of histograms of ages, in nanoseconds.
    unit_ns: f64,
}

/// From so many samples on, the timeline says when a run was active; with fewer, all of its time up to its last block is taken
/// for it.
const MIN_SAMPLES: usize = 32;
/// A pause between samples counts for no more than so many ordinary ones.
const LONGEST_PAUSE: u64 = 4;
/// Unless it was none: then so large a part of the blocks was allocated in it that are in so much other time.
const NO_PAUSE: f64 = 0.5;

impl Activity {
    /// Of a run. None where its time or its clock is not known.
    pub(in crate::analyse) fn of(dump: &Dump) -> Option<Activity> {
        let samples = &dump.timeline.samples;
        let last_ns = samples.iter().map(|sample| sample.time_ns).max().unwrap_or(0);
        let end_ns = dump.process.duration_ns.max(last_ns);
        let unit_ns = dump.clock.unit_ns;
        if end_ns == 0 || !(unit_ns.is_finite() && unit_ns > 0.0) {
            return None;
        }
        // The dump takes a sample too, whether anything was allocated since the last one or not.
        let total = samples.last().map_or(0, |sample| sample.total_blocks);
        let last = samples.partition_point(|sample| sample.total_blocks < total);
        let samples = samples[..samples.len().min(last + 1)].iter();
        let mut instants: Vec<(u64, u64)> =
            samples.map(|sample| (sample.time_ns, sample.total_blocks)).collect();
        if instants.len() < MIN_SAMPLES {
            // Nothing was allocated after the last of them, as while a dump was begun, if it has all blocks.
            let has_all = |(_, blocks): &&(u64, u64)| *blocks > 0 && *blocks >= dump.totals.total_blocks;
            instants = vec![instants.last().filter(has_all).copied().unwrap_or((end_ns, total))];
        }
        instants.push((0, 0));
        instants.sort_unstable();
        let parts: Vec<Part> = instants.windows(2).map(Part::of).collect();
        let pace = Pace::of(&parts);
        let mut younger = 0.0;
        let mut younger_ns = vec![(end_ns - parts.last()?.end_ns, younger)];
        for part in parts.iter().rev() {
            younger += pace.active_ns(part);
            younger_ns.push((end_ns - part.start_ns, younger));
        }
        Some(Activity { younger_ns, unit_ns })
    }

    /// How long it was in all, in nanoseconds.
    pub(in crate::analyse) fn active_ns(&self) -> u64 {
        self.younger_ns.last().map_or(0, |(_, active)| *active as u64)
    }

    /// Which share of it is no longer ago than the lower bound of the histogram's bucket after this one.
    pub(in crate::analyse) fn share_up_to(&self, bucket: u8) -> f64 {
        let age_ns = 2_f64.powi(i32::from(bucket)) * self.unit_ns;
        let after = self.younger_ns.partition_point(|(age, _)| (*age as f64) < age_ns);
        let whole = self.younger_ns.last().map_or(0.0, |(_, active)| *active);
        match (after.checked_sub(1).map(|before| self.younger_ns[before]), self.younger_ns.get(after)) {
            (None, _) => 0.0,
            (Some(_), None) => 1.0,
            (Some((age, active)), Some((next_age, next_active))) => {
                let way = (age_ns - age as f64) / (next_age - age) as f64;
                (active + (next_active - active) * way) / whole
            }
        }
    }
}

/// The time between two samples.
struct Part {
    start_ns: u64,
    end_ns: u64,
    /// Blocks that were allocated in it.
    blocks: u64,
}

impl Part {
    /// Between two instants, each with the blocks that had been allocated by then.
    fn of(instants: &[(u64, u64)]) -> Part {
        let [(start_ns, before), (end_ns, after)] = [instants[0], instants[1]];
        Part { start_ns, end_ns, blocks: after.saturating_sub(before) }
    }

    const fn length_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// How samples and blocks usually follow each other.
struct Pace {
    /// What a pause counts for at the most.
    longest_ns: u64,
    /// Blocks for each nanosecond of what is no pause. Bursts of work are to count no more than what goes on between them,
    /// so it's the median.
    blocks_per_ns: f64,
}

impl Pace {
    fn of(parts: &[Part]) -> Pace {
        let mut lengths: Vec<u64> = parts.iter().map(Part::length_ns).collect();
        lengths.sort_unstable();
        let longest_ns = lengths[lengths.len() / 2].saturating_mul(LONGEST_PAUSE);
        let ordinary = parts.iter().filter(|part| part.length_ns() <= longest_ns);
        let mut paces: Vec<f64> =
            ordinary.map(|part| part.blocks as f64 / part.length_ns().max(1) as f64).collect();
        paces.sort_unstable_by(f64::total_cmp);
        Pace { longest_ns, blocks_per_ns: paces.get(paces.len() / 2).copied().unwrap_or(0.0) }
    }

    /// In how much of a part something was allocated.
    fn active_ns(&self, part: &Part) -> f64 {
        let length = part.length_ns() as f64;
        let is_busy = part.blocks as f64 >= self.blocks_per_ns * length * NO_PAUSE;
        if is_busy { length } else { length.min(self.longest_ns as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::run;
    use alloc_probe_format::dump::TimelineSample;

    #[test]
    fn time_is_divided_as_the_histogram_is() {
        let activity = Activity::of(&run(1_000)).unwrap();
        assert_eq!(activity.active_ns(), 1_000_000_000);
        assert_eq!([7, 8, 9].map(|bucket| activity.share_up_to(bucket)), [0.128, 0.256, 0.512]);
    }

    #[test]
    fn a_pause_is_one_only_where_nothing_was_allocated() {
        // From 400 to 600 ms there are no samples. As many blocks as ever were allocated there, or none.
        let without_samples = |idle: u64| {
            let mut dump = run(1_000);
            let samples = &mut dump.timeline.samples;
            samples.retain(|sample| !(400_000_000..600_000_000).contains(&sample.time_ns));
            let after = samples.iter_mut().filter(|sample| sample.time_ns >= 600_000_000);
            after.for_each(|sample| sample.total_blocks -= idle);
            Activity::of(&dump).unwrap()
        };
        let busy = without_samples(0);
        assert_eq!((busy.active_ns(), busy.share_up_to(9)), (1_000_000_000, 0.512));
        // Of 201 ms, four count.
        let idle = without_samples(200);
        assert_eq!(idle.active_ns(), 803_000_000);
        assert!((idle.share_up_to(9) - (400.0 + 4.0 * 112.0 / 201.0) / 803.0).abs() < 1e-9);
    }

    #[test]
    fn bursts_do_not_make_a_pause_of_what_goes_on_between_them() {
        let mut dump = run(1_000);
        // A burst of a thousand blocks in each hundredth millisecond, and no samples from 405 to 495 ms.
        for (number, sample) in (0..).zip(&mut dump.timeline.samples) {
            sample.total_blocks += number / 100 * 1_000;
        }
        let samples = &mut dump.timeline.samples;
        samples.retain(|sample| !(405_000_000..495_000_000).contains(&sample.time_ns));
        assert_eq!(Activity::of(&dump).unwrap().active_ns(), 1_000_000_000);
    }

    #[test]
    fn with_a_few_samples_what_comes_after_the_last_block_does_not_count() {
        let mut dump = run(1_000);
        dump.timeline.samples.truncate(20);
        dump.totals.total_blocks = 20;
        // That of the dump itself, in which nothing was allocated.
        dump.timeline.samples.push(TimelineSample { time_ns: 1_000_000_000, ..dump.timeline.samples[19] });
        assert_eq!(Activity::of(&dump).unwrap().active_ns(), 20_000_000);
        dump.totals.total_blocks = 21;
        assert_eq!(
            Activity::of(&dump).unwrap().active_ns(),
            1_000_000_000,
            "there is one that no sample has"
        );
    }

    #[test]
    fn without_a_timeline_all_time_counts() {
        let mut dump = run(1_000);
        dump.timeline.samples.clear();
        let activity = Activity::of(&dump).unwrap();
        assert_eq!(activity.active_ns(), 1_000_000_000);
        assert_eq!(activity.share_up_to(9), 0.512);
        dump.process.duration_ns = 0;
        assert!(Activity::of(&dump).is_none());
    }
}

//! How old the live blocks of a site are, and whether their number settles.
//!
//! A leak has blocks of every age. A cache that has filled has old ones only; one that evicts
//! has young ones only; one that fills ever more slowly has few young ones. Time here is that in which something was
//! allocated: a server that stood idle for an hour has not settled for that.

use super::activity::Activity;
use crate::profile::Site;

/// A share of the time, and the share of the live blocks that were allocated in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::analyse) struct Recent {
    pub(in crate::analyse) of_time: f64,
    pub(in crate::analyse) of_blocks: f64,
}

impl Recent {
    /// How many times as many blocks were allocated in it as if they came evenly.
    pub(in crate::analyse) fn ratio(self) -> f64 {
        self.of_blocks / self.of_time
    }
}

/// How old the live blocks of some sites are.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::analyse) struct Ages {
    /// In the last part of the time, about half of it, and in the last half of that: as the histogram's buckets and the
    /// timeline have it, so that the second can be missing.
    pub(in crate::analyse) recent: Vec<Recent>,
    /// How many blocks were live over the time, in the mean, for each one that is at its end: 0.5 where their number
    /// grew evenly from nothing, 1 where it was the same all the time.
    pub(in crate::analyse) mean_live: f64,
    /// The share of the live blocks that were allocated before the [last part](LATE) of the time.
    pub(in crate::analyse) settled: f64,
}

/// The last part of the time. What was allocated in it may be under way.
pub(in crate::analyse) const LATE: f64 = 0.1;

/// The parts of the time that are looked at: with less, the timeline is too coarse to tell.
const PARTS: std::ops::RangeInclusive<f64> = 0.04..=0.6;
/// The first part must be larger than this.
const LEAST_PART: f64 = 0.1;

impl Ages {
    /// Of the blocks that these sites have live at the end. None where there are none, or the time does not tell.
    pub(in crate::analyse) fn of<'a>(
        sites: impl Iterator<Item = &'a Site>,
        activity: &Activity,
    ) -> Option<Ages> {
        let mut by_bucket = [0_u64; 65];
        let mut lifetimes_ns = 0_u64;
        for site in sites {
            lifetimes_ns = lifetimes_ns.saturating_add(site.figures.lifetime_sum_ns);
            for (bucket, blocks) in &site.ages {
                let bucket = &mut by_bucket[usize::from(*bucket).min(64)];
                *bucket = bucket.saturating_add(*blocks);
            }
        }
        let blocks = |buckets: &[u64]| buckets.iter().map(|blocks| *blocks as f64).sum::<f64>();
        let live = blocks(&by_bucket);
        let recent: Vec<Recent> = (0..=64_u8)
            .rev()
            .map(|bucket| Recent {
                of_time: activity.share_up_to(bucket),
                of_blocks: blocks(&by_bucket[..=usize::from(bucket)]) / live,
            })
            .filter(|recent| PARTS.contains(&recent.of_time))
            .take(2)
            .collect();
        if live == 0.0 || recent.first()?.of_time < LEAST_PART {
            return None;
        }
        let mut survivors = 0.0;
        let mut settled = 0.0;
        let mut younger = 0.0;
        for (bucket, blocks) in (0_u8..).zip(by_bucket) {
            let older = activity.share_up_to(bucket);
            survivors += blocks as f64 * (younger + older) / 2.0;
            // Within a bucket, ages are taken for even.
            settled += blocks as f64
                * match (younger >= LATE, older > LATE) {
                    (true, _) => 1.0,
                    (false, false) => 0.0,
                    (false, true) => (older - LATE) / (older - younger),
                };
            younger = older;
        }
        let ended = lifetimes_ns as f64 / activity.active_ns().max(1) as f64;
        Some(Ages { recent, mean_live: (survivors + ended) / live, settled: settled / live })
    }

    /// Whether blocks of every age are there, as many of late as ever, and most are not of a constant number that come
    /// and go.
    pub(in crate::analyse) fn go_on(&self) -> bool {
        let old_stay = |part: &Recent| 1.0 - part.of_blocks >= (1.0 - part.of_time) * 0.5;
        self.recent.first().is_some_and(old_stay)
            && self.recent.iter().all(|part| part.ratio() >= 0.5)
            && self.mean_live <= 0.65
    }

    /// Whether they are as even as those of a site that keeps everything, and it can be seen in both parts of the time.
    pub(in crate::analyse) fn are_even(&self) -> bool {
        self.recent.len() == 2 && self.recent.iter().all(|part| (0.7..=1.4).contains(&part.ratio()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::run;
    use alloc_probe_format::dump::{Figures, Histogram};

    /// A run of 1000 ms with a unit of 1 ms, so that the parts of the histogram are the last 512, 256, 128… ms of it.
    fn activity() -> Activity {
        Activity::of(&run(1_000)).unwrap()
    }

    /// The ages of blocks that were allocated at these milliseconds, with a sum of lifetimes of those that ended.
    fn ages(allocated: impl Iterator<Item = u64>, ended_ms: u64) -> Ages {
        let mut ages: std::collections::BTreeMap<u8, u64> = std::collections::BTreeMap::new();
        for allocated in allocated {
            let age = 999 - allocated;
            let bucket = (u64::BITS - age.leading_zeros()) as u8;
            *ages.entry(bucket).or_default() += 1;
        }
        let site = Site {
            ages: ages.into_iter().collect::<Histogram>(),
            figures: Figures { lifetime_sum_ns: ended_ms * 1_000_000, ..Figures::default() },
            ..Site::default()
        };
        Ages::of([site].iter(), &activity()).unwrap()
    }

    #[test]
    fn a_site_that_keeps_everything_goes_on() {
        let leak = ages(0..1000, 0);
        let shares = [0.512, 0.256].map(|part| Recent { of_time: part, of_blocks: part });
        assert_eq!(leak.recent, shares);
        assert!((leak.mean_live - 0.5).abs() < 0.01, "{leak:?}");
        assert!((leak.settled - 0.9).abs() < 0.01, "{leak:?}");
        assert!(leak.go_on() && leak.are_even());
        // One in ten is kept; the others live for a moment.
        assert!(ages((0..1000).step_by(10), 900).go_on());
    }

    #[test]
    fn what_filled_early_has_settled() {
        assert!(!ages(0..200, 0).go_on());
        // Nine in ten at once, and one in ten all over the rest.
        assert!(!ages((0..90).chain((100..1000).step_by(90)), 0).go_on());
    }

    #[test]
    fn what_evicts_has_settled() {
        // The last hundred of a thousand, each of which lived for a tenth of the run.
        let evicting = ages(900..1000, 900 * 100);
        assert!(!evicting.go_on(), "{evicting:?}");
        // Twice as many as fit, replaced at random: young and old are there, but as many all the time.
        let random = ages((0..500).step_by(3).chain((500..1000).step_by(2)), 500 * 350);
        assert!(!random.go_on(), "{random:?}");
    }

    #[test]
    fn what_fills_ever_more_slowly_settles() {
        // A thousand ages, the n-th when 1 - exp(-t / 250 ms) has come to n per mille of what it is at the end.
        let whole = 1.0 - (-4.0_f64).exp();
        let allocated = |n: u32| -250.0 * (1.0 - f64::from(n) / 1000.0 * whole).ln();
        assert!(!ages((0..1000).map(|n| allocated(n) as u64), 0).go_on());
    }

    /// The ages of what a program has live after 1000 ms in which it makes four blocks each millisecond, by what it
    /// says of the life of each: how many milliseconds, from when and the how-manieth it is.
    fn lived(life_ms: impl Fn(f64, u32) -> f64) -> Ages {
        let mut live = Vec::new();
        let mut ended_ms = 0.0;
        for number in 0..4000_u32 {
            let allocated = f64::from(number) / 4.0;
            let life = life_ms(allocated, number);
            if allocated + life >= 1000.0 {
                live.push(allocated as u64);
            } else {
                ended_ms += life;
            }
        }
        ages(live.into_iter(), ended_ms as u64)
    }

    /// A number from 0 to 1 for each number, without any pattern.
    fn chance(number: u32) -> f64 {
        let mixed = number.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
        f64::from(mixed ^ mixed >> 15) / f64::from(u32::MAX)
    }

    #[test]
    fn programs_that_grow_are_told_from_those_that_do_not() {
        const FOREVER: f64 = f64::INFINITY;
        let exponential = |mean: f64, number: u32| -mean * (1.0 - chance(number)).ln();
        type Life<'a> = &'a dyn Fn(f64, u32) -> f64;
        let grow: [(&str, Life<'_>); 5] = [
            ("one in fifty, between blocks of a moment", &|_, n| if n % 50 == 0 { FOREVER } else { 0.3 }),
            ("one in ten, at random", &|_, n| {
                if chance(n) < 0.1 { FOREVER } else { exponential(5.0, n + 1) }
            }),
            ("twice as many in the second half", &|allocated, n| {
                if n % if allocated < 500.0 { 20 } else { 10 } == 0 { FOREVER } else { 1.0 }
            }),
            ("in bursts", &|allocated, _| if allocated as u64 % 100 < 20 { FOREVER } else { 2.0 }),
            ("ever more slowly, but without end", &|allocated, n| {
                if chance(n) < 0.5 / (1.0 + allocated / 100.0).sqrt() { FOREVER } else { 1.0 }
            }),
        ];
        for (name, life) in grow {
            let ages = lived(life);
            assert!(ages.go_on(), "{name}: {ages:?}");
        }
        let settle: [(&str, Life<'_>); 10] = [
            ("full after four fifths of the run", &|allocated, n| {
                if allocated < 800.0 && n % 10 == 0 { FOREVER } else { 1.0 }
            }),
            ("as many under way all the time", &|_, _| 100.0),
            ("the same, at random", &|_, n| exponential(100.0, n)),
            ("the same, each for a third of the run", &|_, n| exponential(300.0, n)),
            ("a cache of the latest half", &|_, _| 500.0),
            ("a cache that throws out at random, which turned over twice", &|allocated, n| {
                exponential(333.0, n) + (333.0 - allocated).max(0.0)
            }),
            ("start-up only", &|allocated, _| if allocated < 50.0 { FOREVER } else { 1.0 }),
            ("start-up, and one in a hundred", &|allocated, n| {
                if allocated < 100.0 || n % 100 == 0 { FOREVER } else { 1.0 }
            }),
            ("a cache of a hundred keys that come at random", &|allocated, n| {
                if chance(n) < 0.2 * (-allocated / 150.0).exp() { FOREVER } else { 1.0 }
            }),
            ("a load that is at its highest at the end", &|allocated, n| {
                if chance(n) < (1.0 - (allocated / 1000.0 * std::f64::consts::TAU * 2.0).cos()) / 2.0 {
                    60.0
                } else {
                    1.0
                }
            }),
        ];
        for (name, life) in settle {
            let ages = lived(life);
            assert!(!ages.go_on(), "{name}: {ages:?}");
        }
    }

    #[test]
    fn a_batch_at_the_end_is_not_growth() {
        let late = ages(980..1000, 0);
        assert!(!late.go_on());
        assert_eq!(late.settled, 0.0, "all of it may be under way");
        assert_eq!(ages(0..500, 0).settled, 1.0);
        assert!(!ages(std::iter::repeat_n(500, 64), 0).go_on());
    }

    #[test]
    fn idle_time_is_no_time() {
        // A run as the others, but the dump comes half a second after it: each block is so much older. 524 of its
        // milliseconds were less than 1024 ms before the dump.
        let mut dump = run(1_000);
        dump.process.duration_ns = 1_500_000_000;
        let activity = Activity::of(&dump).unwrap();
        assert_eq!(activity.active_ns(), 1_000_000_000);
        let ages = |ages: &[(u8, u64)]| {
            let site = Site { ages: ages.to_vec().into(), ..Site::default() };
            Ages::of([site].iter(), &activity).unwrap()
        };
        let leak = ages(&[(9, 12), (10, 512), (11, 476)]);
        assert_eq!(leak.recent, [Recent { of_time: 0.524, of_blocks: 0.524 }]);
        assert!(leak.go_on() && !leak.are_even(), "{leak:?}");
        assert!(!ages(&[(11, 200)]).go_on(), "settled early");
        assert!(!ages(&[(10, 100)]).go_on(), "evicts");
        // After 9 s, all of it is in one bucket.
        dump.process.duration_ns = 10_000_000_000;
        let site = Site { ages: vec![(14, 1000)].into(), ..Site::default() };
        assert_eq!(Ages::of([site].iter(), &Activity::of(&dump).unwrap()), None);
    }
}

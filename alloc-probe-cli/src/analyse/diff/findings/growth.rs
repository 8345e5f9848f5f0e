//! Growth without end: sites that keep some of what they allocate, early and late alike.
//!
//! The verdict is of each site by itself, from the ages of its live blocks (see
//! [`growing`](crate::analyse::evidence::growing)).

use super::finding::{Finding, Kind};
use super::place;
use super::runs::{Runs, largest_first};
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::evidence::activity::Activity;
use crate::analyse::evidence::growing::{ADVICE, Growing, Growth, Rate, per_mark, together};
use crate::analyse::signed::signed;
use crate::profile::Profile;
use crate::units;

/// What is smaller than this, all sites taken together, is not spoken of. A rate is what counts, so that is less than
/// of other findings.
const LEAST_BYTES: u64 = 64 << 10;
/// So many sites are described.
const DESCRIBED: usize = 5;

/// The pairs whose sites grow without end in the new run.
pub(super) fn pairs(runs: &Runs<'_>) -> Vec<usize> {
    growing(runs.new, runs.pairs, |pair| pair.new.as_ref()).into_iter().map(|(pair, _)| pair).collect()
}

/// What grows without end in the new run.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let mut found = growing(runs.new, runs.pairs, |pair| pair.new.as_ref());
    let held = found.iter().map(|(_, growing)| growing.figures.end_bytes).fold(0, u64::saturating_add);
    let (Some(activity), true) = (Activity::of(&runs.new.dump), held >= LEAST_BYTES) else {
        return Vec::new();
    };
    let in_base = growing(runs.base, runs.pairs, |pair| pair.base.as_ref());
    let base_held = |pair: usize| runs.pairs[pair].base.as_ref().map_or(0, |sites| sites.figures.end_bytes);
    let base_grows: u64 = (in_base.iter())
        .filter(|(pair, _)| found.binary_search_by_key(pair, |(pair, _)| *pair).is_ok())
        .map(|(_, growing)| growing.figures.end_bytes)
        .fold(0, u64::saturating_add);
    found.sort_by_key(|(_, growing)| std::cmp::Reverse(growing.figures.end_bytes));
    // Where the base holds as much, its difference is none, whatever the ages there say.
    let base_kept: u64 = found.iter().map(|(pair, _)| base_held(*pair)).fold(0, u64::saturating_add);
    let in_both = base_kept > held / 5 * 4 && base_kept / 5 * 4 < held;
    let sites = found.iter().map(|(pair, growing)| {
        let base = if in_both { 0 } else { base_held(*pair) };
        (*pair, signed(growing.figures.end_bytes) - signed(base))
    });
    let sites = largest_first(sites.collect());

    let rates: Vec<Rate> = found.iter().map(|(_, growing)| growing.rate()).collect();
    let rate = found.iter().map(|(_, growing)| growing.bytes_per_second).fold(0, u64::saturating_add);
    let described = || found.iter().take(DESCRIBED);
    let places = place::of_pairs(runs, described().map(|(pair, _)| *pair));
    let mut evidence: Vec<String> =
        described().zip(&places).map(|((_, growing), place)| growing.describe(place)).collect();
    evidence.push(format!(
        "in the {} in which the run allocated, that is {} a second",
        units::duration(activity.active_ns()),
        units::bytes(rate)
    ));
    evidence.extend(per_mark(&runs.new.dump, held));
    evidence.push(match (base_grows, base_kept) {
        (0, 0) => "the base keeps nothing there".to_owned(),
        (0, kept) => format!(
            "the base keeps {} there, whose ages do not say that it goes on growing",
            units::bytes(kept)
        ),
        (grows, _) => format!("the base grows there as well, to {}", units::bytes(grows)),
    });
    vec![Finding {
        kind: Kind::Growth,
        sentence: format!(
            "{} at {} grow without end, {}.",
            units::bytes(held),
            units::plural(found.len() as u64, "site"),
            together(&rates, units::bytes)
        ),
        bytes: sites.iter().map(|(_, bytes)| bytes).sum(),
        in_both,
        evidence,
        sites,
        advice: ADVICE.to_owned(),
    }]
}

/// The sites of a run that grow, in the order of their pairs.
fn growing(profile: &Profile, pairs: &[Pair], side: fn(&Pair) -> Option<&Sites>) -> Vec<(usize, Growing)> {
    let Some(growth) = Growth::of(profile) else { return Vec::new() };
    let verdict = |(pair, sites): (usize, &Sites)| Some((pair, growth.growing(&sites.sites, sites.figures)?));
    let sites = pairs.iter().enumerate().filter_map(|(index, pair)| Some((index, side(pair)?)));
    sites.filter_map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, profile, run};
    use super::*;
    use crate::profile::Site;
    use alloc_probe_format::dump::{Figures, Mark, Mode};

    /// A thousand blocks of 1 KiB, one in each millisecond, none of which was freed: of a run of 1000 ms, the ages of
    /// as many as the buckets are long.
    fn leak() -> Site {
        Site {
            figures: Figures {
                total_blocks: 1_000,
                total_bytes: 1_024_000,
                end_blocks: 1_000,
                end_bytes: 1_024_000,
                ..Figures::default()
            },
            ages: vec![
                (0, 1),
                (1, 1),
                (2, 2),
                (3, 4),
                (4, 8),
                (5, 16),
                (6, 32),
                (7, 64),
                (8, 128),
                (9, 256),
                (10, 488),
            ]
            .into(),
            ..Site::default()
        }
    }

    /// As many, but they were all there after 40 ms.
    fn settled() -> Site {
        Site { ages: vec![(10, 1_000)].into(), ..leak() }
    }

    /// What is said of a new run with this site, after a base with that one.
    fn of(base: Site, new: Site) -> Vec<Finding> {
        let profile = |site| profile(run(1_000), vec![("app::remember:7 < app::main:3", site)]);
        found(find, &profile(base), &profile(new))
    }

    #[test]
    fn what_is_kept_all_the_time_is_found() {
        let findings = of(Site::default(), leak());
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.bytes, finding.in_both), (Kind::Growth, 1_024_000, false));
        assert_eq!(finding.sites, [(0, 1_024_000)]);
        assert_eq!(
            finding.sentence,
            "1000.0 KiB at 1 site grow without end, 1000.0 KiB a second (confidence: high)."
        );
        assert_eq!(
            finding.evidence,
            [
                "`app::remember` (src/main.rs:7): 1000.0 KiB are live in 1,000 of 1,000 blocks that it allocated, \
                 allocated all over the run, 51% in its last 51%, 26% in its last 26% (confidence: high)",
                "in the 1.0 s in which the run allocated, that is 1000.0 KiB a second",
                "the base keeps nothing there",
            ]
        );
    }

    #[test]
    fn what_settled_is_not() {
        assert!(of(Site::default(), settled()).is_empty());
        let evicting = Site {
            figures: Figures { lifetime_sum_ns: 900 * 100_000_000, ..leak().figures },
            ages: vec![(7, 1_000)].into(),
            ..Site::default()
        };
        assert!(of(leak(), evicting).is_empty(), "only the base grows");
    }

    #[test]
    fn the_base_may_have_it_as_well() {
        let findings = of(settled(), leak());
        assert_eq!(
            (findings[0].bytes, findings[0].in_both),
            (1_024_000, true),
            "as much is there at the end"
        );
        assert_eq!(
            findings[0].evidence[2],
            "the base keeps 1000.0 KiB there, whose ages do not say that it goes on growing"
        );
        let findings = of(leak(), leak());
        assert_eq!((findings[0].bytes, findings[0].in_both), (1_024_000, true));
        assert_eq!(findings[0].evidence[2], "the base grows there as well, to 1000.0 KiB");
    }

    #[test]
    fn doubts_are_said() {
        let confidence = |change: fn(&mut Profile)| {
            let mut new = profile(run(1_000), vec![("f", leak())]);
            change(&mut new);
            let base = profile(run(1_000), vec![]);
            let headline = found(find, &base, &new).pop().map(|finding| finding.sentence);
            let word =
                headline.as_deref().and_then(|text| text.split("confidence: ").nth(1)?.split(')').next());
            word.map(str::to_owned)
        };
        assert_eq!(confidence(|_| {}).as_deref(), Some("high"));
        let level = |run: &mut Profile| {
            run.dump.timeline.samples.iter_mut().for_each(|sample| sample.live_bytes = 5 << 20);
        };
        assert_eq!(confidence(level).as_deref(), Some("medium"));
        assert_eq!(
            confidence(|run| {
                run.dump.timeline.samples.iter_mut().for_each(|sample| sample.live_bytes = 5 << 20);
                run.sites[0].figures.end_blocks = 100;
            })
            .as_deref(),
            Some("low")
        );
        assert_eq!(confidence(|run| run.sites[0].figures.end_blocks = 31), None, "too few");
        assert_eq!(confidence(|run| run.dump.clock.unit_ns = f64::NAN), None);
        // Of estimates, those count that were drawn: 1,024,000 bytes are two samples here.
        assert_eq!(
            confidence(|run| {
                run.dump.mode = Mode::Sample;
                run.dump.sample_bytes = Some(512 << 10);
            }),
            None
        );
    }

    #[test]
    fn a_base_that_was_counted_is_not_said_to_keep_nothing() {
        let new = profile(run(1_000), vec![("app::remember:7 < app::main:3", leak())]);
        let mut base = profile(run(1_000), vec![]);
        assert_eq!(found(super::super::findings, &base, &new).len(), 1);
        base.dump.mode = Mode::Count;
        assert!(found(super::super::findings, &base, &new).is_empty());
    }

    #[test]
    fn short_runs_tell_nothing() {
        let short = || profile(run(99), vec![("f", leak())]);
        assert!(found(find, &short(), &short()).is_empty());
    }

    #[test]
    fn a_mark_tells_what_a_unit_of_work_keeps() {
        let mut new = profile(run(1_000), vec![("f", leak())]);
        new.dump.marks = vec![Mark { name: "request".to_owned(), count: 500, ..Mark::default() }];
        let findings = found(find, &profile(run(1_000), vec![]), &new);
        assert_eq!(findings[0].evidence[2], "for each `request` (500 of them), that is 2.0 KiB");
    }
}

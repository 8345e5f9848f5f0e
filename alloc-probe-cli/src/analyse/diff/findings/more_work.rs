//! More work: one run allocated more of the same.
//!
//! Where nearly all sites share a factor, it is the run as a whole that did more, and marks can say whether that is all.
//! Where only some have it, it is these that are said.

use super::finding::{Finding, Kind};
use super::measure::Measure;
use super::runs::Runs;
use super::{panicked, place};
use crate::analyse::diff::pair::Pair;
use crate::analyse::diff::work;
use crate::profile::Profile;
use crate::units;
use alloc_probe_format::metric::Metric;

/// Sizes that differ by less than this factor are the same, and so are figures per mark.
const SAME: f64 = 1.1;
/// Counts that differ by less than this factor are no other work, where others did not change.
const NOTABLE: f64 = 1.5;
/// Where memory is the same, so large a share of all that was allocated must be more.
const SHARE_OF_TOTAL: f64 = 0.1;
/// So many sites are described.
const DESCRIBED: usize = 5;

/// What one run did more of.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let mut findings = panicked::find(runs);
    // A process that goes on allocates: between two moments of it, more work is no cause but the time.
    if runs.is_one() {
        return findings;
    }
    let mut explained: Vec<usize> =
        findings.iter().flat_map(|finding| finding.sites.iter().map(|(pair, _)| *pair)).collect();
    explained.sort_unstable();
    let counted: Vec<usize> = (0..runs.pairs.len())
        .filter(|pair| explained.binary_search(pair).is_err())
        .filter(|pair| ratio(&runs.pairs[*pair]).is_some())
        .collect();
    let common = common_factor(runs, &counted);
    findings.extend(common.as_ref().and_then(|(factor, pairs)| whole_run(runs, *factor, pairs)));
    let factor = common.map_or(1.0, |(factor, _)| factor);
    let beyond = |pair: usize| ratio(&runs.pairs[pair]).map_or(1.0, |ratio| ratio / factor);
    for more in [true, false] {
        let multiplied = |pair: &usize| {
            let beyond = if more { beyond(*pair) } else { 1.0 / beyond(*pair) };
            beyond >= NOTABLE
        };
        let pairs: Vec<usize> = counted.iter().copied().filter(multiplied).collect();
        findings.extend(some_sites(runs, more, &pairs));
    }
    findings
}

/// How many times as many blocks the new run allocated at a pair, where both have it and they are of the same size.
fn ratio(pair: &Pair) -> Option<f64> {
    let (blocks, bytes) = (pair.of(Metric::TotalBlocks), pair.of(Metric::TotalBytes));
    let mean = |blocks: u64, bytes: u64| (blocks > 0 && bytes > 0).then(|| bytes as f64 / blocks as f64);
    let sizes = mean(blocks.1, bytes.1)? / mean(blocks.0, bytes.0)?;
    (1.0 / SAME..SAME).contains(&sizes).then(|| blocks.1 as f64 / blocks.0 as f64)
}

/// The factor that most blocks have and most sites as well, with the pairs that have it. Sites of a single block, as
/// those of start-up, have no say: nobody starts twice.
fn common_factor(runs: &Runs<'_>, counted: &[usize]) -> Option<(f64, Vec<usize>)> {
    let factor = work::factor(counted.iter().map(|pair| &runs.pairs[*pair]))?;
    let has_it = |pair: &usize| {
        ratio(&runs.pairs[*pair]).is_some_and(|ratio| (1.0 / SAME..SAME).contains(&(ratio / factor)))
    };
    let repeated = |pair: &&usize| runs.pairs[**pair].of(Metric::TotalBlocks).0.max(1) > 1;
    let (with_it, without): (Vec<usize>, Vec<usize>) =
        counted.iter().filter(repeated).partition(|pair| has_it(pair));
    (with_it.len() > without.len()).then_some((factor, with_it))
}

/// The run as a whole did so many times the work.
fn whole_run(runs: &Runs<'_>, factor: f64, pairs: &[usize]) -> Option<Finding> {
    let measure = Measure::of(runs, pairs);
    let bytes = measure.bytes();
    let blocks = |pair: &Pair| pair.of(Metric::TotalBlocks).1;
    let mut evidence = vec![format!(
        "{}, with {} of the blocks, allocated {factor:.1} times as many blocks of the same size",
        units::plural(pairs.len() as u64, "site"),
        units::percent(
            pairs.iter().map(|pair| blocks(&runs.pairs[*pair])).sum(),
            runs.pairs.iter().map(blocks).sum()
        )
    )];
    let per_mark = per_mark(runs, factor);
    let advice = match &per_mark {
        Some(mark) if mark.explains => "Compare runs under the same load, or figures for each unit of work.",
        Some(_) => "The work is the same, and what it takes is not: see which caller allocates more often.",
        None => "Compare runs under the same load, or mark each unit of work (`alloc_probe::mark`).",
    };
    evidence.extend(per_mark.map(|mark| mark.sentence));
    (bytes != 0).then(|| Finding {
        kind: Kind::MoreWork,
        sentence: format!(
            "The new run did {factor:.1} times the work: {} {} {}.",
            units::bytes(bytes.unsigned_abs()),
            if bytes > 0 { "more" } else { "less" },
            measure.when
        ),
        bytes,
        in_both: false,
        evidence,
        sites: measure.parts,
        advice: advice.to_owned(),
    })
}

/// What a mark says of a factor.
struct PerMark {
    /// Whether there was just more of what is marked.
    explains: bool,
    sentence: String,
}

/// By the mark that both runs passed, the most often: whether each pass took the same.
fn per_mark(runs: &Runs<'_>, factor: f64) -> Option<PerMark> {
    let unit = work::units(&runs.base.dump, &runs.new.dump).into_iter().next()?;
    let explains = (1.0 / SAME..SAME).contains(&(unit.factor() / factor));
    let each = |profile: &Profile, count: u64| units::bytes(profile.dump.totals.total_bytes / count);
    let sentence = format!(
        "it passed `{}` {} times, the base {}: {} were allocated for each, {} in the base{}",
        unit.name,
        units::count(unit.new),
        units::count(unit.base),
        each(runs.new, unit.new),
        each(runs.base, unit.base),
        if explains { ", so it is just more of it" } else { "" }
    );
    Some(PerMark { explains, sentence })
}

/// Some sites allocated more of the same, or fewer.
fn some_sites(runs: &Runs<'_>, more: bool, pairs: &[usize]) -> Option<Finding> {
    let mut measure = Measure::of(runs, pairs);
    // What is less where more was allocated has another reason.
    measure.parts.retain(|(_, bytes)| (*bytes > 0) == more);
    let bytes = measure.bytes();
    let totals = [runs.base, runs.new].map(|profile| profile.dump.totals.total_bytes);
    let share = totals[0].max(totals[1]) as f64 * SHARE_OF_TOTAL;
    // Memory is the same, and less was allocated: nobody asks why.
    let is_worth_it = !measure.is_total() || (more && bytes as f64 >= share);
    if bytes.abs() < runs.notable_bytes() || !is_worth_it {
        return None;
    }
    let described = || measure.parts.iter().take(DESCRIBED);
    let places = place::of_pairs(runs, described().map(|(pair, _)| *pair));
    let describe = |((pair, bytes), place): (&(usize, i64), &String)| {
        let (base, new) = runs.pairs[*pair].of(Metric::TotalBlocks);
        format!(
            "{place}: {}, {} in the base; {} {}",
            units::plural(new, "block"),
            units::count(base),
            units::bytes(bytes.unsigned_abs()),
            if more { "more" } else { "less" }
        )
    };
    let (often, word) = if more { ("more", "more") } else { ("less", "less") };
    Some(Finding {
        kind: Kind::MoreWork,
        sentence: format!(
            "{} allocated {often} often in the new run, with blocks of the same size: {} {word} {}.",
            units::plural(measure.parts.len() as u64, "site"),
            units::bytes(bytes.unsigned_abs()),
            measure.when
        ),
        bytes,
        in_both: false,
        evidence: described().zip(&places).map(describe).collect(),
        sites: measure.parts,
        advice: "See whether both runs had the same input; if they had, a loop there runs more often in one of them."
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, profile, run};
    use super::*;
    use crate::profile::Site;
    use alloc_probe_format::dump::{Figures, Mark};

    /// Sites that allocate blocks of 1 KiB, so many each, of which so many are live at the peak.
    fn counts(counts: &[(u64, u64)]) -> Profile {
        let stacks = ["app::a:1 < app::main:9", "app::b:2 < app::main:8", "app::c:3 < app::main:7"];
        let site = |&(total, peak): &(u64, u64)| Site {
            figures: Figures {
                total_blocks: total,
                total_bytes: total << 10,
                peak_blocks: peak,
                peak_bytes: peak << 10,
                ..Figures::default()
            },
            ..Site::default()
        };
        let mut profile = profile(run(10), stacks.into_iter().zip(counts.iter().map(site)).collect());
        profile.dump.totals.total_bytes = counts.iter().map(|(total, _)| total << 10).sum();
        profile
    }

    #[test]
    fn a_common_factor_is_the_whole_run() {
        let base = counts(&[(1_000, 1_000), (2_000, 0), (300, 100)]);
        let new = counts(&[(3_000, 3_000), (6_000, 0), (900, 300)]);
        let findings = found(find, &base, &new);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.bytes), (Kind::MoreWork, 2_200 << 10));
        assert_eq!(finding.sites, [(0, 2_000 << 10), (2, 200 << 10)]);
        assert_eq!(finding.sentence, "The new run did 3.0 times the work: 2.1 MiB more at the peak.");
        assert_eq!(
            finding.evidence,
            ["3 sites, with 100.0% of the blocks, allocated 3.0 times as many blocks of the same size"]
        );
        assert_eq!(found(find, &new, &base)[0].bytes, -(2_200 << 10));
    }

    #[test]
    fn a_mark_says_whether_that_is_all() {
        let mut base = counts(&[(1_000, 1_000), (2_000, 0)]);
        let mut new = counts(&[(3_000, 3_000), (6_000, 0)]);
        let mark = |count| vec![Mark { name: "request".to_owned(), count, ..Mark::default() }];
        (base.dump.marks, new.dump.marks) = (mark(10), mark(30));
        assert_eq!(
            found(find, &base, &new)[0].evidence[1],
            "it passed `request` 30 times, the base 10: 300.0 KiB were allocated for each, 300.0 KiB in the base, so \
             it is just more of it"
        );
        new.dump.marks = mark(10);
        let finding = found(find, &base, &new).remove(0);
        assert!(finding.evidence[1].ends_with("900.0 KiB were allocated for each, 300.0 KiB in the base"));
        assert!(finding.advice.starts_with("The work is the same"));
    }

    #[test]
    fn some_sites_can_do_more() {
        let base = counts(&[(1_000, 1_000), (2_000, 0), (1_000, 100)]);
        let new = counts(&[(1_000, 1_000), (2_000, 0), (4_000, 1_124)]);
        let findings = found(find, &base, &new);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.bytes, &finding.sites[..]), (1 << 20, &[(2, 1 << 20)][..]));
        assert_eq!(
            finding.evidence,
            ["`app::c` (src/main.rs:3): 4,000 blocks, 1,000 in the base; 1.0 MiB more"]
        );
    }

    #[test]
    fn where_memory_is_the_same_all_that_was_allocated_counts() {
        let base = counts(&[(1_000, 1_000), (9_000, 0), (1_000, 10)]);
        let new = counts(&[(1_000, 1_000), (9_000, 0), (4_000, 10)]);
        let findings = found(find, &base, &new);
        assert_eq!(findings[0].bytes, 3_000 << 10);
        assert!(found(find, &new, &base).is_empty());
        assert!(
            findings[0].sentence.ends_with("2.9 MiB more in all, while what is live hardly differs."),
            "{findings:?}"
        );
    }

    #[test]
    fn that_a_run_went_on_is_no_finding() {
        let mut base = counts(&[(1_000, 1_000), (2_000, 0), (300, 100)]);
        let mut new = counts(&[(3_000, 3_000), (6_000, 0), (900, 300)]);
        for profile in [&mut base, &mut new] {
            (profile.dump.process.pid, profile.dump.process.start_unix_ns) = (7, 1_000);
        }
        assert!(found(find, &base, &new).is_empty());
        new.dump.process.start_unix_ns = 2_000;
        assert_eq!(found(find, &base, &new).len(), 1, "another run with the same number");
    }

    #[test]
    fn the_same_work_is_silent() {
        let run = || counts(&[(1_000, 1_000), (2_000, 0), (300, 100)]);
        assert!(found(find, &run(), &run()).is_empty());
        let other_size = || {
            let mut profile = run();
            profile.sites[0].figures.total_blocks = 2_000;
            profile
        };
        assert!(found(find, &run(), &other_size()).is_empty(), "twice the blocks, of half the size");
    }
}

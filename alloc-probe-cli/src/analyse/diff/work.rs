//! Whether two runs did the same work, and how much of it: by what the program marked, or by how often it allocated.

use super::pair::Pair;
use alloc_probe_format::dump::Dump;
use alloc_probe_format::metric::Metric;
use std::cmp::Reverse;

/// Counts that differ by less than this factor are no sign of different work.
const NOTABLE: f64 = 1.1;
/// How near to the common factor a pair's own must be to speak for it.
const NEAR: f64 = 1.05;
/// The share of the blocks whose pairs must speak for the factor, and the share of the sites: those of a single block, as of
/// start-up, have no say, as nobody starts twice.
const MAJORITY: f64 = 0.7;

/// A unit of work: a point that both programs marked each time they passed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What the programs call it.
    pub name: String,
    /// How often the base passed it, at least once.
    pub base: u64,
    /// How often the new run did, at least once.
    pub new: u64,
}

impl Unit {
    /// Figures of both sides for each unit of work.
    pub fn of(&self, (base, new): (u64, u64)) -> (f64, f64) {
        (base as f64 / self.base as f64, new as f64 / self.new as f64)
    }

    /// How many times the base's work the new run did.
    pub fn factor(&self) -> f64 {
        self.new as f64 / self.base as f64
    }
}

/// What both runs marked, and the operations that both ended; the most frequent first. Those of one name count together.
pub(super) fn units(base: &Dump, new: &Dump) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (name, _) in counted(base) {
        let count = |dump| {
            let counts = counted(dump).filter(|(other, _)| *other == name).map(|(_, count)| count);
            counts.fold(0, u64::saturating_add)
        };
        let unit = Unit { name: name.to_owned(), base: count(base), new: count(new) };
        if unit.base.min(unit.new) > 0 && !units.contains(&unit) {
            units.push(unit);
        }
    }
    units.sort_by_key(|unit| Reverse(unit.base.max(unit.new)));
    units
}

/// What a run counted by name. An operation that is marked as well is counted once.
fn counted(dump: &Dump) -> impl Iterator<Item = (&str, u64)> {
    let is_marked = |name: &str| dump.marks.iter().any(|mark| mark.name == name);
    let operations = dump.operations.iter().filter(move |operation| !is_marked(&operation.name));
    let operations = operations.map(|operation| (operation.name.as_str(), operation.finished));
    dump.marks.iter().map(|mark| (mark.name.as_str(), mark.count)).chain(operations)
}

/// How many times the base's work the new run did, as far as the counts of blocks tell: where most pairs' counts
/// differ by one and the same factor, it is the work that differs, not the build. None where the work is the same
/// or nothing can be told.
pub(super) fn factor<'a>(pairs: impl IntoIterator<Item = &'a Pair>) -> Option<f64> {
    let counts: Vec<(u64, u64)> = pairs
        .into_iter()
        .map(|pair| pair.of(Metric::TotalBlocks))
        .filter(|(base, new)| *base > 0 && *new > 0)
        .collect();
    let mut ratios: Vec<(f64, f64)> =
        counts.iter().map(|&(base, new)| (new as f64 / base as f64, base as f64 + new as f64)).collect();
    ratios.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let whole: f64 = ratios.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0.0;
    let (median, _) = ratios.iter().find(|(_, weight)| {
        passed += weight;
        passed * 2.0 >= whole
    })?;
    let near = |ratio: f64| ratio <= median * NEAR && ratio * NEAR >= *median;
    let agreeing: f64 = ratios.iter().filter(|(ratio, _)| near(*ratio)).map(|(_, weight)| weight).sum();
    let notable = *median >= NOTABLE || *median * NOTABLE <= 1.0;
    let repeated: Vec<&(u64, u64)> = counts.iter().filter(|(base, new)| *base.max(new) > 1).collect();
    let with_it = repeated.iter().filter(|(base, new)| near(*new as f64 / *base as f64)).count();
    let most_sites = with_it > 1 && with_it as f64 >= repeated.len() as f64 * MAJORITY;
    (notable && most_sites && agreeing >= whole * MAJORITY).then_some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::diff::pair::{MatchKind, Sites};
    use alloc_probe_format::dump::Figures;
    use alloc_probe_format::dump::Mark;

    fn pairs(counts: &[(u64, u64)]) -> Vec<Pair> {
        let side = |total_blocks| {
            Some(Sites { figures: Figures { total_blocks, ..Figures::default() }, ..Sites::default() })
        };
        let pair = |&(base, new): &(u64, u64)| Pair {
            kind: Some(MatchKind::Exact),
            base: side(base),
            new: side(new),
        };
        counts.iter().map(pair).collect()
    }

    fn marks(counts: &[(&str, u64)]) -> Vec<Mark> {
        let mark = |&(name, count): &(&str, u64)| Mark { name: name.to_owned(), count, ..Mark::default() };
        counts.iter().map(mark).collect()
    }

    #[test]
    fn units_are_what_both_marked() {
        let base = marks(&[("ready", 1), ("request", 100), ("old", 500), ("never", 0), ("request", 20)]);
        let new = marks(&[("request", 240), ("new", 900), ("ready", 1), ("never", 9)]);
        let of = |marks| Dump { marks, ..Dump::default() };
        let found = units(&of(base), &of(new));
        let told: Vec<(&str, u64, u64)> =
            found.iter().map(|unit| (unit.name.as_str(), unit.base, unit.new)).collect();
        assert_eq!(told, [("request", 120, 240), ("ready", 1, 1)]);
        assert_eq!(found[0].of((60, 60)), (0.5, 0.25));
        assert_eq!(found[0].factor(), 2.0);
    }

    #[test]
    fn a_common_factor_is_different_work() {
        assert_eq!(factor(&pairs(&[(100, 200), (50, 100), (1, 1), (1000, 1980)])), Some(1.98));
        assert_eq!(factor(&pairs(&[(200, 100), (100, 50)])), Some(0.5));
        // One site with nearly all blocks is not most sites.
        assert_eq!(factor(&pairs(&[(1, 601), (5, 5), (9, 9), (20, 20)])), None);
        assert_eq!(factor(&pairs(&[(1, 601)])), None);
    }

    #[test]
    fn one_site_that_grew_is_not() {
        assert_eq!(factor(&pairs(&[(100, 100), (50, 50), (100, 200)])), None);
        assert_eq!(factor(&pairs(&[(100, 300), (100, 200), (100, 150), (100, 120)])), None);
        assert_eq!(factor(&[]), None);
    }
}

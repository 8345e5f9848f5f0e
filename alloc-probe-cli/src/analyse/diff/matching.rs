//! Pairs the groups of two builds, pass by pass.
//!
//! In each pass the best pairs go first, and a group is paired once: no byte is counted twice, and none is lost.

use super::candidates::{Candidate, Entry, join, rank};
use super::fill::fill_up;
use super::group::Group;
use super::judge::Judge;
use super::key::Functions;
use super::loops::join_depths;
use super::pair::MatchKind;
use super::passes::{Keys, PASSES, Pass};
use super::turns::pair_turns;
use rustc_hash::FxHashSet;

/// Groups of both builds that are the same, or groups that have no counterpart.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    /// How they were matched; none where one side is empty.
    pub(super) kind: Option<MatchKind>,
    /// Groups of the base.
    pub(super) base: Vec<u32>,
    /// Groups of the new build.
    pub(super) new: Vec<u32>,
}

/// One build's groups.
#[derive(Debug)]
pub(super) struct Side<'a> {
    /// All of them.
    pub(super) groups: &'a [Group],
    /// Which of them still have no partner.
    pub(super) free: Vec<bool>,
}

/// Pairs the groups of two builds. Each group is in exactly one of the results.
pub(super) fn match_groups(base: &[Group], new: &[Group], functions: &Functions) -> Vec<Matched> {
    let judge = Judge::of(base, new, functions);
    let mut base = Side { groups: base, free: vec![true; base.len()] };
    let mut new = Side { groups: new, free: vec![true; new.len()] };
    let mut matched = Vec::new();
    for pass in &PASSES {
        for Candidate { base: b, new: n, .. } in candidates(pass, &judge, &base, &new) {
            if base.free[b as usize] && new.free[n as usize] {
                (base.free[b as usize], new.free[n as usize]) = (false, false);
                matched.push(Matched { kind: Some(pass.kind), base: vec![b], new: vec![n] });
            }
        }
    }
    join_depths(&judge, &mut base, &mut new, &mut matched);
    pair_turns(&judge, &mut base, &mut new, &mut matched);
    fill_up(&judge, &mut base, &mut new, &mut matched);
    matched.extend(base.left().map(|group| Matched { kind: None, base: vec![group], new: vec![] }));
    matched.extend(new.left().map(|group| Matched { kind: None, base: vec![], new: vec![group] }));
    matched
}

/// What a pass finds among the free groups, the best first.
fn candidates(pass: &Pass, judge: &Judge, base: &Side<'_>, new: &Side<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut consider = |b: u32, n: u32| {
        let (base, new) = (&base.groups[b as usize], &new.groups[n as usize]);
        if let Some(score) = (pass.score)(judge, base, new) {
            candidates.push(Candidate { base: b, new: n, score, distance: judge.distance(base, new) });
        }
    };
    let (base_probes, new_probes) =
        crate::join::join(|| base.entries(judge, pass.probe), || new.entries(judge, pass.probe));
    match pass.index {
        None => join((base.groups, base_probes), (new.groups, new_probes), &mut consider),
        // Either side may be the one that lost frames.
        Some(index) => {
            let (new_index, base_index) = crate::join::join(
                || new.entries_for(&base_probes, judge, index),
                || base.entries_for(&new_probes, judge, index),
            );
            join((base.groups, base_probes), (new.groups, new_index), &mut consider);
            join((new.groups, new_probes), (base.groups, base_index), |n, b| consider(b, n));
        }
    }
    rank(&mut candidates);
    candidates
}

impl Side<'_> {
    /// The groups that have no partner.
    pub(super) fn left(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.groups.len() as u32).filter(|group| self.free[*group as usize])
    }

    /// The free groups under their keys.
    fn entries(&self, judge: &Judge, keys: Keys) -> Vec<Entry> {
        let mut entries = Vec::new();
        for group in self.left() {
            keys(judge, &self.groups[group as usize], &mut |key| entries.push(Entry { key, group }));
        }
        entries
    }

    /// The same, with those keys alone that somebody looks for.
    fn entries_for(&self, probes: &[Entry], judge: &Judge, keys: Keys) -> Vec<Entry> {
        let wanted: FxHashSet<u64> = probes.iter().map(|probe| probe.key).collect();
        let mut entries = Vec::new();
        for group in self.left() {
            keys(judge, &self.groups[group as usize], &mut |key| {
                if wanted.contains(&key) {
                    entries.push(Entry { key, group });
                }
            });
        }
        entries
    }
}

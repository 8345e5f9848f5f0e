//! What the trees of calls leave over is moved to where the other side has too much.
//!
//! At each place, the innermost first, what one build has more of below it is compared with what the other has more of
//! there: the callers in common say where to look, chains and sizes say what it is. What finds nothing there is looked for
//! below the caller. First goes what figures tell, everywhere: a few blocks could be part of anything, so they have to wait
//! until it's known what nobody else claims, unless both sides have the same left over at a place.

use super::align::{Alignment, Place};
use super::amount::Amount;
use super::builds::{Builds, Matched};
use crate::analyse::diff::chain::Group;
use crate::analyse::diff::pair::MatchKind;
use crate::analyse::diff::step::Step;
use rustc_hash::FxHashMap;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// With fewer blocks than this, equal figures are no evidence: every program makes a few small blocks all over.
const TELLING_BLOCKS: u64 = 8;
/// The same for bytes: one block of an odd large size is as telling as many blocks.
const TELLING_BYTES: u64 = 4096;

/// Chains that share less have nothing to do with each other.
const LEAST_LIKENESS: f32 = 0.5;
/// Chains that share so much are the same, if figures don't say otherwise.
const NEAR_LIKENESS: f32 = 0.8;
/// So large a share of the smaller of two amounts must have blocks of its sizes in the larger one.
const LEAST_FIT: f32 = 0.9;
/// And of two that are parts of pairs already.
const LEAST_FIT_OF_PAIRS: f32 = 0.95;
/// With more comparisons at one place, only what shares a function or figures is compared.
const MAX_COMPARED: usize = 10_000;
/// So many are compared with each, where they share a key.
const MAX_OF_KEY: usize = 64;
/// So many frames may be lost from a chain.
const MAX_LOST: usize = 3;
/// Where both programs begin.
const ROOT_PLACE: u32 = 0;
/// What is left over at one place is the same on both sides as a whole, if it's no more sites than this.
const MAX_TOGETHER: usize = 12;

/// Groups that belong together so far.
struct Item {
    groups: [Vec<u32>; 2],
    kind: Option<MatchKind>,
    /// The place that all of them are at or below.
    place: u32,
    /// What either side has beyond the other.
    rest: [Amount; 2],
    /// The place at which it was last compared with all others there, if nothing speaks for any of them, and nothing has become
    /// of it since.
    compared: Option<u32>,
}

struct Residue<'a> {
    builds: &'a Builds<'a>,
    items: Vec<Item>,
    /// For each item, one that it belongs to; its own where it stands for itself.
    joined: Vec<u32>,
    /// For each side's groups, their chains, once somebody asked.
    chains: [Vec<OnceCell<Box<[Step]>>>; 2],
}

/// A base's item, and one of the new build's that it may belong to.
struct Candidate {
    score: f32,
    items: [u32; 2],
    kind: MatchKind,
    /// Whether figures tell: many blocks, or all that is left over of both.
    is_telling: bool,
}

/// What is joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// What figures tell.
    Telling,
    /// All that can be.
    All,
}

/// Pairs everything that can be, and gives all groups.
pub(super) fn settle(builds: &Builds<'_>, alignment: &Alignment) -> Vec<Matched> {
    let chains = builds.groups.map(|groups| vec![OnceCell::new(); groups.len()]);
    let mut residue = Residue { builds, items: Vec::new(), joined: Vec::new(), chains };
    let mut own: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (at, place) in alignment.places.iter().enumerate().rev() {
        let at = at as u32;
        let mut here = residue.items_of(at, place);
        here.retain(|item| residue.is_waiting(*item));
        if !here.is_empty() {
            own.insert(at, here);
        }
    }
    for pass in [Pass::Telling, Pass::All] {
        own.values_mut().for_each(|own| own.retain(|item| residue.is_waiting(*item)));
        own.retain(|_, own| !own.is_empty());
        // Those of other places come before a place's own.
        let mut waiting: BTreeMap<u32, Vec<u32>> = own.keys().map(|at| (*at, Vec::new())).collect();
        while let Some((at, mut here)) = waiting.pop_last() {
            here.extend(own.get(&at).into_iter().flatten());
            residue.settle_at(&here, at, pass);
            here.retain(|item| residue.is_waiting(*item));
            if at > 0 && !here.is_empty() {
                let caller = alignment.places[at as usize].parent;
                waiting.entry(caller).or_default().append(&mut here);
            }
        }
    }
    residue.into_matched()
}

impl<'a> Residue<'a> {
    /// The items of a place, of which something is left over.
    fn items_of(&mut self, at: u32, place: &Place) -> Vec<u32> {
        let builds = self.builds;
        let nodes = |side: usize| place.nodes[side].iter().map(move |node| builds.trees[side].node(*node));
        let mut found = Vec::new();
        // PERF: next to no call allocates by itself.
        let is_empty = |side: usize| nodes(side).all(|node| node.groups.is_empty());
        if is_empty(0) && is_empty(1) && place.left(0).is_empty() && place.left(1).is_empty() {
            return found;
        }
        let own =
            |side: usize| nodes(side).flat_map(|node| node.groups.iter().copied()).collect::<Vec<u32>>();
        let groups = [own(0), own(1)];
        if groups.iter().all(|side| !side.is_empty()) {
            let is_restored = |side: usize| {
                groups[side].iter().any(|group| builds.groups[side][*group as usize].is_restored)
            };
            let is_sure = builds.is_by_optimiser || !(is_restored(0) || is_restored(1));
            let kind = if is_sure { place.kind } else { place.kind.max(MatchKind::Subsequence) };
            found.push(self.add(at, groups, Some(kind)));
        } else {
            let [base, new] = groups;
            found.extend(base.into_iter().map(|group| self.add(at, [vec![group], vec![]], None)));
            found.extend(new.into_iter().map(|group| self.add(at, [vec![], vec![group]], None)));
        }
        for node in place.left(0) {
            let below = builds.trees[0].groups_below(*node);
            found.extend(below.into_iter().map(|group| self.add(at, [vec![group], vec![]], None)));
        }
        for node in place.left(1) {
            let below = builds.trees[1].groups_below(*node);
            found.extend(below.into_iter().map(|group| self.add(at, [vec![], vec![group]], None)));
        }
        found
    }

    fn add(&mut self, place: u32, groups: [Vec<u32>; 2], kind: Option<MatchKind>) -> u32 {
        let amounts = [0, 1].map(|side: usize| {
            let mut sum = Amount::default();
            groups[side].iter().for_each(|group| sum.add(self.builds.trees[side].below.of_group(*group)));
            sum
        });
        let sizes_tell = self.builds.sizes_tell;
        let rest = [0, 1].map(|side| amounts[side].beyond(&amounts[1 - side], sizes_tell));
        self.items.push(Item { groups, kind, place, rest, compared: None });
        self.joined.push(self.items.len() as u32 - 1);
        self.items.len() as u32 - 1
    }

    fn is_waiting(&self, item: u32) -> bool {
        self.items[item as usize].rest.iter().any(|rest| rest.blocks > 0)
    }

    fn settle_at(&mut self, here: &[u32], at: u32, pass: Pass) {
        let sides = [0, 1].map(|side| self.left(side, here));
        if sides.iter().any(Vec::is_empty) {
            return;
        }
        let [base, new] = &sides;
        let mut candidates: Vec<Candidate> = Vec::new();
        let are_all = self.each_comparable(base, new, |b, n| {
            let [of_base, of_new] = [b, n].map(|item| self.items[item as usize].compared);
            if of_base.is_none() || of_base != of_new {
                candidates.extend(self.candidate(b, n));
            }
        });
        // PERF: those of a place are among those of its callers', and would be compared again at each of these.
        for item in here.iter().filter(|_| are_all) {
            self.items[*item as usize].compared = Some(at);
        }
        for item in candidates.iter().flat_map(|candidate| candidate.items) {
            self.items[item as usize].compared = None;
        }
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.items.cmp(&b.items)));
        if pass == Pass::Telling {
            self.join_all(at, &candidates, pass);
            if !self.is_balanced(at, &sides) {
                return;
            }
        }
        self.join_all(at, &candidates, Pass::All);
        if at != ROOT_PLACE && !self.builds.is_one_binary {
            self.settle_together(at, base, new);
        }
    }

    /// Those of some items of which one side has something left over.
    fn left(&self, side: usize, items: &[u32]) -> Vec<u32> {
        items.iter().copied().filter(|item| self.items[*item as usize].rest[side].blocks > 0).collect()
    }

    /// Joins candidates in their order.
    fn join_all(&mut self, at: u32, candidates: &[Candidate], pass: Pass) {
        for Candidate { items, kind, .. } in candidates {
            // Part of either may be somebody else's by now.
            let now = self.candidate(items[0], items[1]);
            if now.is_some_and(|now| now.is_telling || pass == Pass::All) {
                self.join(at, *items, *kind);
            }
        }
    }

    /// Calls back with items of both sides that are worth comparing: all of them, or those that share a key. Whether it was
    /// all.
    fn each_comparable(&self, base: &[u32], new: &[u32], mut found: impl FnMut(u32, u32)) -> bool {
        if base.len() * new.len() <= MAX_COMPARED {
            base.iter().for_each(|b| new.iter().for_each(|n| found(*b, *n)));
            return true;
        }
        let mut by_key: FxHashMap<(u64, u64), Vec<u32>> = FxHashMap::default();
        for n in new {
            self.keys(1, *n).into_iter().for_each(|key| by_key.entry(key).or_default().push(*n));
        }
        for b in base {
            let mut seen: Vec<u32> = Vec::new();
            for key in self.keys(0, *b) {
                seen.extend(by_key.get(&key).into_iter().flatten().take(MAX_OF_KEY));
            }
            seen.sort_unstable();
            seen.dedup();
            seen.into_iter().for_each(|n| found(*b, n));
        }
        false
    }

    /// What an item must share with another to be compared: its innermost functions, or its figures.
    fn keys(&self, side: usize, item: u32) -> Vec<(u64, u64)> {
        let rest = &self.items[item as usize].rest[side];
        let chain = self.chain(side, item);
        let inner = chain.iter().rev().take(2).map(|step| (u64::MAX, u64::from(step.function.0) + 1));
        inner.chain([(rest.blocks, rest.bytes)]).collect()
    }

    /// The chain of an item's largest group.
    fn chain(&self, side: usize, item: u32) -> &[Step] {
        let groups: &[Group] = self.builds.groups[side];
        let largest = self.items[item as usize].groups[side]
            .iter()
            .max_by_key(|group| groups[**group as usize].figures.total_blocks);
        largest.map_or(&[], |group| {
            self.chains[side][*group as usize].get_or_init(|| self.builds.trees[side].chain(*group))
        })
    }

    /// What speaks for two items' being the same; none where it's not enough.
    fn candidate(&self, base: u32, new: u32) -> Option<Candidate> {
        let (b, n) = (&self.items[base as usize], &self.items[new as usize]);
        let (theirs, ours) = (&b.rest[0], &n.rest[1]);
        let common = theirs.common(ours);
        if base == new || common == 0 {
            return None;
        }
        let fit = common as f32 / theirs.blocks.min(ours.blocks) as f32;
        let is_telling = common >= TELLING_BLOCKS || theirs.bytes.min(ours.bytes) >= TELLING_BYTES;
        let of_pairs = [b, n].iter().filter(|item| item.kind.is_some()).count();
        let least_fit = match of_pairs {
            0 => LEAST_LIKENESS,
            1 => LEAST_FIT,
            _ => LEAST_FIT_OF_PAIRS,
        };
        if fit < least_fit || of_pairs == 2 && (!is_telling || theirs.likeness(ours) < LEAST_FIT_OF_PAIRS) {
            return None;
        }
        // Of a pair's surplus, its own side's chain says where it is.
        let chains = [self.chain(0, base), self.chain(1, new)];
        if self.builds.is_one_binary && chains[0].last() != chains[1].last() {
            return None;
        }
        let is_akin = match (chains[0].last(), chains[1].last()) {
            (Some(base), Some(new)) => self.builds.likeness.is_akin(*base, *new),
            _ => chains[0].is_empty() && chains[1].is_empty(),
        };
        // Part of what a call allocates can have lost its frame: that of an arm that ends in a jump.
        let is_lost = fit >= LEAST_FIT && self.is_lost(base, new);
        // As many of each size are left of the one as of the other.
        let are_equal = is_telling && theirs.blocks == ours.blocks && fit >= 1.0;
        let least = match (is_telling && fit >= LEAST_FIT, is_akin || are_equal) {
            // All that the shorter one shows is the same, however little it tells.
            _ if is_lost => 0.0,
            (true, true) => LEAST_LIKENESS,
            (true, false) => (LEAST_LIKENESS + NEAR_LIKENESS) / 2.0,
            (false, true) => NEAR_LIKENESS,
            (false, false) => 0.9,
        };
        let likeness = self.builds.likeness.of_chains(chains[0], chains[1], least)?;
        let alike = theirs.likeness(ours);
        let kind = match likeness >= NEAR_LIKENESS {
            _ if is_lost && self.builds.is_by_optimiser => MatchKind::Exact,
            // Other callers, as where threads take work from each other.
            _ if self.builds.is_one_binary => MatchKind::Subsequence,
            is_near if is_near || is_lost => MatchKind::Subsequence,
            _ => MatchKind::Site,
        };
        Some(Candidate {
            score: likeness + (fit + alike) / 2.0,
            items: [base, new],
            kind,
            is_telling: is_telling || alike >= LEAST_FIT_OF_PAIRS,
        })
    }

    /// Whether one item shows all that the other does and more, and the other's build may have lost that.
    fn is_lost(&self, base: u32, new: u32) -> bool {
        let (theirs, ours) = (self.chain(0, base), self.chain(1, new));
        let is_part = |part: &[Step], whole: &[Step], is_same: &dyn Fn(Step, Step) -> bool| {
            let mut whole = whole.iter();
            part.iter().all(|step| whole.any(|other| is_same(*step, *other)))
        };
        let same = |base: Step, new: Step| self.builds.likeness.is_same(base, new);
        match theirs.len().cmp(&ours.len()) {
            Ordering::Greater => {
                self.builds.may_lose[1]
                    && theirs.len() - ours.len() <= MAX_LOST
                    && is_part(ours, theirs, &|ours, theirs| same(theirs, ours))
            }
            Ordering::Less => {
                self.builds.may_lose[0]
                    && ours.len() - theirs.len() <= MAX_LOST
                    && is_part(theirs, ours, &same)
            }
            Ordering::Equal => false,
        }
    }

    fn join(&mut self, at: u32, [base, new]: [u32; 2], kind: MatchKind) {
        let [theirs, ours] =
            [self.items[base as usize].rest[0].clone(), self.items[new as usize].rest[1].clone()];
        self.items[base as usize].rest[0].take(&ours);
        self.items[new as usize].rest[1].take(&theirs);
        [base, new].into_iter().for_each(|item| self.items[item as usize].compared = None);
        self.unite(at, base, new, kind);
    }

    fn unite(&mut self, at: u32, one: u32, other: u32, kind: MatchKind) {
        let (root, other) = (self.root(one), self.root(other));
        let kinds = [self.items[root as usize].kind, self.items[other as usize].kind];
        self.items[root as usize].kind = kinds.into_iter().flatten().chain([kind]).max();
        self.items[root as usize].place = at;
        self.items[root as usize].compared = None;
        if root != other {
            self.joined[other as usize] = root;
        }
    }

    fn root(&self, mut item: u32) -> u32 {
        while self.joined[item as usize] != item {
            item = self.joined[item as usize];
        }
        item
    }

    /// What is left over on both sides below the same callers, where it is the same as a whole: which is which is not known.
    fn settle_together(&mut self, at: u32, base: &[u32], new: &[u32]) {
        let sides = [self.left(0, base), self.left(1, new)];
        if !self.is_balanced(at, &sides) {
            return;
        }
        let first = sides[0][0];
        for (side, items) in sides.iter().enumerate() {
            for item in items {
                self.items[*item as usize].rest[side] = Amount::default();
                self.items[*item as usize].compared = None;
                self.unite(at, first, *item, MatchKind::Site);
            }
        }
    }

    /// Whether what is left over of some items is the same on both sides as a whole.
    fn is_balanced(&self, at: u32, sides: &[Vec<u32>; 2]) -> bool {
        let sides = [0, 1].map(|side| self.left(side, &sides[side]));
        let count = sides[0].len() + sides[1].len();
        if at == ROOT_PLACE || sides.iter().any(Vec::is_empty) || count > MAX_TOGETHER {
            return false;
        }
        let sum = |side: usize| {
            let mut sum = Amount::default();
            sides[side].iter().for_each(|item| sum.add(&self.items[*item as usize].rest[side]));
            sum
        };
        let (theirs, ours) = (sum(0), sum(1));
        let is_telling = theirs.blocks >= TELLING_BLOCKS || theirs.bytes >= TELLING_BYTES;
        let bytes = theirs.bytes.abs_diff(ours.bytes) as f32 <= 0.02 * theirs.bytes.max(ours.bytes) as f32;
        // Of few blocks, the functions that allocate must be the same.
        let is_telling = is_telling || self.are_akin(&sides);
        is_telling && bytes && theirs.likeness(&ours) >= LEAST_FIT_OF_PAIRS
    }

    /// Whether all items of both sides allocate in the same function.
    fn are_akin(&self, [base, new]: &[Vec<u32>; 2]) -> bool {
        base.iter().all(|b| {
            new.iter().all(|n| match (self.chain(0, *b).last(), self.chain(1, *n).last()) {
                (Some(base), Some(new)) => self.builds.likeness.is_akin(*base, *new),
                _ => false,
            })
        })
    }

    fn into_matched(self) -> Vec<Matched> {
        let roots: Vec<u32> = (0..self.items.len() as u32).map(|item| self.root(item)).collect();
        let mut matched: Vec<Option<Matched>> = vec![None; self.items.len()];
        for (item, root) in self.items.iter().zip(&roots) {
            let Item { kind, place, .. } = self.items[*root as usize];
            let none = Matched { kind, base: vec![], new: vec![], place };
            let into = matched[*root as usize].get_or_insert(none);
            into.base.extend(&item.groups[0]);
            into.new.extend(&item.groups[1]);
        }
        let mut matched: Vec<Matched> = matched.into_iter().flatten().collect();
        for pair in &mut matched {
            pair.base.sort_unstable();
            pair.new.sort_unstable();
            pair.kind = pair.kind.filter(|_| !pair.base.is_empty() && !pair.new.is_empty());
        }
        matched
    }
}

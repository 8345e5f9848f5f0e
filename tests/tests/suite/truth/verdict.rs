//! What the diff says, held against the truth.

use super::align::align;
use super::describe::describe;
use super::{Recording, log::Step};
use alloc_probe_cli::analyse::diff::pair::{Pair, Sites};
use alloc_probe_cli::analyse::diff::{Diff, diff};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// What is right and wrong about a diff.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Of the bytes at the peak, and of all: what was matched, in percent.
    pub(crate) matched: [f64; 2],
    /// The same for what was matched exactly.
    pub(crate) exact: [f64; 2],
    /// Blocks of the base whose counterparts are known.
    pub(crate) same: u64,
    /// Blocks that only the base has, and that only the new build has.
    pub(crate) elided: u64,
    pub(crate) added: u64,
    /// Blocks of either side of which nothing is known.
    pub(crate) unknown: u64,
    /// Bytes on both sides of blocks whose counterparts are known, and of those among them that are in another pair than
    /// their counterparts, or in none.
    pub(crate) known_bytes: u64,
    pub(crate) astray_bytes: u64,
    /// Pairs that are wrong, as text.
    pub(crate) wrong: Vec<String>,
    /// What found no partner though its counterparts are known, as text: the most bytes first.
    pub(crate) missed: Vec<String>,
}

/// The blocks of one side of a pair whose counterparts are known, by where these are.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) inside: u64,
    pub(super) outside: u64,
    bytes_inside: u64,
    bytes_outside: u64,
    /// Those outside, by pair.
    pub(super) elsewhere: BTreeMap<usize, u64>,
}

impl Tally {
    fn is_wrong(&self) -> bool {
        self.outside > self.inside && self.bytes_outside > self.bytes_inside
    }
}

/// Compares two recordings of a program, and judges every pair by its blocks: it is wrong if, on either side, most of
/// the blocks whose counterparts are known, and of their bytes, have them elsewhere than in it.
pub(crate) fn judge(base: &Recording, new: &Recording) -> Verdict {
    let diff = diff(&base.profile, &new.profile);
    let share = [diff.matched.peak_bytes, diff.matched.bytes];
    let mut verdict = Verdict {
        matched: share.map(|share| share.percent),
        exact: share.map(|share| share.exact_percent),
        ..Verdict::default()
    };
    let tallies = verdict.tally(&diff, base, new);
    let pairs = || diff.pairs.iter().zip(&tallies);
    let text = |pair, tallies: &[Tally; 2]| describe(&diff, base, new, pair, tallies);
    let wrong = pairs().filter(|(pair, tallies)| pair.kind.is_some() && tallies.iter().any(Tally::is_wrong));
    verdict.wrong = wrong.map(|(pair, tallies)| text(pair, tallies)).collect();
    let bytes = |tallies: &[Tally; 2]| tallies[0].bytes_outside + tallies[1].bytes_outside;
    let mut missed: Vec<_> =
        pairs().filter(|(pair, tallies)| pair.kind.is_none() && bytes(tallies) > 0).collect();
    missed.sort_by_key(|(_, tallies)| Reverse(bytes(tallies)));
    verdict.missed = missed.into_iter().take(10).map(|(pair, tallies)| text(pair, tallies)).collect();
    verdict
}

impl Verdict {
    /// Counts the blocks, and sorts them by pair.
    fn tally(&mut self, diff: &Diff, base: &Recording, new: &Recording) -> Vec<[Tally; 2]> {
        let base_pairs = pairs_of(diff, |pair| &pair.base, base.profile.sites.len());
        let new_pairs = pairs_of(diff, |pair| &pair.new, new.profile.sites.len());
        let mut tallies = vec![<[Tally; 2]>::default(); diff.pairs.len()];
        for (base_step, new_step) in steps(&base.log, &new.log) {
            let alignment = align(&base_step.blocks, &new_step.blocks);
            for &(b, n) in &alignment.same {
                let (b, n) = (base_step.blocks[b], new_step.blocks[n]);
                let bytes = [b.key.size, n.key.size];
                let pairs = [base_pairs[base.site(b.site)], new_pairs[new.site(n.site)]];
                self.known_bytes += bytes[0] + bytes[1];
                for side in [0, 1] {
                    let tally = &mut tallies[pairs[side]][side];
                    if pairs[0] == pairs[1] {
                        tally.inside += 1;
                        tally.bytes_inside += bytes[side];
                    } else {
                        self.astray_bytes += bytes[side];
                        tally.outside += 1;
                        tally.bytes_outside += bytes[side];
                        *tally.elsewhere.entry(pairs[1 - side]).or_default() += 1;
                    }
                }
            }
            let both = base_step.blocks.len() + new_step.blocks.len();
            let known = 2 * alignment.same.len() + alignment.only_in_base.len() + alignment.only_in_new.len();
            self.same += alignment.same.len() as u64;
            self.elided += alignment.only_in_base.len() as u64;
            self.added += alignment.only_in_new.len() as u64;
            self.unknown += (both - known) as u64;
        }
        tallies
    }

    /// What is wrong, if more pairs are than may be, or if less was matched than is asked for, in percent.
    pub(crate) fn failure(&self, what: &str, least: f64, wrong: usize) -> Option<String> {
        let enough = self.matched.iter().all(|percent| *percent >= least);
        let is_known = self.same > 5 * (self.elided + self.added + self.unknown);
        let details = || [&self.wrong[..], &self.missed].concat().join("\n");
        let is_right = enough && is_known && self.wrong.len() <= wrong;
        (!is_right).then(|| format!("{what}: {self}\n{}", details()))
    }
}

/// For each site of one side, the index of its pair.
fn pairs_of(diff: &Diff, side: fn(&Pair) -> &Option<Sites>, sites: usize) -> Vec<usize> {
    let mut pairs = vec![usize::MAX; sites];
    for (index, pair) in diff.pairs.iter().enumerate() {
        let sites = side(pair).iter().flat_map(|sites| &sites.sites);
        sites.for_each(|site| pairs[*site as usize] = index);
    }
    pairs
}

/// The steps of both, thread by thread.
fn steps<'a>(base: &'a [Vec<Step>], new: &'a [Vec<Step>]) -> impl Iterator<Item = (&'a Step, &'a Step)> {
    let numbers = |log: &[Vec<Step>]| -> Vec<Vec<u64>> {
        log.iter().map(|steps| steps.iter().map(|step| step.number).collect()).collect()
    };
    assert!(numbers(base) == numbers(new), "the builds take the same steps");
    base.iter().flatten().zip(new.iter().flatten())
}

/// Columns of a table: matched and exactly matched at the peak, the same of all bytes, blocks by what is known of them,
/// the share of bytes that are astray, and the wrong pairs.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { matched: [peak, total], exact: [exact_peak, exact_total], .. } = self;
        let Verdict { same, elided, added, unknown, .. } = self;
        let astray = self.astray_bytes as f64 * 100.0 / self.known_bytes.max(1) as f64;
        let wrong = self.wrong.len();
        write!(f, "{peak:.2} | {exact_peak:.2} | {total:.2} | {exact_total:.2} | ")?;
        write!(f, "{same} | {elided} | {added} | {unknown} | {astray:.3} | {wrong}")
    }
}

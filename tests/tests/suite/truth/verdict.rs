//! What the diff says of two builds, held against the truth: the pairs.

use super::blocks::{Counterpart, Known, Surplus, blocks};
use super::claims::{self, Claims};
use super::describe::describe;
use super::recording::Recording;
use super::sentences;
use alloc_probe_cli::analyse::diff::pair::{MatchKind, Pair, Sites};
use alloc_probe_cli::analyse::diff::{Diff, diff};
use alloc_probe_format::metric::Metric;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// So many wrong pairs, or claims, or what else there is of a kind, are described.
const DESCRIBED: usize = 10;

/// What is right and wrong about a diff.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Of the bytes at the peak, and of all: what was matched, in percent, of what has a counterpart to be matched with.
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
    /// Blocks of either side that are not judged.
    pub(crate) unjudged: u64,
    /// Bytes on both sides of blocks whose counterparts are known, and of those among them that are in another pair than
    /// their counterparts, or in none.
    pub(crate) known_bytes: u64,
    pub(crate) astray_bytes: u64,
    /// How many pairs are wrong.
    pub(crate) wrong: usize,
    /// What is said of blocks, class by class.
    pub(crate) claims: Claims,
    /// Sentences of findings that were looked into, and those that are false.
    pub(crate) sentences: usize,
    pub(crate) false_sentences: usize,
    /// Some of what is wrong, as text: pairs, claims, sentences, and what found no partner though its counterparts are
    /// known, each the most bytes first.
    pub(crate) details: Vec<String>,
}

/// What a verdict has to be better than.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Least percent of bytes, at the peak and in all, that are matched, and that are matched exactly.
    pub(crate) matched: f64,
    pub(crate) exact: f64,
    /// Wrong pairs and false sentences, at most.
    pub(crate) wrong: usize,
    pub(crate) false_sentences: usize,
    /// Blocks in false claims, at most, of all blocks.
    pub(crate) false_claims: f64,
}

/// What is asked of any two builds of any program.
pub(crate) const LIMITS: Limits =
    Limits { matched: 99.5, exact: 90.0, wrong: 0, false_sentences: 0, false_claims: 1e-4 };

/// The blocks of one site, or of several, whose counterparts are known, by where these are.
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

    fn add(&mut self, other: &Tally) {
        self.inside += other.inside;
        self.outside += other.outside;
        self.bytes_inside += other.bytes_inside;
        self.bytes_outside += other.bytes_outside;
        for (pair, blocks) in &other.elsewhere {
            *self.elsewhere.entry(*pair).or_default() += blocks;
        }
    }
}

/// Compares two recordings of a program, and judges every pair by its blocks: it is wrong if, at any site of either side,
/// most of the blocks whose counterparts are known, and of their bytes, have them elsewhere than in it.
pub(crate) fn judge(base: &Recording, new: &Recording) -> Verdict {
    let diff = diff(&base.profile, &new.profile);
    let blocks = blocks(base, new);
    let pairs = [
        pairs_of(&diff, |pair| &pair.base, base.profile.sites.len()),
        pairs_of(&diff, |pair| &pair.new, new.profile.sites.len()),
    ];
    let mut verdict = Verdict::default();
    let by_site = verdict.tally(&blocks, &pairs);
    verdict.cover(&diff, &blocks, &pairs);
    let tallies = diff.pairs.iter().map(|pair| {
        let sum = |sites: &Option<Sites>, by_site: &[Tally]| {
            let mut sum = Tally::default();
            sites_of(sites).for_each(|site| sum.add(&by_site[site]));
            sum
        };
        [sum(&pair.base, &by_site[0]), sum(&pair.new, &by_site[1])]
    });
    let tallies: Vec<[Tally; 2]> = tallies.collect();
    let is_wrong = |pair: &Pair| {
        let of_side = |sites, by_site: &[Tally]| sites_of(sites).any(|site| by_site[site].is_wrong());
        pair.kind.is_some() && (of_side(&pair.base, &by_site[0]) || of_side(&pair.new, &by_site[1]))
    };
    let text = |index: usize| describe(&diff, base, new, &diff.pairs[index], &tallies[index]);
    let bytes = |index: &usize| {
        let [base, new] = &tallies[*index];
        base.bytes_outside + new.bytes_outside
    };
    let mut wrong: Vec<usize> = (0..diff.pairs.len()).filter(|index| is_wrong(&diff.pairs[*index])).collect();
    wrong.sort_by_key(|index| Reverse(bytes(index)));
    verdict.wrong = wrong.len();
    let wrong = wrong.into_iter().take(DESCRIBED).map(|pair| format!("a wrong pair, {}", text(pair)));
    verdict.details.extend(wrong);

    let facts = claims::Facts::of(&diff, &blocks, &pairs);
    let (claims, mut false_claims) = claims::judge(&diff, &facts);
    verdict.claims = claims;
    false_claims.sort_by_key(|(_, blocks, _)| Reverse(*blocks));
    let said = false_claims.into_iter().take(DESCRIBED);
    verdict.details.extend(said.map(|(pair, _, claim)| format!("{claim}, {}", text(pair))));
    let (sentences, false_sentences) = sentences::judge(&diff, &facts, [base, new]);
    (verdict.sentences, verdict.false_sentences) = (sentences, false_sentences.len());
    verdict.details.extend(
        false_sentences.into_iter().take(DESCRIBED).map(|(pair, sentence)| {
            pair.map_or(sentence.clone(), |pair| format!("{sentence}, {}", text(pair)))
        }),
    );

    let unmatched = |index: &usize| diff.pairs[*index].kind.is_none() && bytes(index) > 0;
    let mut missed: Vec<usize> = (0..diff.pairs.len()).filter(unmatched).collect();
    missed.sort_by_key(|index| Reverse(bytes(index)));
    let missed = missed.into_iter().take(DESCRIBED).map(|pair| format!("missed, {}", text(pair)));
    verdict.details.extend(missed);

    let is_loose = |index: &usize| diff.pairs[*index].kind.is_some_and(|kind| kind != MatchKind::Exact);
    let mut loose: Vec<usize> = (0..diff.pairs.len()).filter(is_loose).collect();
    loose.sort_by_key(|index| Reverse(diff.pairs[*index].of(Metric::TotalBytes).0));
    let loose = loose.into_iter().take(DESCRIBED).map(|pair| format!("loosely matched, {}", text(pair)));
    verdict.details.extend(loose);
    verdict
}

impl Verdict {
    /// Counts the blocks, and sorts them by site.
    fn tally(&mut self, blocks: &[Vec<Known>; 2], pairs: &[Vec<usize>; 2]) -> [Vec<Tally>; 2] {
        let mut tallies = [0, 1].map(|side: usize| vec![Tally::default(); pairs[side].len()]);
        for side in [0, 1] {
            for block in &blocks[side] {
                let counterpart = match block.counterpart {
                    Counterpart::Is(counterpart) => &blocks[1 - side][counterpart],
                    Counterpart::Missing => {
                        *(if side == 0 { &mut self.elided } else { &mut self.added }) += 1;
                        continue;
                    }
                    Counterpart::Unknown => {
                        self.unknown += 1;
                        continue;
                    }
                    Counterpart::Unjudged => {
                        self.unjudged += 1;
                        continue;
                    }
                };
                self.same += u64::from(side == 0);
                self.known_bytes += block.size;
                let (here, there) = (pairs[side][block.site], pairs[1 - side][counterpart.site]);
                let tally = &mut tallies[side][block.site];
                if here == there {
                    tally.inside += 1;
                    tally.bytes_inside += block.size;
                } else {
                    self.astray_bytes += block.size;
                    tally.outside += 1;
                    tally.bytes_outside += block.size;
                    *tally.elsewhere.entry(there).or_default() += 1;
                }
            }
        }
        tallies
    }

    /// How much was matched. What has no counterpart can't be, unless its site has other blocks, and nothing is asked of what
    /// isn't judged. Of blocks of which nothing is known, those can't be that one build has beyond the other.
    fn cover(&mut self, diff: &Diff, blocks: &[Vec<Known>; 2], pairs: &[Vec<usize>; 2]) {
        let (mut all, mut matched, mut exact) = ([0_u64; 2], [0_u64; 2], [0_u64; 2]);
        for side in [0, 1] {
            let mut surplus = Surplus::of(blocks, side);
            for block in &blocks[side] {
                let kind = diff.pairs[pairs[side][block.site]].kind;
                let nothing_to_match = kind.is_none()
                    && match block.counterpart {
                        Counterpart::Missing => true,
                        Counterpart::Unknown => surplus.take(block),
                        _ => false,
                    };
                if nothing_to_match || block.counterpart == Counterpart::Unjudged {
                    continue;
                }
                for (metric, counts) in [block.life.at_peak, true].into_iter().enumerate() {
                    let bytes = if counts { block.size } else { 0 };
                    all[metric] += bytes;
                    matched[metric] += if kind.is_some() { bytes } else { 0 };
                    exact[metric] += if kind == Some(MatchKind::Exact) { bytes } else { 0 };
                }
            }
        }
        let percent = |part: u64, all: u64| if all == 0 { 100.0 } else { part as f64 * 100.0 / all as f64 };
        for metric in [0, 1] {
            self.matched[metric] = percent(matched[metric], all[metric]);
            self.exact[metric] = percent(exact[metric], all[metric]);
        }
    }

    /// What is wrong with it, in one line; none where nothing is.
    pub(crate) fn fault(&self, limits: &Limits) -> Option<String> {
        let blocks = 2 * self.same + self.elided + self.added + self.unknown;
        let false_claims = self.claims.are_false();
        let mut faults = Vec::new();
        let mut expect = |holds: bool, fault: String| faults.extend((!holds).then_some(fault));
        let [peak, total] = self.matched;
        let [exact_peak, exact_total] = self.exact;
        expect(peak >= limits.matched && total >= limits.matched, "too little is matched".to_owned());
        expect(
            exact_peak >= limits.exact && exact_total >= limits.exact,
            "too little is matched exactly".to_owned(),
        );
        expect(self.wrong <= limits.wrong, format!("{} pairs are wrong", self.wrong));
        expect(
            false_claims as f64 <= limits.false_claims * blocks as f64,
            format!("{false_claims} of {blocks} blocks are in false claims"),
        );
        expect(
            self.false_sentences <= limits.false_sentences,
            format!("{} false findings", self.false_sentences),
        );
        // A verdict that knows nothing finds no fault.
        let alone = self.elided + self.added;
        expect(self.same > 2 * alone, format!("{alone} blocks have no counterparts"));
        expect(
            self.same > 5 * self.unknown,
            format!("the counterparts of {} blocks are not known", self.unknown),
        );
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    /// What is wrong with the diff of some builds, with its details.
    pub(crate) fn failure(&self, what: &str, limits: &Limits) -> Option<String> {
        let fault = self.fault(limits)?;
        Some(format!("{what}: {fault}\n{}\n{}", self.claims, self.details.join("\n")))
    }
}

/// The indices of the sites of a side.
pub(super) fn sites_of(sites: &Option<Sites>) -> impl Iterator<Item = usize> {
    sites.iter().flat_map(|sites| &sites.sites).map(|site| *site as usize)
}

/// For each site of one side, the index of its pair.
fn pairs_of(diff: &Diff, side: fn(&Pair) -> &Option<Sites>, sites: usize) -> Vec<usize> {
    let mut pairs = vec![usize::MAX; sites];
    for (index, pair) in diff.pairs.iter().enumerate() {
        sites_of(side(pair)).for_each(|site| pairs[site] = index);
    }
    pairs
}

/// The titles of the columns that a verdict has.
pub(crate) const COLUMNS: &str = "| program | builds | matched at the peak | exactly | matched in all | exactly | same | elided | added | unknown | astray | wrong | false claims | false findings |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

/// Columns of a table: matched and exactly matched at the peak, the same of all bytes, blocks by what is known of them,
/// the share of bytes that are astray, the wrong pairs, blocks in false claims, and false sentences.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { matched: [peak, total], exact: [exact_peak, exact_total], .. } = self;
        let Verdict { same, elided, added, unknown, wrong, .. } = self;
        let astray = self.astray_bytes as f64 * 100.0 / self.known_bytes.max(1) as f64;
        write!(f, "{peak:.2} | {exact_peak:.2} | {total:.2} | {exact_total:.2} | ")?;
        write!(f, "{same} | {elided} | {added} | {unknown} | {astray:.3} | {wrong} | ")?;
        write!(f, "{} | {}", self.claims.are_false(), self.false_sentences)
    }
}

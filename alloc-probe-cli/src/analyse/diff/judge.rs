//! How alike two groups are: what makes them a possible pair, and the better of two possible ones.

use super::calls::Calls;
use super::group::{Group, Step};
use super::key::Functions;
use super::lines::{Agreement, Lines};
use super::passes::MAX_LOST_INNER;
use super::turns::is_without_turns;
use crate::join::join;

/// With fewer blocks than this, equal figures are no evidence: every program makes a few small blocks all over.
pub(super) const TELLING_BLOCKS: u64 = 8;
/// The same for bytes: one block of an odd large size is as telling as many blocks.
pub(super) const TELLING_BYTES: u64 = 4096;

/// What is known of all groups together, and judges two of them.
#[derive(Debug)]
pub(super) struct Judge {
    lines: Lines,
    base_calls: Calls,
    new_calls: Calls,
    /// For each function, whether both builds have it in some chain.
    shared: Vec<bool>,
    /// For each function, how much it tells: little where every chain has it.
    weights: Vec<f32>,
    /// For each function, how many groups of both builds have it.
    frequency: Vec<u32>,
}

impl Judge {
    /// Learns from all groups of both builds.
    pub(super) fn of(base: &[Group], new: &[Group], functions: &Functions) -> Judge {
        let count = |groups: &[Group]| {
            let mut frequency = vec![0_u32; functions.count];
            for group in groups {
                group.functions().for_each(|function| frequency[function.0 as usize] += 1);
            }
            frequency
        };
        let (in_base, in_new) = join(|| count(base), || count(new));
        let shared = in_base.iter().zip(&in_new).map(|(base, new)| *base > 0 && *new > 0).collect();
        let frequency: Vec<u32> = in_base.iter().zip(&in_new).map(|(base, new)| base + new).collect();
        let groups = (base.len() + new.len()) as f32;
        let weights = frequency.iter().map(|&times| (groups / times.max(1) as f32).ln_1p()).collect();
        let lines = Lines::of(base, new, functions.count);
        let (base_calls, new_calls) = join(
            || Calls::of(base, &functions.base, |step| lines.in_new(step)),
            || Calls::of(new, &functions.new, |step| step.line),
        );
        Judge { lines, base_calls, new_calls, shared, weights, frequency }
    }

    /// Whether both builds have the step's function in some chain.
    pub(super) fn is_shared(&self, step: Step) -> bool {
        self.shared[step.function.0 as usize]
    }

    /// The steps of a chain whose functions both builds have.
    pub(super) fn shared_steps(&self, group: &Group) -> Vec<Step> {
        group.chain.iter().filter(|step| self.is_shared(**step)).copied().collect()
    }

    /// The step of a chain whose function the fewest groups have; the innermost of several.
    pub(super) fn rarest<'a>(&self, chain: impl Iterator<Item = &'a Step>) -> Option<Step> {
        chain.min_by_key(|step| self.frequency[step.function.0 as usize]).copied()
    }

    /// The line that a step of the base has in the new build, as far as that is known.
    pub(super) fn line_in_new(&self, step: Step) -> u32 {
        self.lines.in_new(step)
    }

    /// Whether a build is optimised enough to lose frames.
    pub(super) fn may_lose(&self, is_base: bool) -> bool {
        !if is_base { &self.base_calls } else { &self.new_calls }.is_plain()
    }

    /// How many lines lie between the two sites, once the base's is where the new build has it.
    pub(super) fn distance(&self, base: &Group, new: &Group) -> u32 {
        match (base.site(), new.site()) {
            (Some(base), Some(new)) => self.lines.in_new(base).abs_diff(new.line),
            _ => 0,
        }
    }

    /// How good a pair of one and the same chain of functions is; none where the two are not one.
    pub(super) fn exact(&self, base: &Group, new: &Group) -> Option<f32> {
        if base.chain.len() != new.chain.len() {
            return None;
        }
        let alike = Alike::of(base, new);
        if base.chain.is_empty() {
            // Stacks without a single frame: all that is known of them is their figures.
            return Some(alike.ratio);
        }
        self.lay(&base.chain, &new.chain, alike).map(|walk| walk.score)
    }

    /// How good a pair the two are where one chain is the other with frames missing, the allocating function not
    /// among them.
    pub(super) fn subsequence(&self, base: &Group, new: &Group) -> Option<f32> {
        self.lay(&base.chain, &new.chain, Alike::of(base, new)).map(|walk| walk.score)
    }

    /// The same where the innermost functions themselves went missing from the longer chain, as happens where a
    /// function ends in the call that allocates. Only where every line of the rest is known to be the same.
    pub(super) fn without_inner(&self, base: &Group, new: &Group) -> Option<f32> {
        let few = base.chain.len().min(new.chain.len());
        let rests = base.chain[base.chain.len() - few..].iter().zip(&new.chain[new.chain.len() - few..]);
        let same = |(at, (base, new)): (usize, (&Step, &Step))| {
            // Where a function's ends were merged with what it calls there, it has no line.
            let is_merged = at == 0 && (base.line == 0 || new.line == 0);
            base.function == new.function
                && (is_merged || self.lines.agreement(*base, *new) == Agreement::Same)
        };
        (few > 0 && rests.into_iter().enumerate().all(same)).then(|| Alike::of(base, new).ratio)
    }

    /// How good a pair the two are for allocating in the same function under callers that do not contradict each
    /// other. What only one build knows is no contradiction: it may have been renamed, removed or added.
    pub(super) fn same_site(&self, base: &Group, new: &Group) -> Option<f32> {
        let (base_chain, new_chain) = (self.shared_steps(base), self.shared_steps(new));
        let alike = Alike::of(base, new);
        let walk = self.lay(&base_chain, &new_chain, alike);
        let walk = walk.or_else(|| self.walk(&base_chain, &new_chain, alike.ratio, Strictness::SeenLines))?;
        // The allocating function alone is no proof where both have callers, but none in common.
        (walk.steps > 1 || base.chain.len().min(new.chain.len()) == 1).then_some(walk.score)
    }

    /// Whether one of the two may be a part of the other, going by functions alone: where two calls were merged into
    /// one, their lines tell nothing.
    pub(super) fn may_be_part(&self, base: &Group, new: &Group) -> bool {
        self.walk(&base.chain, &new.chain, 0.0, Strictness::Figures).is_some()
    }

    /// Whether two chains are the same, functions and lines, but for lines that are not known.
    pub(super) fn agree(&self, one: &[Step], other: &[Step], one_is_base: bool) -> bool {
        let same = |(one, other): (&Step, &Step)| {
            let (base, new) = if one_is_base { (*one, *other) } else { (*other, *one) };
            let has_no_line = base.line == 0 || new.line == 0;
            base.function == new.function
                && (has_no_line || self.lines.agreement(base, new) == Agreement::Same)
        };
        one.len() == other.len() && one.iter().zip(other).all(same)
    }

    /// Whether one group's chain is the other's without turns of a recursion, and without a few of the innermost functions:
    /// where those are gone, the line of the next tells nothing. What only one build knows is no contradiction.
    pub(super) fn is_without_turns(&self, long: &Group, short: &Group, long_is_base: bool) -> bool {
        let same = |long: Step, short: Step| {
            let (base, new) = if long_is_base { (long, short) } else { (short, long) };
            matches!(self.lines.agreement(base, new), Agreement::Same | Agreement::Unknown)
        };
        // Two functions that allocate, of which each build knows one, are two functions.
        if ![long, short].iter().any(|group| group.site().is_some_and(|site| self.is_shared(site))) {
            return false;
        }
        let (long, short) = (self.shared_steps(long), self.shared_steps(short));
        let mut starts = (0..=MAX_LOST_INNER).filter(|lost| {
            let met = long.get(*lost).filter(|step| step.function == short[0].function);
            met.is_some_and(|step| *lost > 0 || same(*step, short[0]))
        });
        short.len() > 1 && starts.any(|lost| is_without_turns(&long[lost..], &short, same))
    }

    /// Lays the shorter chain into the longer one, the allocating functions on each other. Lines that are known to
    /// differ are taken for the same only where the figures leave little doubt.
    fn lay(&self, base: &[Step], new: &[Step], alike: Alike) -> Option<Walk> {
        let agreed = self.walk(base, new, alike.ratio, Strictness::Lines);
        agreed.or_else(|| {
            alike.telling.then(|| self.walk(base, new, alike.ratio, Strictness::Functions)).flatten()
        })
    }

    /// Whether the build with the shorter chain can't have lost this step of the longer one.
    fn is_kept(&self, short: &[Step], long: &[Step], at: usize, base_is_longer: bool) -> bool {
        let calls = if base_is_longer { &self.new_calls } else { &self.base_calls };
        let with_line = |step: Step| (step, if base_is_longer { self.lines.in_new(step) } else { step.line });
        let is_recursive = short.iter().any(|other| other.function == long[at].function);
        let outer = long.get(at + 1).map(|outer| with_line(*outer));
        calls.keep(long[at - 1], with_line(long[at]), outer, is_recursive)
    }

    fn walk(&self, base: &[Step], new: &[Step], ratio: f32, strictness: Strictness) -> Option<Walk> {
        let base_is_longer = base.len() > new.len();
        let (short, long) = if base_is_longer { (new, base) } else { (base, new) };
        let (mut whole, mut met, mut same, mut differ) = (0.0, 0.0, 0.0, 0.0);
        let mut steps = 0;
        // Where figures decide, a recursion may have become a loop.
        let may_reject = strictness != Strictness::Figures;
        for (at, outer) in long.iter().enumerate() {
            let weight = self.weights[outer.function.0 as usize];
            whole += weight;
            let Some(next) = short.get(steps).filter(|next| next.function == outer.function) else {
                if at == 0 || (may_reject && self.is_kept(short, long, at, base_is_longer)) {
                    return None;
                }
                continue;
            };
            let (base, new) = if base_is_longer { (outer, next) } else { (next, outer) };
            match self.lines.agreement(*base, *new) {
                Agreement::Same => same += weight,
                Agreement::Unknown => {}
                Agreement::Moved if strictness >= Strictness::SeenLines => differ += weight,
                Agreement::Moved | Agreement::Differ if strictness >= Strictness::Functions => {
                    differ += weight
                }
                Agreement::Moved | Agreement::Differ
                    if at == 0 || (may_reject && self.is_kept(short, long, at, base_is_longer)) =>
                {
                    return None;
                }
                Agreement::Moved | Agreement::Differ => {
                    continue;
                }
            }
            met += weight;
            steps += 1;
        }
        let score = (2.0 * met + same - differ) / f32::max(whole, f32::MIN_POSITIVE) + ratio;
        (steps > 0 && steps == short.len()).then_some(Walk { steps, score })
    }
}

/// How much of the lines may be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strictness {
    /// Nothing that is known.
    Lines,
    /// Those that only one build has.
    SeenLines,
    /// All of them.
    Functions,
    /// The same, and frames may be missing that are known to be there otherwise.
    Figures,
}

/// What came of laying one chain into another.
#[derive(Clone, Copy, Debug)]
struct Walk {
    /// How many steps met.
    steps: usize,
    /// How good a pair it makes.
    score: f32,
}

/// How alike two groups' figures are.
#[derive(Clone, Copy, Debug)]
struct Alike {
    /// 1 where both counts are the same, near 0 where they are far apart.
    ratio: f32,
    /// Whether they are the same, and so odd or so many that this can be no chance.
    telling: bool,
}

impl Alike {
    fn of(base: &Group, new: &Group) -> Alike {
        let (base, new) = (&base.figures, &new.figures);
        let ratio = |a: u64, b: u64| if a == b { 1.0 } else { a.min(b) as f32 / a.max(b) as f32 };
        let equal = base.total_blocks == new.total_blocks && base.total_bytes == new.total_bytes;
        Alike {
            ratio: (ratio(base.total_blocks, new.total_blocks) + ratio(base.total_bytes, new.total_bytes))
                / 2.0,
            telling: equal && (base.total_blocks >= TELLING_BLOCKS || base.total_bytes >= TELLING_BYTES),
        }
    }
}

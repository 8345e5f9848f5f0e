//! How alike two groups are: what makes them a possible pair, and the better of two possible ones.

use super::group::{Group, Step};
use super::lines::{Agreement, Lines};

/// With fewer blocks than this, equal figures are no evidence: every program makes a few small blocks all over.
pub(super) const TELLING_BLOCKS: u64 = 8;
/// The same for bytes: one block of an odd large size is as telling as many blocks.
pub(super) const TELLING_BYTES: u64 = 4096;

/// What is known of all groups together, and judges two of them.
#[derive(Debug)]
pub(super) struct Judge {
    lines: Lines,
    /// For each function, whether both builds have it in some chain.
    shared: Vec<bool>,
    /// For each function, how much it tells: little where every chain has it.
    weights: Vec<f32>,
    /// For each function, how many groups of both builds have it.
    frequency: Vec<u32>,
}

impl Judge {
    /// Learns from all groups of both builds.
    pub(super) fn of(base: &[Group], new: &[Group], functions: usize) -> Judge {
        let count = |groups: &[Group]| {
            let mut frequency = vec![0_u32; functions];
            for group in groups {
                group.functions().for_each(|function| frequency[function.0 as usize] += 1);
            }
            frequency
        };
        let (in_base, in_new) = (count(base), count(new));
        let shared = in_base.iter().zip(&in_new).map(|(base, new)| *base > 0 && *new > 0).collect();
        let frequency: Vec<u32> = in_base.iter().zip(&in_new).map(|(base, new)| base + new).collect();
        let groups = (base.len() + new.len()) as f32;
        let weights = frequency.iter().map(|&times| (groups / times.max(1) as f32).ln_1p()).collect();
        Judge { lines: Lines::of(base, new, functions), shared, weights, frequency }
    }

    /// Whether both builds have the step's function in some chain.
    pub(super) fn is_shared(&self, step: Step) -> bool {
        self.shared[step.function.0 as usize]
    }

    /// The step of a chain whose function the fewest groups have; the innermost of several.
    pub(super) fn rarest<'a>(&self, chain: impl Iterator<Item = &'a Step>) -> Option<Step> {
        chain.min_by_key(|step| self.frequency[step.function.0 as usize]).copied()
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
        let same = |(base, new): (&Step, &Step)| {
            base.function == new.function && self.lines.agreement(*base, *new) == Agreement::Same
        };
        (few > 0 && rests.into_iter().all(same)).then(|| Alike::of(base, new).ratio)
    }

    /// How good a pair the two are for allocating in the same function under callers that do not contradict each
    /// other. What only one build knows is no contradiction: it may have been renamed, removed or added.
    pub(super) fn same_site(&self, base: &Group, new: &Group) -> Option<f32> {
        let shared = |group: &Group| -> Vec<Step> {
            group.chain.iter().filter(|step| self.is_shared(**step)).copied().collect()
        };
        let (base_chain, new_chain) = (shared(base), shared(new));
        let walk = self.lay(&base_chain, &new_chain, Alike::of(base, new))?;
        // The allocating function alone is no proof where both have callers, but none in common.
        (walk.steps > 1 || base.chain.len().min(new.chain.len()) == 1).then_some(walk.score)
    }

    /// Whether one of the two may be a part of the other, going by functions alone: where two calls were merged into
    /// one, their lines tell nothing.
    pub(super) fn may_be_part(&self, base: &Group, new: &Group) -> bool {
        self.walk(&base.chain, &new.chain, 0.0, true).is_some()
    }

    /// Lays the shorter chain into the longer one, the allocating functions on each other. Lines that are known to
    /// differ are taken for the same only where the figures leave little doubt.
    fn lay(&self, base: &[Step], new: &[Step], alike: Alike) -> Option<Walk> {
        let agreed = self.walk(base, new, alike.ratio, false);
        agreed.or_else(|| alike.telling.then(|| self.walk(base, new, alike.ratio, true)).flatten())
    }

    fn walk(&self, base: &[Step], new: &[Step], ratio: f32, may_differ: bool) -> Option<Walk> {
        let base_is_longer = base.len() > new.len();
        let (short, long) = if base_is_longer { (new, base) } else { (base, new) };
        let (mut whole, mut met, mut same, mut differ) = (0.0, 0.0, 0.0, 0.0);
        let mut steps = 0;
        for (at, outer) in long.iter().enumerate() {
            let weight = self.weights[outer.function.0 as usize];
            whole += weight;
            let Some(next) = short.get(steps).filter(|next| next.function == outer.function) else {
                if at == 0 {
                    return None;
                }
                continue;
            };
            let (base, new) = if base_is_longer { (outer, next) } else { (next, outer) };
            match self.lines.agreement(*base, *new) {
                Agreement::Same => same += weight,
                Agreement::Unknown => {}
                Agreement::Differ if may_differ => differ += weight,
                Agreement::Differ if at == 0 => return None,
                Agreement::Differ => continue,
            }
            met += weight;
            steps += 1;
        }
        let score = (2.0 * met + same - differ) / f32::max(whole, f32::MIN_POSITIVE) + ratio;
        (steps > 0 && steps == short.len()).then_some(Walk { steps, score })
    }
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

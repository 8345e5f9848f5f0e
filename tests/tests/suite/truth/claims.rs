//! What the diff says of blocks, held against the truth: for each class, how many blocks are said to be in it, and how
//! many are.

use super::blocks::{Counterpart, Known};
use super::verdict::sites_of;
use alloc_probe_cli::analyse::diff::Diff;
use alloc_probe_cli::analyse::diff::class::Class;
use alloc_probe_cli::analyse::diff::pair::Pair;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// Powers of two by which lifetimes may be other than those of the true counterparts.
const SAME_LIFETIME: f64 = 1.0;

/// What was claimed, class by class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(BTreeMap<Class, Count>);

/// The blocks of a claim.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    /// So many are said to be of a class.
    pub(crate) claimed: u64,
    /// So many of these are, so many may be, as their counterparts are not known, and the rest is not.
    pub(crate) so: u64,
    pub(crate) unknown: u64,
}

impl Count {
    /// A claim, of which so many blocks at most are so or may be.
    fn of(claimed: u64, so: u64, unknown: u64) -> Count {
        let so = so.min(claimed);
        Count { claimed, so, unknown: unknown.min(claimed - so) }
    }

    fn is_false(&self) -> u64 {
        self.claimed - self.so - self.unknown
    }
}

impl Claims {
    /// How many blocks are said to be what they are not.
    pub(crate) fn are_false(&self) -> u64 {
        self.0.values().map(Count::is_false).sum()
    }

    pub(crate) fn add(&mut self, other: &Claims) {
        for (class, count) in &other.0 {
            let sum = self.0.entry(*class).or_default();
            sum.claimed += count.claimed;
            sum.so += count.so;
            sum.unknown += count.unknown;
        }
    }
}

/// A line for each class.
impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, count) in &self.0 {
            let Count { claimed, so, unknown } = count;
            let (class, is_false) = (class.word(), count.is_false());
            writeln!(f, "{class}: {claimed} blocks, {so} are, {unknown} may be, {is_false} are not")?;
        }
        Ok(())
    }
}

/// What is so of one side of a pair: sums over its blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    pub(super) blocks: u64,
    /// Those that were asked for, rather than reallocated.
    asked: u64,
    /// Those of which the other build has none.
    pub(super) missing: u64,
    asked_missing: u64,
    /// Those of which nothing is known, or asked.
    pub(super) unknown: u64,
    /// Those whose counterparts have another size, wherever they are.
    resized: u64,
    peak: Figure,
    end: Figure,
    temporary: Figure,
    pub(super) peak_bytes: Figure,
    pub(super) end_bytes: Figure,
    /// Logarithms of the lifetimes of those that ended in both builds.
    lifetimes: [f64; 2],
    ended: u64,
}

/// A figure of a side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figure {
    /// Of all its blocks.
    all: u64,
    /// Of those whose counterparts are known, or known to be missing, and of these counterparts.
    known: u64,
    counterparts: u64,
}

impl Figure {
    fn add(&mut self, block: u64, counterpart: Option<u64>) {
        self.all += block;
        if let Some(counterpart) = counterpart {
            self.known += block;
            self.counterparts += counterpart;
        }
    }

    /// How much more the new build has of it than the base, as far as that is known, by where the blocks of one side
    /// are in the other build.
    fn change(&self, is_base: bool) -> i64 {
        let change = self.counterparts as i64 - self.known as i64;
        if is_base { change } else { -change }
    }
}

/// What is so of each pair, and of the base's and the new build's side of it.
pub(super) struct Facts {
    pub(super) pairs: Vec<[Side; 2]>,
    /// For pairs that are said to have other sizes: how many blocks of each size the new build has more.
    sizes: HashMap<usize, HashMap<u64, i64>>,
}

impl Facts {
    pub(super) fn of(diff: &Diff, blocks: &[Vec<Known>; 2], pairs: &[Vec<usize>; 2]) -> Facts {
        let mut facts =
            Facts { pairs: vec![<[Side; 2]>::default(); diff.pairs.len()], sizes: HashMap::new() };
        for side in [0, 1] {
            for block in &blocks[side] {
                let pair = pairs[side][block.site];
                let counterpart = match block.counterpart {
                    Counterpart::Is(counterpart) => Some(Some(&blocks[1 - side][counterpart])),
                    Counterpart::Missing => Some(None),
                    Counterpart::Unknown | Counterpart::Unjudged => None,
                };
                facts.pairs[pair][side].add(block, counterpart);
                if diff.classes[pair] == Some(Class::Capacity) {
                    let sizes = facts.sizes.entry(pair).or_default();
                    *sizes.entry(block.size).or_default() += if side == 0 { -1 } else { 1 };
                }
            }
        }
        facts
    }

    /// By how much a figure of a pair differs from side to side, and how much of that is so by the counterparts of the
    /// blocks of both.
    pub(super) fn difference(&self, pair: usize, of: fn(&Side) -> &Figure) -> (i64, i64) {
        let [base, new] = &self.pairs[pair];
        let (base, new) = (of(base), of(new));
        let claimed = new.all as i64 - base.all as i64;
        let so = [base.change(true), new.change(false)].map(|change| change * claimed.signum());
        (claimed, so[0].min(so[1]).clamp(0, claimed.abs()) * claimed.signum())
    }
}

impl Side {
    /// Adds a block with its counterpart: none where it's unknown, and none of none where it's missing.
    fn add(&mut self, block: &Known, counterpart: Option<Option<&Known>>) {
        let asked = u64::from(!block.is_reallocated);
        self.blocks += 1;
        self.asked += asked;
        match counterpart {
            None => self.unknown += 1,
            Some(None) => {
                self.missing += 1;
                self.asked_missing += asked;
            }
            Some(Some(other)) => {
                self.resized += u64::from(other.size != block.size);
                if let (Some(here), Some(there)) = (block.life.died, other.life.died) {
                    let lifetimes = [here - block.life.born, there - other.life.born];
                    for (sum, lifetime) in self.lifetimes.iter_mut().zip(lifetimes) {
                        *sum += (lifetime.max(1) as f64).log2();
                    }
                    self.ended += 1;
                }
            }
        }
        let of = |figure: fn(&Known) -> u64| {
            (figure(block), counterpart.map(|counterpart| counterpart.map_or(0, figure)))
        };
        type Of = fn(&Known) -> u64;
        let figures: [(&mut Figure, Of); 5] = [
            (&mut self.peak, |block| block.life.at_peak.into()),
            (&mut self.end, |block| block.life.died.is_none().into()),
            (&mut self.temporary, |block| block.life.temporary.into()),
            (&mut self.peak_bytes, |block| if block.life.at_peak { block.size } else { 0 }),
            (&mut self.end_bytes, |block| if block.life.died.is_none() { block.size } else { 0 }),
        ];
        for (sum, figure) in figures {
            let (block, counterpart) = of(figure);
            sum.add(block, counterpart);
        }
    }
}

/// Judges every claim. Those that are false to some extent come with their pairs, in how many blocks they are, and as
/// text.
pub(super) fn judge(diff: &Diff, facts: &Facts) -> (Claims, Vec<(usize, u64, String)>) {
    let mut claims = Claims::default();
    let mut wrong = Vec::new();
    for (index, class) in diff.classes.iter().enumerate() {
        let Some(class) = *class else { continue };
        let count = match class {
            Class::Capacity => sizes(facts, index),
            Class::Lifetime => lives(facts, index),
            // All others are about how many blocks there are.
            _ => blocks(&diff.pairs[index], &facts.pairs[index]),
        };
        claims.add(&Claims(BTreeMap::from([(class, count)])));
        if count.is_false() > 0 {
            let Count { claimed, so, unknown } = count;
            let text = format!("{}: of {claimed} blocks {so} are and {unknown} may be", class.word());
            wrong.push((index, count.is_false(), text));
        }
    }
    (claims, wrong)
}

/// One side is said to have blocks, or more of them than the other. Reallocations are sizes where both have blocks.
fn blocks(pair: &Pair, [base, new]: &[Side; 2]) -> Count {
    let is_in_both = sites_of(&pair.base).next().is_some() && sites_of(&pair.new).next().is_some();
    let of = |side: &Side| if is_in_both { side.asked } else { side.blocks };
    let (more, less) = if of(base) > of(new) { (base, new) } else { (new, base) };
    let missing = if is_in_both { more.asked_missing } else { more.missing };
    Count::of(of(more) - of(less), missing, more.unknown)
}

/// Blocks are said to have other sizes: those which are left over where each is held against one of the same size.
fn sizes(facts: &Facts, pair: usize) -> Count {
    let differences = facts.sizes.get(&pair).into_iter().flat_map(HashMap::values);
    let (more, less) = differences.fold((0, 0), |(more, less), difference| {
        (more + (*difference).max(0) as u64, less + (-*difference).max(0) as u64)
    });
    let [base, new] = &facts.pairs[pair];
    let so = base.resized.min(new.resized) + base.missing.max(new.missing);
    Count::of(more.max(less), so, base.unknown.max(new.unknown))
}

/// Blocks are said to live at other times: by whatever figure differs most.
fn lives(facts: &Facts, pair: usize) -> Count {
    let [base, new] = &facts.pairs[pair];
    let unknown = base.unknown.max(new.unknown);
    let counts: [fn(&Side) -> &Figure; 3] = [|side| &side.peak, |side| &side.end, |side| &side.temporary];
    let differences = counts.map(|of| facts.difference(pair, of));
    let (claimed, so) = differences.into_iter().max_by_key(|(claimed, _)| claimed.abs()).unwrap_or_default();
    if claimed != 0 {
        return Count::of(claimed.unsigned_abs(), so.unsigned_abs(), unknown);
    }
    let all = base.blocks.max(new.blocks);
    let bytes: [fn(&Side) -> &Figure; 2] = [|side| &side.peak_bytes, |side| &side.end_bytes];
    let differences = bytes.map(|of| facts.difference(pair, of));
    let (claimed, so) = differences.into_iter().max_by_key(|(claimed, _)| claimed.abs()).unwrap_or_default();
    if claimed != 0 {
        return Count::of(all, if so.abs() * 2 >= claimed.abs() { all } else { 0 }, unknown);
    }
    // As many live at each time, so it's how long they do.
    let mean = |side: &Side, there: usize| side.lifetimes[there] / side.ended.max(1) as f64;
    let claimed = mean(new, 0) - mean(base, 0);
    let so = [mean(base, 1) - mean(base, 0), mean(new, 0) - mean(new, 1)];
    let is_so = so.iter().all(|change| (change - claimed).abs() <= SAME_LIFETIME);
    Count::of(all, if is_so { all } else { 0 }, unknown)
}

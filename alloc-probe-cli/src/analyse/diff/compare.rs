//! The comparison itself: what belongs together, and all that is concluded from it.

use super::account::Account;
use super::chance::{Chance, Spread};
use super::class::Class;
use super::coverage::Coverage;
use super::findings::finding::Finding;
use super::findings::findings;
use super::findings::runs::Runs;
use super::key::{Functions, TypesTold};
use super::lines::Lines;
use super::pair::{Pair, Sites};
use super::work::Unit;
use super::{caveats, chain, class, lost, matching, work};
use crate::analyse::signed::signed;
use crate::join::join;
use crate::profile::Profile;
use crate::units;
use alloc_probe_format::dump::Image;
use alloc_probe_format::metric::Metric;
use std::cmp::{Ordering, Reverse};
use std::path::PathBuf;

/// What changed from one profile to another.
#[derive(Debug)]
pub struct Diff {
    /// Every site of both, matched or not: each side adds up to the sites of its profile.
    pub pairs: Vec<Pair>,
    /// How much was matched.
    pub matched: Coverage,
    /// What stands in the way of matching more, in sentences; what is not said is not known to be wrong.
    pub caveats: Vec<String>,
    /// How many times the base's work the new run seems to have done, where that is not once.
    pub work: Option<f64>,
    /// The units of work that both marked, the most often passed first.
    pub units: Vec<Unit>,
    /// What the resident memory of both consists of; none where one of the dumps does not know it.
    pub account: Option<Account>,
    /// Why their memory differs, the largest cause first.
    pub findings: Vec<Finding>,
    /// What became of the blocks of each pair, by its place in `pairs`; none where nothing did, or can be told.
    pub classes: Vec<Option<Class>>,
    /// How much more the new build is optimised than the base: greater where it is, equal where nothing can be told.
    pub optimisation: Ordering,
    /// Whether both are runs of one binary.
    pub is_one_binary: bool,
    /// How much later in one run the new dump was taken, or, below 0, earlier; none of two runs.
    pub later_ns: Option<i64>,
    pub(super) functions: Functions,
    /// What of the differences chance explains.
    pub(super) chance: Chance,
}

impl Diff {
    /// What two runs of one binary, or two dumps of one run, have in common, in a sentence; none of two binaries.
    pub fn sameness(&self) -> Option<String> {
        match self.later_ns {
            Some(later @ 1..) => {
                return Some(format!(
                    "Both dumps are of one run: the new one was taken {} later.",
                    apart(later)
                ));
            }
            Some(later @ ..0) => {
                return Some(format!(
                    "Both dumps are of one run: the new one was taken {} earlier.",
                    apart(later)
                ));
            }
            Some(0) | None => {}
        }
        let is_same = |pair: &Pair| {
            [Metric::TotalBlocks, Metric::TotalBytes].iter().all(|metric| pair.distance(*metric) == 0)
        };
        match self.is_one_binary {
            // Counts know no sites.
            true if !self.has_estimates() && !self.pairs.is_empty() && self.pairs.iter().all(is_same) => {
                Some("Both are runs of one binary, and allocated the same at every site.".to_owned())
            }
            true => Some("Both are runs of one binary.".to_owned()),
            false => None,
        }
    }

    /// Whether the sides of a pair are known to differ by a figure: by more than chance explains, where it is an estimate.
    pub fn is_told(&self, index: usize, metric: Metric) -> bool {
        let pair = &self.pairs[index];
        pair.distance(metric) > 0 && !self.chance.explains(index, pair, metric)
    }

    /// The standard error of the difference between the sides of a pair; none where both were counted.
    pub fn error(&self, index: usize, metric: Metric) -> Option<f64> {
        self.chance.spread(index, &self.pairs[index], metric).map(|spread| spread.error())
    }

    /// The same of the difference between sums over some pairs, such as those of a class.
    pub fn error_of(&self, pairs: impl IntoIterator<Item = usize>, metric: Metric) -> Option<f64> {
        let mut sum = Spread::default();
        let spread = |index: usize| self.chance.spread(index, &self.pairs[index], metric);
        pairs.into_iter().filter_map(spread).for_each(|spread| sum.add(spread));
        self.has_estimates().then(|| sum.error())
    }

    /// Whether any figures of sites are estimates.
    pub fn has_estimates(&self) -> bool {
        self.chance.is_any()
    }

    /// The pairs by their places in `pairs`, those first whose sides are furthest apart, and those last which chance
    /// explains; of a class, if one is given.
    pub fn by_distance(&self, metric: Metric, only: Option<Class>) -> Vec<usize> {
        let wanted = |index: &usize| only.is_none() || self.classes[*index] == only;
        let mut pairs: Vec<usize> = (0..self.pairs.len()).filter(wanted).collect();
        pairs.sort_by_key(|index| {
            let of = |metric| self.pairs[*index].distance(metric);
            // All sites of a class are listed, also those that do not differ by this metric.
            let in_all = only.map(|_| (of(Metric::TotalBytes), of(Metric::TotalBlocks)));
            Reverse((self.is_told(*index, metric), of(metric), in_all))
        });
        pairs
    }

    /// The unit of work to show figures by: that of a name, or else the most often passed one, if it was passed more than
    /// once.
    pub fn unit(&self, name: Option<&str>) -> Option<&Unit> {
        match name {
            Some(name) => self.units.iter().find(|unit| unit.name == name),
            None => self.units.first().filter(|unit| unit.base.max(unit.new) > 1),
        }
    }

    /// The classes that occur, with the figures of their pairs.
    pub fn sums(&self) -> Vec<class::Sum> {
        class::sums(&self.pairs, &self.classes)
    }
}

fn apart(later_ns: i64) -> String {
    units::duration(later_ns.unsigned_abs())
}

/// Compares two profiles.
pub fn diff(base: &Profile, new: &Profile) -> Diff {
    let order = class::optimisation(&base.dump.build, &new.dump.build);
    let is_one_binary = is_one_binary(base, new);
    let is_optimised = [base, new].map(|profile| profile.dump.build.opt_level != "0");
    // An unoptimised build loses nothing, and what a binary has lost is lost in both of its runs.
    let may_lose = is_optimised.map(|is_optimised| is_optimised && !is_one_binary);
    let told = match is_optimised {
        [false, false] => TypesTold::ByEach,
        [true, true] => TypesTold::InPart,
        _ if order == Ordering::Equal => TypesTold::InPart,
        _ => TypesTold::ByEither,
    };
    let functions = Functions::of([base, new], told);
    let lines = match is_one_binary {
        true => Lines::of_one_binary(&functions),
        false => Lines::of(&functions, order != Ordering::Equal),
    };
    let [base_lost, new_lost] = lost::lost([base, new], &functions, &lines, may_lose);
    let (base_grouped, new_grouped) = join(
        || chain::group(base, &functions.base, &functions, &base_lost),
        || chain::group(new, &functions.new, &functions, &new_lost),
    );
    let build = |grouped, profile, may_lose| matching::Build { grouped, profile, may_lose };
    let matching::Matching { matched, callers } = matching::match_groups(
        build(&base_grouped, base, may_lose[0]),
        build(&new_grouped, new, may_lose[1]),
        matching::Code { order, is_one_binary },
        &functions,
        &lines,
    );
    let pairs: Vec<Pair> = matched
        .iter()
        .map(|matched| Pair {
            kind: matched.kind,
            base: sites(&matched.base, &base_grouped.groups),
            new: sites(&matched.new, &new_grouped.groups),
        })
        .collect();
    let of_pairs: Vec<u32> = matched.iter().map(|matched| matched.place).collect();
    let is_same_code = order != Ordering::Equal;
    let places = class::Places { of_pairs: &of_pairs, callers: &callers, is_same_code, is_one_binary };
    let matched = Coverage::of(&pairs);
    let chance = Chance::of(base, new, &pairs);
    let runs = Runs { base, new, pairs: &pairs, functions: &functions };
    let (mut classes, findings) = join(
        || class::classes(base, new, &functions, &pairs, &places, &matched),
        || chance.without(&pairs, |pairs| findings(&Runs { pairs, ..runs })),
    );
    chance.unsay(&pairs, &mut classes);
    // Of sites that allocated nothing while it was recorded, nothing became.
    for (pair, class) in pairs.iter().zip(&mut classes) {
        class.take_if(|_| pair.of(Metric::TotalBlocks) == (0, 0) && pair.of(Metric::TotalBytes) == (0, 0));
    }
    Diff {
        classes,
        optimisation: order,
        is_one_binary,
        later_ns: runs.is_one().then(|| {
            let ns = |profile: &Profile| signed(profile.dump.process.duration_ns);
            ns(new) - ns(base)
        }),
        findings,
        caveats: caveats::caveats(base, new, &matched),
        // Whatever went on has allocated more.
        work: if runs.is_one() { None } else { work::factor(&pairs) },
        units: work::units(&base.dump, &new.dump),
        account: Account::of(&base.dump, &new.dump),
        matched,
        pairs,
        functions,
        chance,
    }
}

/// Whether both are runs of one binary, so that its code is at the same positions, under the same names and with the same
/// callers. Other tools cut stacks and name frames in other ways, and so do symbols that only one of them has.
fn is_one_binary(base: &Profile, new: &Profile) -> bool {
    let binary = |profile: &Profile| {
        let Image { build_id, text_hash, .. } = profile.dump.images.first()?.clone();
        (build_id.len() + text_hash.len() > 0).then_some((build_id, text_hash))
    };
    let nameless = |profile: &Profile| -> Vec<PathBuf> {
        profile.missing_symbols.iter().map(|missing| missing.image.clone()).collect()
    };
    base.dump.recorded_by == new.dump.recorded_by
        && binary(base).is_some()
        && binary(base) == binary(new)
        && nameless(base) == nameless(new)
}

/// The sites of some groups; none of no group.
fn sites(members: &[u32], groups: &[chain::Group]) -> Option<Sites> {
    let (first, rest) = members.split_first()?;
    let first = &groups[*first as usize];
    let mut sites = Sites { sites: first.sites.clone(), figures: first.figures, turns: first.turns };
    for group in rest.iter().map(|group| &groups[*group as usize]) {
        sites.sites.extend(&group.sites);
        sites.figures.add(&group.figures);
        sites.turns.extend(group.turns);
    }
    Some(sites)
}

//! More work because the other run ended early: a function that panicked in one run only, and what the other allocated
//! where that one had stopped.

use super::finding::{Finding, Kind};
use super::measure::Measure;
use super::panics::{NOTHING_TO_UNWRAP, Panic, Panics};
use super::runs::Runs;
use crate::analyse::diff::key::{FunctionId, Key};
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::evidence::place;
use crate::analyse::fold;
use crate::profile::Profile;
use crate::units;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// Of so many functions that panicked in one run only, it is seen what the other run went on with.
const LOOKED_AT: usize = 8;
/// So many of the others are named.
const NAMED: usize = 3;

/// One of the runs, with the side of pairs that is its own.
#[derive(Clone, Copy)]
struct Side<'a> {
    profile: &'a Profile,
    sites: fn(&Pair) -> Option<&Sites>,
    keys: &'a [Key],
    panics: &'a Panics,
    name: &'static str,
}

impl Side<'_> {
    /// The function that panicked.
    fn function(&self, panic: &Panic) -> FunctionId {
        self.keys[panic.stack[0].0 as usize].function
    }

    /// It with its file and line.
    fn place(&self, panic: &Panic) -> String {
        place::of_frame(fold::frame(self.profile, panic.stack[0]))
    }
}

/// What one run did more of, as the other had panicked.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let panics = [Panics::of(runs.base), Panics::of(runs.new)];
    let base = Side {
        profile: runs.base,
        sites: |pair| pair.base.as_ref(),
        keys: &runs.functions.base,
        panics: &panics[0],
        name: "base",
    };
    let new = Side {
        profile: runs.new,
        sites: |pair| pair.new.as_ref(),
        keys: &runs.functions.new,
        panics: &panics[1],
        name: "new run",
    };
    [(base, new, 1), (new, base, -1)]
        .into_iter()
        .filter_map(|(stopped, other, sign)| one_way(runs, stopped, other, sign))
        .collect()
}

/// The panic that explains most of what the other run did more, if there is one. A panic often leads to another, where
/// someone unwraps what it left behind: that is not the one that is meant.
fn one_way(runs: &Runs<'_>, stopped: Side<'_>, other: Side<'_>, sign: i64) -> Option<Finding> {
    let theirs: HashSet<FunctionId> = other.panics.found.iter().map(|panic| other.function(panic)).collect();
    let only_here: Vec<&Panic> =
        stopped.panics.found.iter().filter(|panic| !theirs.contains(&stopped.function(panic))).collect();
    let explained = only_here.iter().take(LOOKED_AT).filter_map(|panic| {
        let (caller, pairs) = went_on(runs, panic, stopped, other)?;
        let measure = Measure::of(runs, &pairs);
        (measure.bytes() * sign >= runs.notable_bytes()).then_some((*panic, caller, measure))
    });
    let (panic, caller, measure) = explained.min_by_key(|(panic, _, measure)| {
        (panic.what == NOTHING_TO_UNWRAP, Reverse(measure.bytes() * sign))
    })?;
    let mut finding = finding(runs, panic, caller, measure, stopped, other);
    let others = only_here.iter().filter(|other| other.stack != panic.stack);
    let others: Vec<String> = others.take(NAMED).map(|panic| stopped.place(panic)).collect();
    if !others.is_empty() {
        finding.evidence.push(format!(
            "in the {} only, {} panicked as well",
            stopped.name,
            others.join(", ")
        ));
    }
    Some(finding)
}

fn finding(
    runs: &Runs<'_>,
    panic: &Panic,
    caller: usize,
    measure: Measure,
    stopped: Side<'_>,
    other: Side<'_>,
) -> Finding {
    let bytes = measure.bytes();
    let panicked = stopped.place(panic);
    let blocks = |side: Side<'_>| {
        let sites = measure.parts.iter().filter_map(|(pair, _)| (side.sites)(&runs.pairs[*pair]));
        units::count(sites.map(|sites| sites.figures.total_blocks).sum())
    };
    let mut evidence = vec![
        format!(
            "in the {}, {panicked} panicked ({}), {} at least; in the {} it did not",
            stopped.name,
            panic.what,
            units::plural(panic.count, "time"),
            other.name
        ),
        format!(
            "the {} went on: below {}, it allocated {} blocks, the {} {}",
            other.name,
            place::of_frame(fold::frame(stopped.profile, panic.stack[caller])),
            blocks(other),
            stopped.name,
            blocks(stopped)
        ),
    ];
    let is_overflow = panic.what.ends_with("overflow");
    let checked = |side: Side<'_>| side.profile.dump.build.debug_assertions;
    if is_overflow && checked(stopped) && !checked(other) {
        evidence.push(format!(
            "the {} was built with debug assertions, and so with checks for overflow; the {} was not",
            stopped.name, other.name
        ));
    }
    Finding {
        kind: Kind::MoreWork,
        sentence: format!(
            "{panicked} panicked in the {} only ({}): the {} went on and had {} more {}.",
            stopped.name,
            panic.what,
            other.name,
            units::bytes(bytes.unsigned_abs()),
            measure.when
        ),
        bytes,
        in_both: false,
        evidence,
        sites: measure.parts,
        advice: if is_overflow {
            "Decide what an overflow there means: `checked_`, `saturating_` and `wrapping_` arithmetic do the same \
             in every build."
        } else {
            "Find out why it panics in one run only, before anything else is compared."
        }
        .to_owned(),
    }
}

/// The innermost function on the way to the panic below which the other run allocated most of what it allocated more,
/// by its place in the panic's stack; and the pairs below it that have more blocks in the other run.
fn went_on(
    runs: &Runs<'_>,
    panic: &Panic,
    stopped: Side<'_>,
    other: Side<'_>,
) -> Option<(usize, Vec<usize>)> {
    let mut places: HashMap<_, usize> = HashMap::new();
    for (place, frame) in panic.stack.iter().enumerate() {
        places.entry(stopped.keys[frame.0 as usize].function).or_insert(place);
    }
    // For each pair that has more blocks in the other run: the first place that it is below.
    let mut more: Vec<(usize, usize, u64)> = Vec::new();
    for (index, pair) in runs.pairs.iter().enumerate() {
        let Some(theirs) = (other.sites)(pair) else { continue };
        let mine = (stopped.sites)(pair).map_or(0, |sites| sites.figures.total_blocks);
        let sites = theirs.sites.iter().filter_map(|site| other.profile.sites.get(*site as usize));
        let place = sites
            .filter(|site| !other.panics.have(site))
            .flat_map(|site| other.profile.frames_of(site))
            .filter_map(|frame| places.get(&other.keys[frame.0 as usize].function))
            .min();
        if let (Some(place), true) = (place, theirs.figures.total_blocks > mine) {
            let mine_bytes = (stopped.sites)(pair).map_or(0, |sites| sites.figures.total_bytes);
            more.push((*place, index, theirs.figures.total_bytes.saturating_sub(mine_bytes)));
        }
    }
    more.sort_unstable();
    let whole: u64 = more.iter().map(|(.., bytes)| bytes).sum();
    let mut below = 0;
    let (caller, ..) = *more.iter().find(|(.., bytes)| {
        below += bytes;
        below * 2 >= whole
    })?;
    let pairs = more.iter().filter(|(place, ..)| *place <= caller).map(|(_, pair, _)| *pair).collect();
    (whole > 0).then_some((caller, pairs))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, profile, run, stack};
    use super::*;
    use crate::profile::Site;
    use alloc_probe_format::dump::Figures;

    const PANIC: &str = "alloc::boxed::Box::new < std::panicking::panic_with_hook < core::panicking::panic_fmt < \
                         core::panicking::panic_const::panic_const_mul_overflow < app::hash:9 < app::load:5 < app::main:3";

    fn site(total_blocks: u64, peak_bytes: u64) -> Site {
        let figures = Figures { total_blocks, total_bytes: peak_bytes, peak_bytes, ..Figures::default() };
        Site { figures, ..Site::default() }
    }

    fn load(debug: bool, panics: u64, rows: u64) -> Profile {
        let mut profile = profile(
            run(10),
            vec![
                (PANIC, site(panics, panics * 100)),
                ("app::row:20 < app::load:6 < app::main:3", site(rows, rows << 20)),
                ("app::start:8 < app::main:2", site(5, 5 << 20)),
            ],
        );
        profile.dump.build.debug_assertions = debug;
        profile
    }

    #[test]
    fn a_loop_that_a_check_ended_is_told() {
        let findings = found(find, &load(true, 1, 3), &load(false, 0, 64));
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.bytes), (Kind::MoreWork, 61 << 20));
        assert_eq!(finding.sites, [(1, 61 << 20)]);
        assert_eq!(
            finding.sentence,
            "`app::hash` (src/main.rs:9) panicked in the base only (mul overflow): the new run went on and had \
             61.0 MiB more at the peak."
        );
        assert_eq!(
            finding.evidence,
            [
                "in the base, `app::hash` (src/main.rs:9) panicked (mul overflow), 1 time at least; in the new run it \
                 did not",
                "the new run went on: below `app::load` (src/main.rs:5), it allocated 64 blocks, the base 3",
                "the base was built with debug assertions, and so with checks for overflow; the new run was not",
            ]
        );
        let findings = found(find, &load(false, 0, 64), &load(true, 1, 3));
        assert_eq!(findings[0].bytes, -(61 << 20));
    }

    #[test]
    fn the_first_of_several_panics_is_meant() {
        let mut base = load(true, 1, 3);
        let unwrap = "alloc::boxed::Box::new < std::panicking::panic_with_hook < core::result::unwrap_failed < app::main:3";
        for (text, of_panic) in [("app::other:9", site(0, 0)), (unwrap, site(1, 1))] {
            let stack = stack(&mut base, text);
            base.sites.push(Site { stack, ..of_panic });
        }
        let findings = found(find, &base, &load(false, 0, 64));
        assert!(findings[0].sentence.starts_with("`app::hash`"), "{findings:?}");
        assert_eq!(findings[0].evidence[3], "in the base only, `app::main` (src/main.rs:3) panicked as well");
    }

    #[test]
    fn a_panic_in_both_runs_or_in_none_explains_nothing() {
        assert!(found(find, &load(true, 1, 3), &load(false, 1, 64)).is_empty());
        assert!(found(find, &load(true, 0, 3), &load(false, 0, 64)).is_empty());
        assert!(found(find, &load(true, 1, 64), &load(false, 0, 64)).is_empty(), "nobody went on");
    }
}

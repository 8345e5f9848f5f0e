//! Stack growth: threads whose stacks are deeper in one run.
//!
//! An optimised build has fewer frames, but larger ones: what is inlined into a function that recurses takes its room in
//! each of its frames. The deepest stack that was seen at an allocation says which it is: more calls, or more for each.

use super::finding::{Finding, Kind};
use super::pools::{Pool, pools};
use super::runs::Runs;
use crate::analyse::diff::key::{FunctionId, Key};
use crate::analyse::diff::pair::Pair;
use crate::analyse::evidence::place;
use crate::analyse::evidence::pools::Rows;
use crate::analyse::fold;
use crate::analyse::signed::signed;
use crate::profile::{Deepest, FrameId, Profile, Role};
use crate::source::names;
use crate::units;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// So many calls more or fewer are the same.
const SAME_CALLS: f64 = 1.2;
/// The deepest stack at an allocation tells of the deepest there was if it is at least this share of it. What the run
/// with less of it has beyond, returned without an allocation.
const SIGNIFICANT: f64 = 0.5;
/// So many pools of threads, and functions, are described.
const DESCRIBED: usize = 5;

/// How much deeper a pool's stacks are in the new run, all its threads taken together.
fn deeper(pool: &Pool<'_>) -> i64 {
    let rows = pool.base.0.len().max(pool.new.0.len());
    let stacks = (0..rows).filter_map(|nth| pool.base.stack_bytes(nth).zip(pool.new.stack_bytes(nth)));
    stacks.map(|(base, new)| signed(new) - signed(base)).sum()
}

/// Where stacks are deeper in the new run, and where they are less deep.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let pools = pools(&runs.base.dump, &runs.new.dump);
    let mut differ: Vec<(&Pool<'_>, i64)> = pools.iter().map(|pool| (pool, deeper(pool))).collect();
    differ.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.unsigned_abs()));
    let finding = |sign: i64| {
        let pools: Vec<_> = differ.iter().copied().filter(|(_, bytes)| bytes.signum() == sign).collect();
        let bytes = pools.iter().map(|(_, bytes)| bytes).sum::<i64>();
        (bytes.abs() >= runs.notable_bytes()).then(|| finding(runs, &pools, bytes))
    };
    [1, -1].into_iter().filter_map(finding).collect()
}

fn finding(runs: &Runs<'_>, pools: &[(&Pool<'_>, i64)], bytes: i64) -> Finding {
    let (largest, _) = pools[0];
    let mut evidence: Vec<String> = pools.iter().take(DESCRIBED).map(|(pool, _)| describe(pool)).collect();
    let depths = Depth::of(runs.base, &largest.base)
        .zip(Depth::of(runs.new, &largest.new))
        .filter(|(base, new)| if bytes > 0 { new.is_telling() } else { base.is_telling() });
    let reason = depths
        .as_ref()
        .filter(|(base, new)| are_of_one_code(runs, base, new))
        .and_then(|(base, new)| Reason::of(base, new));
    if let Some((base, new)) = &depths {
        evidence.push(format!(
            "at the deepest allocation of {}: {}; in the base {}",
            largest.name,
            new.describe(runs.new),
            base.describe(runs.base)
        ));
        if reason == Some(Reason::LargerFrames) {
            evidence.extend(merged(runs, if bytes > 0 { new } else { base }, bytes > 0));
        }
    }
    let because = match reason {
        Some(Reason::LargerFrames) => ", as its calls take more of the stack each",
        Some(Reason::MoreCalls) => ", as its calls go deeper",
        None => "",
    };
    let (run, reverse) = if bytes > 0 { ("new run", "base") } else { ("base", "new run") };
    let site = depths.as_ref().and_then(|(base, new)| {
        let (depth, profile) = if bytes > 0 { (new, runs.new) } else { (base, runs.base) };
        let deepest = || depth.deepest.frames.iter().copied();
        let site = profile.sites.iter().position(|site| profile.frames_of(site).eq(deepest()))? as u32;
        let side = |pair: &Pair| {
            let sites = if bytes > 0 { pair.new.as_ref() } else { pair.base.as_ref() };
            sites.is_some_and(|sites| sites.sites.contains(&site))
        };
        runs.pairs.iter().position(side)
    });
    Finding {
        kind: Kind::StackGrowth,
        sentence: format!(
            "Stacks are {} deeper in the {run} than in the {reverse}, most of it of {}{because}.",
            units::bytes(bytes.unsigned_abs()),
            largest.name
        ),
        bytes,
        in_both: false,
        evidence,
        // Of the thread that this is the stack of, and not of the others.
        sites: site.zip(depths).map(|(pair, depths)| (pair, of_deepest(&depths))).into_iter().collect(),
        advice: match reason {
            Some(Reason::MoreCalls) => {
                "See why the recursion goes deeper; a loop with a stack of its own in the heap takes far less."
            }
            _ => {
                "Keep large locals out of functions that recurse: put them in the heap, or in a function of their own \
                 that is marked `#[inline(never)]`."
            }
        }
        .to_owned(),
    }
}

/// How much deeper the stack of the thread is that a finding describes.
fn of_deepest((base, new): &(Depth<'_>, Depth<'_>)) -> i64 {
    signed(new.touched) - signed(base.touched)
}

fn describe(pool: &Pool<'_>) -> String {
    let deepest = |rows: &Rows<'_>| units::bytes(rows.stack_bytes(0).unwrap_or(0));
    let count = match pool.new.ever() {
        1 => String::new(),
        threads => format!(" ({} threads)", units::count(threads)),
    };
    format!(
        "{}{count}: {} of stack were touched, {} in the base",
        pool.name,
        deepest(&pool.new),
        deepest(&pool.base)
    )
}

/// The deepest stack of a pool's deepest thread.
#[derive(Clone, Copy, Debug)]
struct Depth<'a> {
    /// The bytes of stack at the deepest allocation.
    bytes: u64,
    /// The most bytes that were ever touched.
    touched: u64,
    deepest: &'a Deepest,
}

impl<'a> Depth<'a> {
    /// None where it is not known.
    fn of(profile: &'a Profile, rows: &Rows<'_>) -> Option<Depth<'a>> {
        let (row, thread) = *rows.0.first()?;
        let deepest = profile.deepest.get(row).filter(|deepest| !deepest.frames.is_empty())?;
        Some(Depth { bytes: thread.deepest_bytes, touched: thread.stack_bytes, deepest })
    }

    fn is_telling(&self) -> bool {
        self.bytes as f64 >= self.touched as f64 * SIGNIFICANT
    }

    fn calls(&self) -> u64 {
        self.deepest.frames.len() as u64
    }

    fn describe(&self, profile: &Profile) -> String {
        let calls = self.calls();
        let inlined = |id: &&FrameId| fold::frame(profile, **id).inlined;
        let frames = calls - self.deepest.frames.iter().filter(inlined).count() as u64;
        let bytes = units::bytes(self.bytes);
        if self.deepest.truncated {
            return format!("{bytes} in more than {}", units::plural(calls, "call"));
        }
        let each = units::bytes(self.bytes / calls.max(1));
        format!(
            "{bytes} in {} and {}, {each} for each call",
            units::plural(calls, "call"),
            units::plural(frames, "frame")
        )
    }
}

/// Whether two stacks are of the same code: half of the functions on that which has fewer are on the other. Of other code, what
/// was live there says nothing of why one is deeper.
fn are_of_one_code(runs: &Runs<'_>, base: &Depth<'_>, new: &Depth<'_>) -> bool {
    let functions = |depth: &Depth<'_>, keys: &[Key]| -> BTreeSet<u32> {
        depth.deepest.frames.iter().map(|frame| keys[frame.0 as usize].function.0).collect()
    };
    let (base, new) = (functions(base, &runs.functions.base), functions(new, &runs.functions.new));
    base.intersection(&new).count() * 2 >= base.len().min(new.len())
}

/// Why one stack is deeper than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// About as many calls took more.
    LargerFrames,
    /// There were more calls.
    MoreCalls,
}

impl Reason {
    /// None where the stacks do not tell, as they were cut.
    fn of(base: &Depth<'_>, new: &Depth<'_>) -> Option<Reason> {
        if base.deepest.truncated && new.deepest.truncated {
            return None;
        }
        let (deeper, other) = if new.bytes > base.bytes { (new, base) } else { (base, new) };
        let ratio = deeper.calls() as f64 / other.calls() as f64;
        if deeper.deepest.truncated || ratio > SAME_CALLS {
            return Some(Reason::MoreCalls);
        }
        (!other.deepest.truncated).then_some(Reason::LargerFrames)
    }
}

/// The functions that are most often on the deepest stack, and which others share their frames in that run and not in
/// the other. Not only those of that stack: what returned before took its room there all the same.
fn merged(runs: &Runs<'_>, depth: &Depth<'_>, in_new: bool) -> Vec<String> {
    let sides = [(runs.new, &runs.functions.new), (runs.base, &runs.functions.base)];
    let [(profile, keys), (other, other_keys)] = if in_new { sides } else { [sides[1], sides[0]] };
    let holders = most_frequent(profile, keys, depth);
    if holders.is_empty() {
        return Vec::new();
    }
    let often: Vec<String> = (holders.iter())
        .map(|(_, (frame, times))| {
            let name = place::of_frame(fold::frame(profile, *frame));
            format!("{name} {}", units::plural(*times, "time"))
        })
        .collect();
    let inlined = inlined_into(profile, keys, &holders);
    let elsewhere = inlined_into(other, other_keys, &holders);
    let mut names: Vec<&String> =
        inlined.iter().filter(|(place, _)| !elsewhere.contains_key(place)).map(|(_, name)| name).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(DESCRIBED);
    let mut sentences = vec![format!("on that stack are {}", often.join(", "))];
    if !names.is_empty() {
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        let run = if in_new { "new run" } else { "base" };
        sentences.push(format!("inlined into these in the {run} only: {}", names.join(", ")));
    }
    sentences
}

/// Functions with one of their frames, and how many they have.
type Frequent = BTreeMap<FunctionId, (FrameId, u64)>;

/// The functions of the program that have the most frames of their own on the stack: those with at least half as many
/// as the first, and more than one.
fn most_frequent(profile: &Profile, keys: &[Key], depth: &Depth<'_>) -> Frequent {
    let mut times = Frequent::new();
    for id in &depth.deepest.frames {
        let (frame, key) = (fold::frame(profile, *id), keys[id.0 as usize]);
        if !frame.inlined && key.role == Role::Program {
            times.entry(key.function).or_insert((*id, 0)).1 += 1;
        }
    }
    let most = times.values().map(|(_, times)| *times).max().unwrap_or(0);
    times.retain(|_, (_, times)| *times > 1 && *times * 2 >= most);
    while times.len() > DESCRIBED {
        times.pop_last();
    }
    times
}

/// The program's functions that are inlined into the frames of others, with their names: on any stack of the profile.
fn inlined_into(
    profile: &Profile,
    keys: &[Key],
    holders: &Frequent,
) -> HashMap<(FunctionId, FunctionId), String> {
    let mut inlined = HashMap::new();
    let stacks = profile.sites.iter().map(|site| profile.frames_of(site).collect());
    for stack in stacks.chain(profile.deepest.iter().map(|deepest| deepest.frames.clone())) {
        let stack: Vec<FrameId> = stack;
        let mut start = 0;
        for (place, id) in stack.iter().enumerate() {
            if fold::frame(profile, *id).inlined {
                continue;
            }
            let holder = keys[id.0 as usize].function;
            if holders.contains_key(&holder) {
                for id in &stack[start..place] {
                    let key = keys[id.0 as usize];
                    if key.role == Role::Program && key.function != holder {
                        inlined
                            .entry((holder, key.function))
                            .or_insert_with(|| names::display_name(&fold::frame(profile, *id).function));
                    }
                }
            }
            start = place + 1;
        }
    }
    inlined
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, profile, run, stack};
    use super::*;
    use crate::profile::Site;
    use alloc_probe_format::dump::{Figures, Thread};

    /// A run with one thread that touched so much of its stack, deepest where the given stack allocated.
    fn deep(bytes: u64, text: &str) -> Profile {
        let figures = Figures { total_blocks: 1, ..Figures::default() };
        let mut profile = profile(run(10), vec![(text, Site { figures, ..Site::default() })]);
        profile.dump.threads = vec![Thread {
            name: "walker".to_owned(),
            tid: Some(5),
            threads: 1,
            stack_bytes: bytes,
            deepest_bytes: bytes,
            ..Thread::default()
        }];
        let frames = profile.frames_of(&profile.sites[0]).collect();
        profile.deepest = vec![Deepest { frames, truncated: false }];
        profile
    }

    /// A recursion of so many calls.
    fn recursion(calls: usize) -> String {
        format!("app::leaf:5 < {}app::main:3", "app::walk:9 < ".repeat(calls))
    }

    #[test]
    fn a_site_has_the_stack_of_its_own_thread() {
        let with_others = |bytes: u64, of_others: u64| {
            let mut profile = deep(bytes, &recursion(62));
            let walker = profile.dump.threads[0].clone();
            profile.dump.threads.push(Thread {
                name: "other".to_owned(),
                tid: Some(6),
                stack_bytes: of_others,
                deepest_bytes: 0,
                ..walker
            });
            profile.deepest.push(Deepest::default());
            profile
        };
        let findings = found(find, &with_others(1 << 20, 1 << 20), &with_others(4 << 20, 2 << 20));
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.bytes, &finding.sites[..]), (4 << 20, &[(0, 3 << 20)][..]));
    }

    #[test]
    fn larger_frames_are_told_from_more_calls() {
        let findings = found(find, &deep(1 << 20, &recursion(62)), &deep(4 << 20, &recursion(62)));
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.bytes), (Kind::StackGrowth, 3 << 20));
        assert_eq!(finding.sites, [(0, 3 << 20)]);
        assert_eq!(
            finding.sentence,
            "Stacks are 3.0 MiB deeper in the new run than in the base, most of it of thread `walker`, as its calls \
             take more of the stack each."
        );
        assert_eq!(
            finding.evidence,
            [
                "thread `walker`: 4.0 MiB of stack were touched, 1.0 MiB in the base",
                "at the deepest allocation of thread `walker`: 4.0 MiB in 64 calls and 64 frames, 64.0 KiB for each \
                 call; in the base 1.0 MiB in 64 calls and 64 frames, 16.0 KiB for each call",
                "on that stack are `app::walk` (src/main.rs:9) 62 times",
            ]
        );
        let findings = found(find, &deep(1 << 20, &recursion(62)), &deep(4 << 20, &recursion(254)));
        assert!(findings[0].sentence.ends_with("as its calls go deeper."), "{findings:?}");
        let findings = found(find, &deep(4 << 20, &recursion(254)), &deep(1 << 20, &recursion(62)));
        assert_eq!(findings[0].bytes, -(3 << 20));
        assert!(findings[0].sentence.starts_with("Stacks are 3.0 MiB deeper in the base"), "{findings:?}");
    }

    #[test]
    fn of_other_code_the_deepest_allocation_tells_no_reason() {
        let job = "app::leaf:5 < app::filter:9 < app::encode:7 < app::main:3";
        let findings = found(find, &deep(4 << 20, job), &deep(1 << 20, "lib::register:5 < lib::start:1"));
        assert!(findings[0].sentence.ends_with("most of it of thread `walker`."), "{findings:?}");
        assert!(findings[0].advice.starts_with("Keep large locals"), "{findings:?}");
    }

    #[test]
    fn what_is_inlined_into_the_recursion_is_named() {
        let mut base = deep(1 << 20, &recursion(62));
        let mut new = deep(4 << 20, &recursion(62));
        // Beside the deepest stack, a helper with a frame of its own in the base, and none in the new run.
        for (profile, text) in [
            (&mut base, "app::fill:7 < app::walk:8 < app::main:3"),
            (&mut new, "app::fill:7^ < app::walk:8 < app::main:3"),
        ] {
            let stack = stack(profile, text);
            profile.sites.push(Site { stack, ..profile.sites[0].clone() });
        }
        let findings = found(find, &base, &new);
        assert_eq!(findings[0].evidence[3], "inlined into these in the new run only: `app::fill`");
    }

    #[test]
    fn stacks_that_do_not_tell_give_no_reason() {
        let mut new = deep(4 << 20, &recursion(62));
        new.dump.threads[0].deepest_bytes = 1 << 20;
        let findings = found(find, &deep(1 << 20, &recursion(62)), &new);
        assert_eq!(findings[0].evidence.len(), 1);
        assert!(findings[0].sentence.ends_with("most of it of thread `walker`."), "{findings:?}");
        let mut new = deep(4 << 20, &recursion(62));
        new.deepest[0].truncated = true;
        let findings = found(find, &deep(1 << 20, &recursion(62)), &new);
        assert!(
            findings[0].evidence[1].contains("4.0 MiB in more than 64 calls; in the base"),
            "{findings:?}"
        );
    }

    #[test]
    fn the_same_depth_is_silent() {
        assert!(found(find, &deep(1 << 20, &recursion(62)), &deep(1 << 20, &recursion(62))).is_empty());
        assert!(
            found(find, &deep(64 << 10, &recursion(9)), &deep(256 << 10, &recursion(9))).is_empty(),
            "too little"
        );
        assert!(found(find, &deep(0, "a"), &deep(4 << 20, "a")).is_empty(), "not known");
    }
}

//! The stacks of all pairs, each under one spelling for both sides.
//!
//! A frame that one build lost stands in the stack all the same: an optimised build never invents a caller, so who called
//! in the base calls in the new one too. Where both have callers of their own at one place, as after a function was
//! renamed, the new one's stand for both.

use super::stack::{Stack, Step};
use crate::analyse::diff::Diff;
use crate::analyse::diff::chance::{Measure, Spread};
use crate::analyse::fold::Detail;
use crate::analyse::folded::plain;
use crate::profile::{Frame, FrameId, Profile};
use crate::source::names;
use alloc_probe_format::metric::Metric;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, HashMap};

/// The stacks of a diff with their figures by one metric.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// The functions' names.
    pub names: Vec<String>,
    /// One stack for each pair that has anything of the metric.
    pub stacks: Vec<MergedStack>,
    /// By what is measured which differences chance explains.
    pub measure: Measure,
}

/// A stack of both builds.
#[derive(Clone, Debug)]
pub struct MergedStack {
    /// The functions, the outermost first: places in [`Merged::names`].
    pub frames: Vec<u32>,
    /// The base's figure.
    pub base: u64,
    /// The new run's.
    pub new: u64,
    /// How far apart chance puts the two, where they are estimates.
    pub spread: Spread,
}

/// The figures of both builds of a stack, or of all that a function called.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sides {
    /// The base's figure.
    pub base: u64,
    /// The new run's.
    pub new: u64,
    /// How far apart chance puts the two, where they are estimates.
    pub spread: Spread,
}

impl Sides {
    /// With those of another stack.
    pub fn add(&mut self, other: Sides) {
        self.base = self.base.saturating_add(other.base);
        self.new = self.new.saturating_add(other.new);
        self.spread.add(other.spread);
    }
}

impl Diff {
    /// The stacks of all pairs: the program's functions and what the innermost called, or all frames.
    pub fn merged(&self, base: &Profile, new: &Profile, metric: Metric, detail: Detail) -> Merged {
        let mut names = Names::default();
        // PERF: a frame is on thousands of stacks.
        let mut of_frames: FxHashMap<*const Frame, u32> = FxHashMap::default();
        let mut stacks = Vec::new();
        for (index, pair) in self.pairs.iter().enumerate() {
            let sides = pair.of(metric);
            if sides == (0, 0) {
                continue;
            }
            let base_site = pair.base.as_ref().and_then(|sites| sites.shown(base, metric));
            let new_site = pair.new.as_ref().and_then(|sites| sites.shown(new, metric));
            let stack = self.stack((base, base_site), (new, new_site), detail);
            let steps = one_spelling(&stack);
            let functions = steps.iter().rev().filter_map(|step| best(step, base, new));
            let numbers = functions.map(|frame| {
                let of_frame = of_frames.entry(std::ptr::from_ref(frame));
                *of_frame.or_insert_with(|| names.literal(&name(&frame.function)))
            });
            let mut frames: Vec<u32> = numbers.collect();
            let is_truncated = |profile: &Profile, site: Option<&crate::profile::Site>| {
                site.is_some_and(|site| profile.is_truncated(site))
            };
            if is_truncated(base, base_site) || is_truncated(new, new_site) {
                frames.insert(0, names.literal("(frames left out)"));
            }
            if frames.is_empty() {
                frames.push(names.literal("(no stack)"));
            }
            let spread = self.chance.spread(index, pair, metric).unwrap_or_default();
            stacks.push(MergedStack { frames, base: sides.0, new: sides.1, spread });
        }
        Merged { names: names.texts, stacks, measure: self.chance.measure() }
    }
}

impl Merged {
    /// The stacks in the folded form that flamegraphs are drawn from, `main;handle;insert`, each with both figures.
    pub fn folded(&self) -> BTreeMap<String, Sides> {
        let names: Vec<String> = self.names.iter().map(|name| plain(name)).collect();
        let mut folded: BTreeMap<String, Sides> = BTreeMap::new();
        for stack in &self.stacks {
            let frames: Vec<&str> = stack.frames.iter().map(|name| names[*name as usize].as_str()).collect();
            let MergedStack { base, new, spread, .. } = *stack;
            folded.entry(frames.join(";")).or_default().add(Sides { base, new, spread });
        }
        folded
    }
}

/// The steps of a stack without those of the base that others stand for in the new build; the allocation first.
fn one_spelling(stack: &Stack) -> Vec<Step> {
    let mut steps: Vec<Step> = stack.called.into_iter().collect();
    let is_shared = |step: &Step| step.base.is_some() && step.new.is_some();
    for run in stack.steps.chunk_by(|one, next| is_shared(one) == is_shared(next)) {
        let replaced = run.iter().any(|step| step.new.is_some());
        steps.extend(run.iter().filter(|step| step.new.is_some() || !replaced));
    }
    steps
}

/// Numbers of names.
#[derive(Default)]
struct Names {
    by_text: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Names {
    fn literal(&mut self, text: &str) -> u32 {
        if let Some(number) = self.by_text.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.by_text.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }
}

/// The frame of a call that names its function best, of those that the two builds have of it: one may lack its type.
/// What other calls are named says nothing, as another type may have a function of this name in the same file.
fn best<'a>(step: &Step, base: &'a Profile, new: &'a Profile) -> Option<&'a Frame> {
    let frame = |profile: &'a Profile, id: Option<FrameId>| profile.frames.get(id?.0 as usize);
    let is_whole = |frame: &&Frame| (!frame.path_guessed, frame.function.contains("::"));
    // The new build's, where both are whole.
    [frame(base, step.base), frame(new, step.new)].into_iter().flatten().max_by_key(is_whole)
}

/// A function's name for people; of one without a symbol the image alone, as its address tells nothing.
fn name(function: &str) -> String {
    match function.strip_prefix("0x").and_then(|text| text.split_once(" in ")) {
        Some((_, image)) => format!("?? in {image}"),
        None => names::display_name(function),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::diff::diff;
    use crate::analyse::diff::tests::profile;

    #[test]
    fn both_builds_are_folded_under_one_spelling() {
        let base = profile(&[
            ("alloc::push < a::f<[u8; 4]>:1 < a::lost:2 < a::main:3", 5, 500),
            ("alloc::push < a::f<[u8; 4]>:1 < a::old:7 < a::main:4", 7, 70),
            ("a::gone:9 < a::main:5", 1, 40),
        ]);
        let new = profile(&[
            ("alloc::push < a::f<[u8; 4]>:1 < a::main:3", 5, 400),
            ("alloc::push < a::f<[u8; 4]>:1 < a::new:7 < a::main:4", 7, 70),
        ]);
        let merged = diff(&base, &new).merged(&base, &new, Metric::TotalBytes, Detail::default());
        let folded = merged.folded().into_iter();
        let folded: Vec<(String, (u64, u64))> =
            folded.map(|(stack, sides)| (stack, (sides.base, sides.new))).collect();
        let expected = [
            ("a::main;a::gone", (40, 0)),
            ("a::main;a::lost;a::f;alloc::push", (500, 400)),
            ("a::main;a::new;a::f;alloc::push", (70, 70)),
        ];
        assert_eq!(folded, expected.map(|(stack, sides)| (stack.to_owned(), sides)));
    }
}

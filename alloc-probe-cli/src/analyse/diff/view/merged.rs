//! The stacks of all pairs, each under one spelling for both sides.
//!
//! A frame that one build lost stands in the stack all the same: an optimised build never invents a caller, so who called
//! in the base calls in the new one too. Where both have callers of their own at one place, as after a function was
//! renamed, the new one's stand for both.

use super::stack::{Stack, Step};
use crate::analyse::diff::Diff;
use crate::analyse::fold::Detail;
use crate::profile::{Frame, FrameId, Profile};
use crate::source::names;
use alloc_probe_format::metric::Metric;
use std::collections::{BTreeMap, HashMap};

/// The stacks of a diff with their figures by one metric.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// The functions' names.
    pub names: Vec<String>,
    /// One stack for each pair that has anything of the metric.
    pub stacks: Vec<MergedStack>,
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
}

impl Diff {
    /// The stacks of all pairs: the program's functions and what the innermost called, or all frames.
    pub fn merged(&self, base: &Profile, new: &Profile, metric: Metric, detail: Detail) -> Merged {
        let mut names = Names::of(self, base, new);
        let mut stacks = Vec::new();
        for pair in &self.pairs {
            let sides = pair.of(metric);
            if sides == (0, 0) {
                continue;
            }
            let base_site = pair.base.as_ref().and_then(|sites| sites.shown(base, metric));
            let new_site = pair.new.as_ref().and_then(|sites| sites.shown(new, metric));
            let stack = self.stack(base_site, new_site, detail);
            let mut frames: Vec<u32> =
                one_spelling(&stack).iter().rev().map(|step| names.number(step)).collect();
            if [base_site, new_site].into_iter().flatten().any(|site| site.truncated) {
                frames.insert(0, names.literal("(frames left out)"));
            }
            if frames.is_empty() {
                frames.push(names.literal("(no stack)"));
            }
            stacks.push(MergedStack { frames, base: sides.0, new: sides.1 });
        }
        Merged { names: names.texts, stacks }
    }
}

impl Merged {
    /// The stacks in the folded form that flamegraphs are drawn from, `main;handle;insert`, each with both figures.
    pub fn folded(&self) -> BTreeMap<String, (u64, u64)> {
        // A semicolon would end the frame: `[u8; 4]`. Pictures must not hold control characters.
        let plain = |name: &String| name.replace(';', ",").replace(char::is_control, "\u{fffd}");
        let names: Vec<String> = self.names.iter().map(plain).collect();
        let mut folded: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for stack in &self.stacks {
            let frames: Vec<&str> = stack.frames.iter().map(|name| names[*name as usize].as_str()).collect();
            let sums = folded.entry(frames.join(";")).or_default();
            *sums = (sums.0.saturating_add(stack.base), sums.1.saturating_add(stack.new));
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

/// Numbers of names, where a function has the fullest one that either build knows.
struct Names<'a> {
    diff: &'a Diff,
    /// For each function, its name's number once it has one.
    numbers: Vec<Option<u32>>,
    /// For each function, the frame that names it best.
    best: Vec<Option<&'a Frame>>,
    by_text: HashMap<String, u32>,
    texts: Vec<String>,
}

impl<'a> Names<'a> {
    fn of(diff: &'a Diff, base: &'a Profile, new: &'a Profile) -> Names<'a> {
        let functions = &diff.functions;
        let mut best: Vec<Option<&Frame>> = vec![None; functions.count];
        let sides = functions.base.iter().zip(&base.frames).chain(functions.new.iter().zip(&new.frames));
        let whole = |frame: &Frame| (!frame.path_guessed, frame.function.contains("::"));
        for (key, frame) in sides {
            let known = &mut best[key.function.0 as usize];
            if known.is_none_or(|known| whole(known) < whole(frame)) {
                *known = Some(frame);
            }
        }
        let numbers = vec![None; functions.count];
        Names { diff, numbers, best, by_text: HashMap::new(), texts: Vec::new() }
    }

    fn number(&mut self, step: &Step) -> u32 {
        let key = |keys: &[crate::analyse::diff::key::Key], frame: FrameId| {
            keys[frame.0 as usize].function.0 as usize
        };
        let functions = &self.diff.functions;
        let function = match (step.new, step.base) {
            (Some(frame), _) => key(&functions.new, frame),
            (None, Some(frame)) => key(&functions.base, frame),
            (None, None) => return self.literal("(no stack)"),
        };
        if let Some(number) = self.numbers[function] {
            return number;
        }
        let name = self.best[function].map(|frame| name(&frame.function)).unwrap_or_default();
        let number = self.literal(&name);
        self.numbers[function] = Some(number);
        number
    }

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
        let folded: Vec<(String, (u64, u64))> = merged.folded().into_iter().collect();
        let expected = [
            ("a::main;a::gone", (40, 0)),
            ("a::main;a::lost;a::f;alloc::push", (500, 400)),
            ("a::main;a::new;a::f;alloc::push", (70, 70)),
        ];
        assert_eq!(folded, expected.map(|(stack, sides)| (stack.to_owned(), sides)));
    }
}

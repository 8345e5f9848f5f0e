//! Stacks in the folded form that flamegraphs are drawn from: `main;handle;insert 4096`.

use super::fold::Detail;
use super::fold::stacks::Stacks;
use crate::profile::{Frame, Profile};
use crate::source::{names, paths};
use alloc_probe_format::metric::Metric;
use std::collections::{BTreeMap, HashMap};

/// Names of functions that are the same in several profiles.
///
/// Where a build has no symbol of a function, its name lacks the type, and a closure's the function it is in.
/// Another build may know that: it is the function of the same own name that makes the same call in the same file,
/// or else the only one of that name there.
#[derive(Default)]
pub struct Names<'a> {
    /// None where several functions are at one place.
    whole: HashMap<Place<'a>, Option<String>>,
}

/// A function's own name, the file without what differs from machine to machine, and the line and column of a call;
/// or no call, for the function as a whole.
type Place<'a> = (String, &'a str, Option<(u32, Option<u32>)>);

impl<'a> Names<'a> {
    /// Learns the whole names that profiles have.
    pub fn of(profiles: &[&'a Profile]) -> Names<'a> {
        let mut names = Names::default();
        let frames = profiles.iter().flat_map(|profile| &profile.frames);
        for frame in frames.filter(|frame| !frame.path_guessed) {
            let name = names::display_name(&frame.function);
            for place in places(frame) {
                let known = names.whole.entry(place).or_insert_with(|| Some(name.clone()));
                if known.as_ref() != Some(&name) {
                    *known = None;
                }
            }
        }
        names
    }

    /// What a frame is called.
    fn name(&self, frame: &'a Frame) -> String {
        let whole = || places(frame).find_map(|place| self.whole.get(&place)?.clone());
        let name = if frame.path_guessed { whole() } else { None };
        let name = name.unwrap_or_else(|| names::display_name(&frame.function));
        // A semicolon would end the frame: `[u8; 4]`. Pictures must not hold control characters.
        name.replace(';', ",").replace(char::is_control, "\u{fffd}")
    }
}

/// The places to look for a function at, the surest first. All closures share one name, so only their calls tell.
fn places(frame: &Frame) -> impl Iterator<Item = Place<'_>> {
    const CLOSURE: &str = "{{closure}}";
    let name = names::short_name(&frame.function);
    let is_closure = name.ends_with(CLOSURE);
    let own = if is_closure { CLOSURE } else { names::own_name(&name) }.to_owned();
    let file = frame.file.as_deref().map(|file| paths::source(file).path);
    let call = frame.line.map(|line| (line, frame.column));
    let calls = [call.map(Some), (!is_closure).then_some(None)];
    calls.into_iter().flatten().filter_map(move |call| Some((own.clone(), file?, call)))
}

/// The stacks of a profile with their figures by `metric`, outermost function first; none that has nothing. Recursion is
/// folded, unless each stack is asked for.
pub fn fold<'a>(
    profile: &'a Profile,
    names: &Names<'a>,
    metric: Metric,
    detail: Detail,
) -> BTreeMap<String, u64> {
    let frame_names: Vec<String> = profile.frames.iter().map(|frame| names.name(frame)).collect();
    let mut folded: BTreeMap<String, u64> = BTreeMap::new();
    let mut stacks = Stacks::of(profile, detail);
    for site in &profile.sites {
        let value = metric.of(&site.figures);
        if value == 0 {
            continue;
        }
        let (frames, _) = stacks.shown(site);
        let mut stack: Vec<&str> =
            frames.iter().rev().map(|id| frame_names[id.0 as usize].as_str()).collect();
        if site.truncated {
            stack.insert(0, "(frames left out)");
        }
        if stack.is_empty() {
            stack.push("(no stack)");
        }
        let sum = folded.entry(stack.join(";")).or_default();
        *sum = sum.saturating_add(value);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{FrameId, Role, Site};
    use alloc_probe_format::dump::{Dump, Figures};
    use std::path::PathBuf;

    /// A profile of one stack, innermost frame first: function, line, and whether its path is guessed.
    fn profile(frames: &[(&str, u32, bool)]) -> Profile {
        let frame = |(function, line, path_guessed): &(&str, u32, bool)| Frame {
            function: (*function).to_owned(),
            path_guessed: *path_guessed,
            file: Some("/w/orders/src/cache.rs".to_owned()),
            line: Some(*line),
            column: None,
            inlined: *path_guessed,
            image: None,
            role: Role::Program,
        };
        let site = Site {
            frames: (0..frames.len() as u32).map(FrameId).collect(),
            figures: Figures { peak_bytes: 64, ..Figures::default() },
            ..Site::default()
        };
        Profile {
            path: PathBuf::new(),
            dump: Dump::default(),
            frames: frames.iter().map(frame).collect(),
            sites: vec![site.clone(), site],
            failed: Vec::new(),
            deepest: Vec::new(),
            missing_symbols: Vec::new(),
            stacks: Default::default(),
            segments: Vec::new(),
        }
    }

    fn stacks(profile: &Profile, names: &Names<'_>) -> Vec<(String, u64)> {
        fold(profile, names, Metric::PeakBytes, Detail { all_stacks: true, all_frames: false })
            .into_iter()
            .collect()
    }

    #[test]
    fn equal_stacks_are_one_and_start_at_the_outermost_function() {
        let profile =
            profile(&[("orders::cache::Table<[u8; 4]>::grow", 7, false), ("orders::main", 1, false)]);
        let expected = [("orders::main;orders::cache::Table::grow".to_owned(), 128)];
        assert_eq!(stacks(&profile, &Names::of(&[&profile])), expected);
        assert!(fold(&profile, &Names::default(), Metric::EndBytes, Detail::default()).is_empty());
    }

    #[test]
    fn another_build_completes_guessed_names() {
        let debug = profile(&[
            ("orders::cache::Cache<K>::insert", 7, false),
            ("orders::cache::refill::{{closure}}", 20, false),
            ("orders::cache::drain::{{closure}}", 40, false),
            ("orders::cache::Cache<K>::new", 50, false),
            ("orders::cache::Table<K>::new", 60, false),
        ]);
        let release = profile(&[
            ("orders::cache::insert<u64>", 7, true),
            ("orders::cache::{closure#0}", 20, true),
            ("orders::cache::{closure#0}", 30, true),
            ("orders::cache::new<u64>", 50, true),
            ("orders::cache::new<u64>", 55, true),
        ]);
        let names = Names::of(&[&debug, &release]);
        let expected = "orders::cache::new;orders::cache::Cache::new;orders::cache::{{closure}};orders::cache::refill::{{closure}};orders::cache::Cache::insert";
        assert_eq!(stacks(&release, &names)[0].0, expected, "nothing is guessed where there are several");
    }
}

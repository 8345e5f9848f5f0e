//! Stacks in the folded form that flamegraphs are drawn from: `main;handle;insert 4096`.

use super::fold;
use crate::profile::{Frame, Profile};
use crate::symbolicate::names;
use alloc_probe_format::metric::Metric;
use std::collections::{BTreeMap, HashMap};

/// Names of functions that are the same in several profiles.
///
/// Where a build has no symbol of a function, its name lacks the type. Another build may know that: it is the
/// function of the same own name in the same file, if there is only one.
#[derive(Default)]
pub struct Names<'a> {
    whole: HashMap<(String, &'a str), Option<String>>,
}

impl<'a> Names<'a> {
    /// Learns the whole names that profiles have.
    pub fn of(profiles: &[&'a Profile]) -> Names<'a> {
        let mut names = Names::default();
        let frames = profiles.iter().flat_map(|profile| &profile.frames);
        for frame in frames.filter(|frame| !frame.path_guessed) {
            let Some(place) = place(frame) else { continue };
            let name = names::display_name(&frame.function);
            let known = names.whole.entry(place).or_insert_with(|| Some(name.clone()));
            if known.as_ref() != Some(&name) {
                *known = None;
            }
        }
        names
    }

    /// What a frame is called.
    fn name(&self, frame: &'a Frame) -> String {
        let whole = || self.whole.get(&place(frame)?)?.clone();
        let name = if frame.path_guessed { whole() } else { None };
        // A semicolon would end the frame: `[u8; 4]`. Pictures must not hold control characters.
        let name = name.unwrap_or_else(|| names::display_name(&frame.function));
        name.replace(';', ",").replace(char::is_control, "\u{fffd}")
    }
}

/// Where a function is: its own name, and the file without what differs from machine to machine.
fn place(frame: &Frame) -> Option<(String, &str)> {
    let file = frame.file.as_deref()?;
    let own = names::own_name(&names::short_name(&frame.function)).to_owned();
    Some((own, crate::symbolicate::paths::source(file).path))
}

/// The stacks of a profile with their figures by `metric`, outermost function first; none that has nothing.
pub fn fold<'a>(
    profile: &'a Profile,
    names: &Names<'a>,
    metric: Metric,
    all_frames: bool,
) -> BTreeMap<String, u64> {
    let frame_names: Vec<String> = profile.frames.iter().map(|frame| names.name(frame)).collect();
    let mut folded: BTreeMap<String, u64> = BTreeMap::new();
    for site in &profile.sites {
        let value = metric.of(&site.figures);
        if value == 0 {
            continue;
        }
        let frames = fold::visible(profile, site, all_frames);
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

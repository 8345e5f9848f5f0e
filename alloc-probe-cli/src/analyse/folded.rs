//! Stacks in the folded form that flamegraphs are drawn from: `main;handle;insert 4096`.

use super::fold::Detail;
use super::fold::stacks::Stacks;
use crate::profile::Profile;
use crate::source::names;
use alloc_probe_format::metric::Metric;
use std::collections::BTreeMap;

/// The stacks of a profile with their figures by `metric`, outermost function first; none that has nothing. Recursion is
/// folded, unless each stack is asked for.
pub fn fold(profile: &Profile, metric: Metric, detail: Detail) -> BTreeMap<String, u64> {
    let frame_names: Vec<String> =
        profile.frames.iter().map(|frame| plain(&names::display_name(&frame.function))).collect();
    let mut folded: BTreeMap<String, u64> = BTreeMap::new();
    let stacks = Stacks::of(profile, detail);
    for site in &profile.sites {
        let value = metric.of(&site.figures);
        if value == 0 {
            continue;
        }
        let (frames, _) = stacks.shown(site);
        let mut stack: Vec<&str> =
            frames.iter().rev().map(|id| frame_names[id.0 as usize].as_str()).collect();
        if profile.is_truncated(site) {
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

/// A name as stacks can hold it: a semicolon would end the frame, as of `[u8; 4]`, and pictures must not hold control
/// characters.
pub fn plain(name: &str) -> String {
    name.replace(';', ",").replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Frame, FrameId, Role, Site, Stacks};
    use alloc_probe_format::dump::Figures;

    /// A profile of one stack, innermost frame first: function, line, and whether its path is guessed.
    fn profile(frames: &[(&str, u32, bool)]) -> Profile {
        let frame = |(function, line, path_guessed): &(&str, u32, bool)| Frame {
            function: (*function).to_owned(),
            path_guessed: *path_guessed,
            file: Some("/w/orders/src/cache.rs".to_owned()),
            author: None,
            line: Some(*line),
            column: None,
            inlined: *path_guessed,
            image: None,
            role: Role::Program,
        };
        let mut stacks = Stacks::default();
        let stack = stacks.add((0..frames.len() as u32).map(FrameId));
        let figures = Figures { peak_bytes: 64, ..Figures::default() };
        let site = Site { stack, figures, ..Site::default() };
        Profile {
            frames: frames.iter().map(frame).collect(),
            sites: vec![site.clone(), site],
            stacks,
            ..Profile::default()
        }
    }

    fn stacks(profile: &Profile, detail: Detail) -> Vec<(String, u64)> {
        fold(profile, Metric::PeakBytes, detail).into_iter().collect()
    }

    #[test]
    fn equal_stacks_are_one_and_start_at_the_outermost_function() {
        let profile =
            profile(&[("orders::cache::Table<[u8; 4]>::grow", 7, false), ("orders::main", 1, false)]);
        let expected = [("orders::main;orders::cache::Table::grow".to_owned(), 128)];
        assert_eq!(stacks(&profile, Detail::default()), expected);
        assert!(fold(&profile, Metric::EndBytes, Detail::default()).is_empty());
    }

    #[test]
    fn a_name_that_lost_its_type_stands_as_it_is() {
        let profile = profile(&[
            ("orders::cache::insert<u64>", 7, true),
            ("<orders::cache::Cache as orders::Store>::insert", 7, false),
            ("orders::main", 1, false),
        ]);
        let expected = "orders::main;<orders::cache::Cache as Store>::insert;orders::cache::insert";
        let all = Detail { all_stacks: true, all_frames: false };
        assert_eq!(stacks(&profile, all), [(expected.to_owned(), 128)]);
    }
}

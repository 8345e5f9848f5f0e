//! Stacks without what was not asked for: `--focus` and `--hide`.

use super::fold;
use crate::profile::{Frame, FrameId, Profile};
use crate::source::names;
use regex_lite::Regex;
use std::collections::HashSet;

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Frames that match any of these are left out of their stacks.
    pub hide: &'a [Regex],
    /// Only stacks with a frame that matches each of these are left.
    pub focus: &'a [Regex],
}

/// Leaves what the filter lets through. The process's own figures stay as they are.
pub fn apply(profile: &mut Profile, filter: &Filter<'_>) {
    for focus in filter.focus {
        let matching = matching(profile, focus);
        let has_any = profile.stacks.rows_with(|frame| matching.contains(&frame));
        profile.sites.retain(|site| has_any[site.stack as usize]);
    }
    let hidden: HashSet<FrameId> = filter.hide.iter().flat_map(|hide| matching(profile, hide)).collect();
    let is_hidden = |frame: &FrameId| hidden.contains(frame);
    for run in profile.stacks.runs.iter_mut().filter(|run| run.iter().any(is_hidden)) {
        *run = run.iter().filter(|frame| !is_hidden(frame)).copied().collect();
    }
}

fn matching(profile: &Profile, pattern: &Regex) -> HashSet<FrameId> {
    let ids = (0..).map(FrameId).take(profile.frames.len());
    ids.filter(|id| is_match(fold::frame(profile, *id), pattern)).collect()
}

/// Whether the function's name, as it is or as it is shown, or its file matches.
fn is_match(frame: &Frame, pattern: &Regex) -> bool {
    pattern.is_match(&frame.function)
        || pattern.is_match(&names::short_name(&frame.function))
        || pattern.is_match(&names::display_name(&frame.function))
        || frame.file.as_deref().is_some_and(|file| pattern.is_match(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Site, Stacks};

    #[test]
    fn stacks_are_focused_and_frames_hidden() {
        let frame = |(function, file): &(&str, &str)| Frame {
            function: (*function).to_owned(),
            file: Some((*file).to_owned()),
            ..Frame::default()
        };
        let frames = [
            ("alloc::vec::Vec<T,A>::push", "/rustc/1/library/alloc/src/vec/mod.rs"),
            ("orders::cache::Cache<K>::insert", "/w/orders/src/cache.rs"),
            ("orders::main", "/w/orders/src/main.rs"),
        ];
        let mut stacks = Stacks::default();
        let all = [&[0, 1, 2][..], &[0, 2], &[1]];
        let sites = all.map(|ids| {
            let stack = stacks.add(ids.iter().copied().map(FrameId));
            Site { stack, ..Site::default() }
        });
        let profile = Profile {
            frames: frames.iter().map(frame).collect(),
            sites: sites.to_vec(),
            stacks,
            ..Profile::default()
        };
        let filtered = |hide: &[&str], focus: &[&str]| {
            let regexes =
                |patterns: &[&str]| patterns.iter().map(|one| Regex::new(one).unwrap()).collect::<Vec<_>>();
            let mut profile = profile.clone();
            apply(&mut profile, &Filter { hide: &regexes(hide), focus: &regexes(focus) });
            profile
                .sites
                .iter()
                .map(|site| profile.frames_of(site).map(|id| id.0).collect())
                .collect::<Vec<Vec<u32>>>()
        };
        assert_eq!(filtered(&[], &[]), [vec![0, 1, 2], vec![0, 2], vec![1]]);
        assert_eq!(filtered(&[], &["Cache::insert$"]), [vec![0, 1, 2], vec![1]]);
        assert_eq!(filtered(&[], &["insert", "main"]), [vec![0, 1, 2]]);
        assert_eq!(filtered(&["^Vec::", "src/main.rs"], &[]), [vec![1], vec![], vec![1]]);
        assert_eq!(
            filtered(&["orders"], &["cache"]),
            [vec![0], vec![]],
            "what is hidden is focused on all the same"
        );
    }
}

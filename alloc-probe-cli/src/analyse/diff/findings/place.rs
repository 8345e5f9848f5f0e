//! How findings name what they are about.

use super::runs::Runs;
use crate::analyse::diff::pair::Pair;
use crate::analyse::fold;
use crate::profile::{Frame, FrameId, Profile};
use crate::source::{names, paths};
use alloc_probe_format::metric::Metric;

/// Where a pair's blocks come from, in the new build if it has them: `` `orders::cache::insert` (src/cache.rs:31) ``.
pub(super) fn of_pair(runs: &Runs<'_>, pair: &Pair) -> String {
    let shown = |sites: &Option<crate::analyse::diff::pair::Sites>, profile| {
        let site = sites.as_ref()?.shown(profile, Metric::TotalBytes)?;
        Some(of_stack(profile, &site.frames))
    };
    let place = shown(&pair.new, runs.new).or_else(|| shown(&pair.base, runs.base));
    place.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// What a stack is named after.
pub(super) fn of_stack(profile: &Profile, stack: &[FrameId]) -> String {
    let frames: Vec<&Frame> = stack.iter().map(|frame| fold::frame(profile, *frame)).collect();
    fold::headline(&frames).map_or_else(|| UNKNOWN.to_owned(), |frame| of_frame(frames[frame]))
}

/// A function with its file and line, as far as they are known.
pub(super) fn of_frame(frame: &Frame) -> String {
    let name = names::display_name(&frame.function);
    let file = frame.file.as_deref().map(|file| paths::source(file).path);
    match (file, frame.line) {
        (Some(file), Some(line)) => format!("`{name}` ({file}:{line})"),
        _ => format!("`{name}`"),
    }
}

/// What a stack without frames is called.
const UNKNOWN: &str = "a place that is not known";

//! How findings name what they are about.

use crate::analyse::fold;
use crate::profile::{Frame, FrameId, Profile};
use crate::source::names;

/// What a stack is named after.
pub(crate) fn of_stack(profile: &Profile, stack: &[FrameId]) -> String {
    let frames: Vec<&Frame> = stack.iter().map(|frame| fold::frame(profile, *frame)).collect();
    fold::headline(&frames).map_or_else(|| UNKNOWN.to_owned(), |frame| of_frame(frames[frame]))
}

/// A function with its file and line, as far as they are known.
pub(in crate::analyse) fn of_frame(frame: &Frame) -> String {
    let name = names::display_name(&frame.function);
    let file = frame.source().map(|source| source.path);
    match (file, frame.line) {
        (Some(file), Some(line)) => format!("`{name}` ({file}:{line})"),
        _ => format!("`{name}`"),
    }
}

/// What a stack without frames is called.
pub(in crate::analyse) const UNKNOWN: &str = "a place that is not known";

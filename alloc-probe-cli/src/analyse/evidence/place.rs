//! How findings name what they are about.

use crate::analyse::fold;
use crate::profile::{Frame, FrameId, Profile};
use crate::source::names;

/// What a stack is named after.
pub(crate) fn of_stack(profile: &Profile, stack: &[FrameId]) -> String {
    let frames: Vec<&Frame> = stack.iter().map(|frame| fold::frame(profile, *frame)).collect();
    fold::headline(&frames).map_or_else(|| UNKNOWN.to_owned(), |frame| of_frame(frames[frame]))
}

/// What stacks are named after, each told apart from the others: those that would read the same have the nearest function
/// behind them at which they part, inwards (`→`), or else outwards (`←`).
pub(in crate::analyse) fn told_apart(stacks: &[(&Profile, Vec<FrameId>)]) -> Vec<String> {
    let named: Vec<String> = stacks.iter().map(|(profile, stack)| of_stack(profile, stack)).collect();
    let ways: Vec<[Vec<String>; 2]> = stacks.iter().map(|(profile, stack)| ways(profile, stack)).collect();
    let mut places = named.clone();
    for (index, place) in places.iter_mut().enumerate() {
        let others: Vec<usize> =
            (0..named.len()).filter(|other| *other != index && named[*other] == named[index]).collect();
        if others.is_empty() {
            continue;
        }
        let parts = |way: usize| {
            let own = &ways[index][way];
            (0..own.len()).find(|at| others.iter().any(|other| ways[*other][way].get(*at) != Some(&own[*at])))
        };
        if let Some((way, at)) = (0..2).find_map(|way| Some((way, parts(way)?))) {
            let arrow = ["→", "←"][way];
            place.push_str(&format!(" {arrow} `{}`", ways[index][way][at]));
        }
    }
    places
}

/// The functions on both ways from the one that a stack is named after, the nearest first: those that it called, and those
/// that called it.
fn ways(profile: &Profile, stack: &[FrameId]) -> [Vec<String>; 2] {
    let frames: Vec<&Frame> = stack.iter().map(|frame| fold::frame(profile, *frame)).collect();
    let Some(named) = fold::headline(&frames) else { return [Vec::new(), Vec::new()] };
    let name = |frame: &&Frame| names::display_name(&frame.function);
    [frames[..named].iter().rev().map(name).collect(), frames[named + 1..].iter().map(name).collect()]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};
    use crate::profile::Site;

    #[test]
    fn what_would_read_the_same_is_told_apart() {
        let told = |stacks: &[&str]| {
            let sites = stacks.iter().map(|stack| (*stack, Site::default())).collect();
            let profile = profile(run(1), sites);
            let stack = |site: &Site| (&profile, profile.frames_of(site).collect());
            told_apart(&profile.sites.iter().map(stack).collect::<Vec<_>>())
        };
        let at = |rest: &str| format!("`app::index` (src/main.rs:7){rest}");
        // What it called, the nearest first; and else who called it.
        let called = [
            "alloc::vec::push:1 < alloc::raw:2 < app::index:7 < app::main:3",
            "alloc::node::new:1 < alloc::raw:2 < app::index:7 < app::main:3",
        ];
        assert_eq!(told(&called), [at(" → `vec::push`"), at(" → `node::new`")]);
        let callers = ["app::index:7 < app::one:1 < app::main:3", "app::index:7 < app::two:1 < app::main:3"];
        assert_eq!(told(&callers), [at(" ← `app::one`"), at(" ← `app::two`")]);
        // Where nothing has to be said, nothing is, and neither where there is nothing to say.
        assert_eq!(told(&[callers[0], "app::other:7"]), [at(""), "`app::other` (src/main.rs:7)".to_owned()]);
        assert_eq!(told(&[callers[0], callers[0]]), [at(""), at("")]);
    }
}

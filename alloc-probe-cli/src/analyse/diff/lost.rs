//! Frames that one build lost, and the other shows.
//!
//! Where a function ends in a call, the optimiser makes a jump of it, and the frame is gone. If one build shows a function
//! right below a call from which the other never reaches it but by one way, the functions on that way were there. They are
//! put back before recursion is folded, as a turn ends where a function comes again, and one that left no frame ends none.

use super::key::{Functions, Key};
use super::lines::Lines;
use super::step::{Step, program_frames};
use crate::join::join;
use crate::profile::{Profile, Role};
use rustc_hash::{FxHashMap, FxHashSet};

/// What one build lost: for a frame and the next one inwards, what was between them, the outermost first.
pub(super) type Lost = FxHashMap<(u32, u32), Box<[Step]>>;

/// Where a call has more callees than this, as one through a pointer, nobody knows which way was taken.
const MAX_CALLEES: usize = 256;

/// The calls that a build shows.
#[derive(Default)]
struct Calls {
    /// Pairs of frames, the caller's first.
    frames: FxHashSet<(u32, u32)>,
    /// By a function and the line of a call in it, whom it calls. Lines are those of the new build, for either.
    callees: FxHashMap<(u32, u32), Vec<u32>>,
    /// By a function, whom it calls from wherever.
    all_callees: FxHashMap<u32, Vec<u32>>,
    /// By a function, who calls it.
    callers: FxHashMap<u32, Vec<u32>>,
    /// By two functions, from where the one calls the other.
    places: FxHashMap<(u32, u32), Vec<(u32, u32)>>,
}

/// What either build lost, where it may have lost anything.
pub(super) fn lost(
    [base, new]: [&Profile; 2],
    functions: &Functions,
    lines: &Lines,
    may_lose: [bool; 2],
) -> [Lost; 2] {
    let line_in_new = |key: Key| lines.in_new(key.function, key.line);
    let (base_calls, new_calls) = join(
        || Calls::of(base, &functions.base, line_in_new),
        || Calls::of(new, &functions.new, |key| key.line),
    );
    let of_base = || base_calls.lost_to(&new_calls, &functions.base, line_in_new);
    let of_new = || new_calls.lost_to(&base_calls, &functions.new, |key: Key| key.line);
    [
        if may_lose[0] { of_base() } else { Lost::default() },
        if may_lose[1] { of_new() } else { Lost::default() },
    ]
}

impl Calls {
    fn of(profile: &Profile, keys: &[Key], line: impl Fn(Key) -> u32) -> Calls {
        let mut calls = Calls::default();
        // PERF: who called a frame last, calls it again and again.
        let mut last = vec![u32::MAX; keys.len()];
        for site in &profile.sites {
            let mut outer: Option<u32> = None;
            for frame in program_frames(site, keys).rev() {
                if let Some(outer) = outer.filter(|outer| last[frame.0 as usize] != *outer) {
                    calls.frames.insert((outer, frame.0));
                    last[frame.0 as usize] = outer;
                }
                outer = Some(frame.0);
            }
        }
        for (outer, inner) in &calls.frames {
            let (outer, inner) = (keys[*outer as usize], keys[*inner as usize]);
            let (caller, callee) = (outer.function.0, inner.function.0);
            calls.callees.entry((caller, line(outer))).or_default().push(callee);
            calls.all_callees.entry(caller).or_default().push(callee);
            calls.callers.entry(callee).or_default().push(caller);
            calls.places.entry((caller, callee)).or_default().push((line(outer), outer.column));
        }
        let tidy = |callees: &mut Vec<u32>| {
            callees.sort_unstable();
            callees.dedup();
        };
        calls.callees.values_mut().for_each(tidy);
        calls.all_callees.values_mut().for_each(tidy);
        calls.callers.values_mut().for_each(tidy);
        calls.places.values_mut().for_each(|places| {
            places.sort_unstable();
            places.dedup();
        });
        calls
    }

    /// What this build lost by what another one shows.
    fn lost_to(&self, other: &Calls, keys: &[Key], line: impl Fn(Key) -> u32) -> Lost {
        let mut lost = Lost::default();
        for &(outer, inner) in &self.frames {
            let (caller, callee) = (keys[outer as usize], keys[inner as usize]);
            if caller.role != Role::Program || caller.line == 0 {
                continue;
            }
            let way = other.only_way((caller.function.0, line(caller)), callee.function.0);
            if !way.is_empty() {
                lost.insert((outer, inner), way);
            }
        }
        lost
    }

    /// The only way from a call to a function that it does not call itself; empty where there's none, or more than one.
    fn only_way(&self, call: (u32, u32), to: u32) -> Box<[Step]> {
        let Some(first) = self.callees.get(&call) else { return Box::default() };
        if first.binary_search(&to).is_ok() || first.len() > MAX_CALLEES {
            return Box::default();
        }
        let Some(callers) = self.callers.get(&to) else { return Box::default() };
        let calls = |one: u32| callers.binary_search(&one).is_ok();
        let is_new = |function: u32| function != call.0 && function != to;
        let mut ways = first.iter().filter(|one| is_new(**one) && calls(**one));
        match (ways.next(), ways.next()) {
            (Some(one), None) => return [self.step(*one, to)].into(),
            (Some(_), Some(_)) => return Box::default(),
            _ => {}
        }
        let mut found = None;
        for one in first.iter().filter(|one| is_new(**one)) {
            let Some(second) = self.all_callees.get(one) else { continue };
            for two in common(second, callers).filter(|two| two != one && is_new(*two)) {
                if found.is_some() {
                    return Box::default();
                }
                found = Some([self.step(*one, two), self.step(two, to)]);
            }
        }
        found.map_or_else(Box::default, Box::from)
    }

    /// A function at the place from which it calls another; at none, if there are several.
    fn step(&self, function: u32, callee: u32) -> Step {
        let (line, column) = match self.places.get(&(function, callee)).map_or(&[][..], Vec::as_slice) {
            [place] => *place,
            _ => (0, 0),
        };
        Step { function: super::key::FunctionId(function), line, column }
    }
}

/// The numbers that two ascending lists have in common.
fn common<'a>(one: &'a [u32], other: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    few.iter().copied().filter(|number| many.binary_search(number).is_ok())
}

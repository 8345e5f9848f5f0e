//! Frames that one build lost, and the other shows.
//!
//! Where a function ends in a call, the optimiser makes a jump of it, and the frame is gone. If one build shows a function
//! right below a call from which the other never reaches it but by one way, the functions on that way were there. They are
//! put back before recursion is folded, as a turn ends where a function comes again, and one that left no frame ends none.

use super::key::{FunctionId, Functions, Key};
use super::lines::Lines;
use super::step::{Step, recurring};
use crate::analyse::fold::chains::Link;
use crate::join::join;
use crate::profile::{FrameId, Profile, Role};
use rustc_hash::FxHashMap;

/// What was between two frames, the outermost first.
type Way = Box<[Link<Step>]>;

/// What one build lost.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// By a frame and the next one inwards.
    ways: FxHashMap<(u32, u32), Way>,
    /// For each frame, whether anything was lost right inward of it.
    has: Vec<bool>,
}

impl Lost {
    /// What was between a frame and the next one inwards.
    pub(super) fn between(&self, outer: u32, inner: u32) -> Option<&[Link<Step>]> {
        // PERF: next to no frame has any, and a look into a large table takes long.
        let has = self.has.get(outer as usize).copied().unwrap_or(false);
        if has { self.ways.get(&(outer, inner)).map(|way| &way[..]) } else { None }
    }
}

/// Where a call has more callees than this, as one through a pointer, nobody knows which way was taken.
const MAX_CALLEES: usize = 256;

/// The calls that a build shows.
struct Calls {
    /// For each frame, which frames it calls.
    frames: Lists<u32>,
    /// By a function and the line of a call in it, the number of its list. Lines are those of the new build, for either.
    lines: FxHashMap<(u32, u32), u32>,
    /// For each such call, the functions called.
    callees: Lists<u32>,
    /// For each function, those that it calls from wherever.
    all_callees: Lists<u32>,
    /// For each function, those that call it.
    callers: Lists<u32>,
    /// For each function, whom it calls, from which line and column, and what it is by type.
    places: Lists<(u32, u32, u32, u32)>,
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
        || Calls::of(base, &functions.base, functions.count, line_in_new),
        || Calls::of(new, &functions.new, functions.count, |key| key.line),
    );
    let of_base = || base_calls.lost_to(&new_calls, (&functions.base, functions), line_in_new);
    let of_new = || new_calls.lost_to(&base_calls, (&functions.new, functions), |key: Key| key.line);
    let (base_lost, new_lost) = join(
        || if may_lose[0] { of_base() } else { Lost::default() },
        || if may_lose[1] { of_new() } else { Lost::default() },
    );
    [base_lost, new_lost]
}

impl Calls {
    fn of(profile: &Profile, keys: &[Key], functions: usize, line: impl Fn(Key) -> u32) -> Calls {
        let frames = Lists::of(keys.len(), pairs(profile, keys).into_iter());
        let mut lines: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let line_of: Vec<u32> = keys
            .iter()
            .map(|key| {
                let next = lines.len() as u32;
                *lines.entry((key.function.0, line(*key))).or_insert(next)
            })
            .collect();
        let function = |frame: u32| keys[frame as usize].function.0;
        let calls = || frames.all();
        let place = |outer: u32, inner: u32| {
            let key = keys[outer as usize];
            (function(inner), line(key), key.column, key.of_type)
        };
        Calls {
            callees: Lists::of(
                lines.len(),
                calls().map(|(outer, inner)| (line_of[outer as usize], function(inner))),
            ),
            all_callees: Lists::of(
                functions,
                calls().map(|(outer, inner)| (function(outer), function(inner))),
            ),
            callers: Lists::of(functions, calls().map(|(outer, inner)| (function(inner), function(outer)))),
            places: Lists::of(
                functions,
                calls().map(|(outer, inner)| (function(outer), place(outer, inner))),
            ),
            lines,
            frames,
        }
    }

    /// What this build lost by what another one shows.
    fn lost_to(
        &self,
        other: &Calls,
        (keys, functions): (&[Key], &Functions),
        line: impl Fn(Key) -> u32,
    ) -> Lost {
        let mut lost = Lost { has: vec![false; keys.len()], ..Lost::default() };
        for (outer, caller) in (0..).zip(keys) {
            if caller.role != Role::Program || caller.line == 0 {
                continue;
            }
            let Some(call) = other.lines.get(&(caller.function.0, line(*caller))) else { continue };
            let callees = other.callees.get(*call);
            for inner in self.frames.get(outer) {
                let callee = keys[*inner as usize].function.0;
                let way = other.only_way(caller.function.0, callees, callee, functions);
                if !way.is_empty() {
                    lost.has[outer as usize] = true;
                    lost.ways.insert((outer, *inner), way);
                }
            }
        }
        lost
    }

    /// The only way from a call of `first` by `caller` to a function that is none of these; empty where there's none, or
    /// more than one.
    fn only_way(&self, caller: u32, first: &[u32], to: u32, functions: &Functions) -> Way {
        if first.binary_search(&to).is_ok() || first.len() > MAX_CALLEES {
            return Box::default();
        }
        let callers = self.callers.get(to);
        let calls = |one: u32| callers.binary_search(&one).is_ok();
        let is_new = |function: u32| function != caller && function != to;
        let mut ways = first.iter().filter(|one| is_new(**one) && calls(**one));
        match (ways.next(), ways.next()) {
            (Some(one), None) => return [self.link(*one, to, functions)].into(),
            (Some(_), Some(_)) => return Box::default(),
            _ => {}
        }
        let mut found = None;
        for one in first.iter().filter(|one| is_new(**one)) {
            let second = self.all_callees.get(*one);
            for two in common(second, callers).filter(|two| two != one && is_new(*two)) {
                if found.is_some() {
                    return Box::default();
                }
                found = Some([self.link(*one, two, functions), self.link(two, to, functions)]);
            }
        }
        found.map_or_else(Box::default, Box::from)
    }

    /// A function at the place from which it calls another; at none, if there are several.
    fn link(&self, function: u32, callee: u32, functions: &Functions) -> Link<Step> {
        let places = self.places.get(function);
        let first = places.partition_point(|place| place.0 < callee);
        let mut places = places[first..].iter().take_while(|place| place.0 == callee);
        let (line, column, of_type) = match (places.next(), places.next()) {
            (Some((_, line, column, of_type)), None) => (*line, *column, *of_type),
            (Some((.., of_type)), Some(_)) => (0, 0, *of_type),
            (None, _) => (0, 0, 0),
        };
        let function = FunctionId(function);
        Link { step: Step { function, line, column }, function: recurring(functions, function, of_type) }
    }
}

/// Which of the program's frames are called by which, as stacks show it.
fn pairs(profile: &Profile, keys: &[Key]) -> Vec<(u32, u32)> {
    let stacks = &profile.stacks;
    let leads = stacks.leading_to(profile.sites.iter().map(|site| site.stack));
    let is_program = |frame: &FrameId| matches!(keys[frame.0 as usize].role, Role::Program | Role::Operation);
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    // For each row, the last of these frames and one; 0 where there is none.
    let mut last = vec![0; stacks.nodes.len()];
    // PERF: who called a frame last, calls it again and again.
    let mut caller = vec![0; keys.len()];
    for (row, node) in stacks.nodes.iter().enumerate().skip(1).filter(|(row, _)| leads[*row]) {
        let mut outer: u32 = last[node.parent as usize];
        let run = &stacks.runs[stacks.run[row] as usize];
        for frame in run.iter().rev().filter(|frame| is_program(frame)) {
            let known = &mut caller[frame.0 as usize];
            if outer > 0 && *known != outer {
                pairs.push((outer - 1, frame.0));
                *known = outer;
            }
            outer = frame.0 + 1;
        }
        last[row] = outer;
    }
    pairs
}

/// Lists by number, in one piece. Each is in order, and has an item once.
struct Lists<T> {
    /// For each number, where its list begins, and where the last one ends.
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default + Ord> Lists<T> {
    /// Sorts items by the numbers of their lists, which are less than `count`.
    fn of(count: usize, items: impl Iterator<Item = (u32, T)> + Clone) -> Lists<T> {
        let mut starts = vec![0_u32; count + 1];
        items.clone().for_each(|(list, _)| starts[list as usize + 1] += 1);
        (0..count).for_each(|list| starts[list + 1] += starts[list]);
        let mut next = starts.clone();
        let mut sorted = vec![T::default(); starts[count] as usize];
        for (list, item) in items {
            sorted[next[list as usize] as usize] = item;
            next[list as usize] += 1;
        }
        let mut end = 0;
        for list in 0..count {
            let range = starts[list] as usize..starts[list + 1] as usize;
            sorted[range.clone()].sort_unstable();
            let first = end;
            for at in range {
                if end == first || sorted[at] != sorted[end - 1] {
                    sorted[end] = sorted[at];
                    end += 1;
                }
            }
            starts[list] = first as u32;
        }
        starts[count] = end as u32;
        sorted.truncate(end);
        Lists { starts, items: sorted }
    }

    fn get(&self, list: u32) -> &[T] {
        let [start, end] = [list, list + 1].map(|list| self.starts[list as usize] as usize);
        &self.items[start..end]
    }

    /// All items, each with the number of its list.
    fn all(&self) -> impl Iterator<Item = (u32, T)> + Clone {
        let lists = 0..self.starts.len() as u32 - 1;
        lists.flat_map(|list| self.get(list).iter().map(move |item| (list, *item)))
    }
}

/// The numbers that two ascending lists have in common.
fn common<'a>(one: &'a [u32], other: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    few.iter().copied().filter(|number| many.binary_search(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_have_an_item_once() {
        let items = [(2, 5), (0, 3), (2, 4), (2, 5), (0, 3), (3, 1)];
        let lists = Lists::of(5, items.iter().copied());
        let all: Vec<&[u32]> = (0..5).map(|list| lists.get(list)).collect();
        assert_eq!(all, [&[3][..], &[], &[4, 5], &[1], &[]]);
        assert_eq!(lists.all().collect::<Vec<_>>(), [(0, 3), (2, 4), (2, 5), (3, 1)]);
    }
}

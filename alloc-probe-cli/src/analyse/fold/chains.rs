//! The folded chains of all stacks of a profile, in one pass over its rows.
//!
//! Stacks are rows that call rows, and what [folding](super::turns) leaves of a stack depends on what it leaves of the
//! caller's alone: a function that comes again goes back to where it stood. So the chains of millions of stacks are found
//! without looking at any stack as a whole, and are a tree themselves: a *chain* is a call of it, and those that led there.

use crate::profile::{FrameId, Stacks};
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// The call that is none, and stands for who called the outermost functions.
pub const ROOT: u32 = 0;

/// No call, function or frame.
const NONE: u32 = u32::MAX;

/// So many calls of a caller are searched one by one.
const MAX_SEARCHED: usize = 8;

/// A frame that is part of chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<S> {
    /// What tells it from others of the same caller.
    pub step: S,
    /// The number of its function; none where that can't recur.
    pub function: Option<u32>,
}

/// A call of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Call<S> {
    /// Who called; the root's is itself.
    pub caller: u32,
    /// What was called.
    pub step: S,
    function: u32,
    /// The first call of this one, and the next one of the same caller: those that are searched.
    first: u32,
    next: u32,
    /// Two bits for each of the functions on the way, which functions share: most come once, and are not looked for.
    functions: u128,
}

/// Where a stack has led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The call of the tree.
    pub call: u32,
    /// How many turns of a recursion were folded on the way.
    pub turns: u32,
    /// Whether something was put back on the way.
    pub is_restored: bool,
    /// The last frame on the way, and one: 0 where there was none.
    frame: u32,
}

/// The tree.
#[derive(Debug)]
pub struct Chains<S> {
    /// Its calls, callers first. The first is the root.
    pub calls: Vec<Call<S>>,
    /// The calls that are not searched one by one.
    more: FxHashMap<(u32, S, u32), u32>,
}

/// How stacks are read: which frames are part of chains, and what is put back between two of them.
pub trait Reading<S> {
    /// What a frame is; none where it is part of no chain.
    fn link(&self, frame: FrameId) -> Option<Link<S>>;

    /// What was called between a frame and the next one inwards, though the stack doesn't show it.
    fn between(&self, _outer: FrameId, _inner: FrameId) -> &[Link<S>] {
        &[]
    }
}

/// What each frame of a profile is, by its number; none where it is part of no chain.
#[derive(Debug)]
pub struct Links<S>(pub Vec<Option<Link<S>>>);

impl<S: Copy + Eq + Hash> Links<S> {
    /// Whether some of these frames have one step and several functions, so that their calls have [twins](Chains::join_twins).
    pub fn have_twins(&self) -> bool {
        let mut functions: FxHashMap<S, Option<u32>> = FxHashMap::default();
        let mut links = self.0.iter().flatten();
        links.any(|link| *functions.entry(link.step).or_insert(link.function) != link.function)
    }
}

impl<S: Copy> Reading<S> for Links<S> {
    fn link(&self, frame: FrameId) -> Option<Link<S>> {
        self.0[frame.0 as usize]
    }
}

impl<S: Default> Default for Chains<S> {
    fn default() -> Chains<S> {
        let root =
            Call { caller: ROOT, step: S::default(), function: NONE, first: NONE, next: NONE, functions: 0 };
        Chains { calls: vec![root], more: FxHashMap::default() }
    }
}

impl<S: Copy + Default + Eq + Hash> Chains<S> {
    /// Reads the stacks of some rows and of all that called them, and gives for each of these where it leads to.
    pub fn read_rows(
        &mut self,
        stacks: &Stacks,
        rows: impl Iterator<Item = u32>,
        reading: &impl Reading<S>,
    ) -> Vec<Place> {
        let leads = stacks.leading_to(rows);
        let mut places = vec![Place::default(); leads.len()];
        for (row, node) in stacks.nodes.iter().enumerate().skip(1).filter(|(row, _)| leads[*row]) {
            let frames = &stacks.runs[stacks.run[row] as usize];
            places[row] = self.read(places[node.parent as usize], frames, reading);
        }
        places
    }

    /// Reads frames, the innermost first, that were called from a place.
    pub fn read(&mut self, mut at: Place, frames: &[FrameId], reading: &impl Reading<S>) -> Place {
        for frame in frames.iter().rev() {
            let Some(link) = reading.link(*frame) else { continue };
            if let Some(outer) = at.frame.checked_sub(1) {
                for link in reading.between(FrameId(outer), *frame) {
                    at = self.follow(at, *link);
                    at.is_restored = true;
                }
            }
            at = Place { frame: frame.0 + 1, ..self.follow(at, link) };
        }
        at
    }

    /// Where a call from a place leads.
    pub fn follow(&mut self, at: Place, link: Link<S>) -> Place {
        match link.function.and_then(|function| self.find(at.call, function)) {
            Some(before) => {
                let call = self.call(self.calls[before as usize].caller, link);
                Place { call, turns: at.turns + 1, ..at }
            }
            None => Place { call: self.call(at.call, link), ..at },
        }
    }

    /// The call of a function on the way to a call.
    fn find(&self, mut at: u32, function: u32) -> Option<u32> {
        while at != ROOT {
            let call = &self.calls[at as usize];
            // PERF: most are known not to be further out after few calls.
            if call.functions & bits(function) != bits(function) {
                return None;
            }
            if call.function == function {
                return Some(at);
            }
            at = call.caller;
        }
        None
    }

    fn call(&mut self, caller: u32, link: Link<S>) -> u32 {
        let function = link.function.unwrap_or(NONE);
        // PERF: nearly all calls have one or two of their own, and a table of all would be too large for the caches.
        let (mut searched, mut last) = (0, NONE);
        let mut at = self.calls[caller as usize].first;
        while at != NONE {
            let call = &self.calls[at as usize];
            if call.step == link.step && call.function == function {
                return at;
            }
            (searched, last, at) = (searched + 1, at, call.next);
        }
        let new = self.calls.len() as u32;
        if searched == MAX_SEARCHED {
            let known = *self.more.entry((caller, link.step, function)).or_insert(new);
            if known != new {
                return known;
            }
        } else if last == NONE {
            self.calls[caller as usize].first = new;
        } else {
            self.calls[last as usize].next = new;
        }
        let functions = self.calls[caller as usize].functions | link.function.map_or(0, bits);
        self.calls.push(Call { caller, step: link.step, function, first: NONE, next: NONE, functions });
        new
    }

    /// Makes one of the calls that have the same steps on the way to them: where frames of one step are of several functions,
    /// there are others. Gives for each call the first of its kind, which stands for all from now on.
    pub fn join_twins(&mut self) -> Vec<u32> {
        let mut known: FxHashMap<(u32, S), u32> = FxHashMap::default();
        let mut same = vec![ROOT; self.calls.len()];
        for (number, call) in (0..).zip(&mut self.calls).skip(1) {
            call.caller = same[call.caller as usize];
            same[number as usize] = *known.entry((call.caller, call.step)).or_insert(number);
        }
        same
    }
}

/// Two bits of 128 for a function.
fn bits(function: u32) -> u128 {
    let hash = function.wrapping_mul(0x9e37_79b1);
    1 << (hash >> 25) | 1 << (hash >> 18 & 127)
}

#[cfg(test)]
mod tests {
    use super::super::turns::Folding;
    use super::*;

    /// Frames by letter: upper-case ones are glue, and a digit is part of no chain.
    struct Letters;

    impl Reading<char> for Letters {
        fn link(&self, FrameId(letter): FrameId) -> Option<Link<char>> {
            let step = char::from(letter as u8);
            let link = Link { step, function: step.is_lowercase().then_some(letter) };
            (!step.is_ascii_digit()).then_some(link)
        }

        fn between(&self, outer: FrameId, inner: FrameId) -> &[Link<char>] {
            const LOST: [Link<char>; 1] = [Link { step: 'l', function: Some(b'l' as u32) }];
            if (outer.0, inner.0) == (u32::from(b'y'), u32::from(b'z')) { &LOST } else { &[] }
        }
    }

    fn frames(text: &str) -> Vec<FrameId> {
        text.bytes().rev().map(|letter| FrameId(letter.into())).collect()
    }

    /// The chain of a stack, the outermost function first, with its turns and whether something was put back.
    fn chain(chains: &mut Chains<char>, stack: &str) -> (String, u32, bool) {
        let place = chains.read(Place::default(), &frames(stack), &Letters);
        let mut steps = String::new();
        let mut at = place.call;
        while at != ROOT {
            steps.insert(0, chains.calls[at as usize].step);
            at = chains.calls[at as usize].caller;
        }
        (steps, place.turns, place.is_restored)
    }

    #[test]
    fn a_chain_is_what_folding_leaves() {
        let mut chains = Chains::default();
        let mut folding = Folding::new(128);
        let mut numbers = 1_u64;
        for length in (0..400).map(|number| number % 23) {
            let stack: String = (0..length)
                .map(|_| {
                    numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    b"abcdefghAB7"[(numbers >> 33) as usize % 11] as char
                })
                .collect();
            let shown = stack.chars().filter(|letter| !letter.is_ascii_digit());
            let mut folded = String::new();
            let turns = folding.fold(
                shown,
                |letter| letter.is_lowercase().then_some(*letter as u32),
                |kept| folded.extend(kept),
            );
            assert_eq!(chain(&mut chains, &stack), (folded, turns, false), "{stack}");
        }
    }

    #[test]
    fn what_a_build_lost_is_put_back() {
        let mut chains = Chains::default();
        assert_eq!(chain(&mut chains, "ay7z"), ("aylz".to_owned(), 0, true));
        assert_eq!(chain(&mut chains, "alyz"), ("alz".to_owned(), 1, true));
    }

    #[test]
    fn rows_lead_where_their_stacks_do() {
        let mut stacks = Stacks::default();
        for text in ["abc", "b", "Xd"] {
            stacks.add(frames(text));
        }
        // The third calls the second, which calls the first.
        stacks.nodes[3].parent = 2;
        stacks.nodes[2].parent = 1;
        let mut chains = Chains::default();
        let places = chains.read_rows(&stacks, [3].into_iter(), &Letters);
        for (row, stack) in [(1, "abc"), (2, "abcb"), (3, "abcbXd")] {
            assert_eq!(places[row], chains.read(Place::default(), &frames(stack), &Letters), "{stack}");
        }
        let mut others = Chains::default();
        others.read_rows(&stacks, [1].into_iter(), &Letters);
        assert_eq!(others.calls.len(), 4, "what no row that is asked for leads to is left out");
    }

    #[test]
    fn many_calls_of_one_caller_are_told_apart() {
        let mut chains: Chains<u32> = Chains::default();
        let mut call = |step| chains.call(ROOT, Link { step, function: None });
        let first: Vec<u32> = (0..100).map(&mut call).collect();
        assert_eq!(first, (1..=100).collect::<Vec<u32>>());
        assert_eq!((0..100).map(call).collect::<Vec<u32>>(), first);
    }

    #[test]
    fn calls_of_one_step_are_known_by_the_first() {
        let link = |function| Link { step: 's', function };
        let mut chains = Chains::default();
        let one = chains.call(ROOT, link(Some(1)));
        let other = chains.call(ROOT, link(Some(2)));
        let inner = [one, other].map(|caller| chains.call(caller, Link { step: 't', function: None }));
        assert_ne!(one, other);
        let same = chains.join_twins();
        assert_eq!(
            [one, other, inner[0], inner[1]].map(|call| same[call as usize]),
            [one, one, inner[0], inner[0]]
        );
        let has = |links: &[Link<char>]| Links(links.iter().map(|link| Some(*link)).collect()).have_twins();
        assert!(has(&[link(Some(1)), link(None)]));
        assert!(!has(&[link(Some(1)), Link { step: 't', function: None }, link(Some(1))]));
    }
}

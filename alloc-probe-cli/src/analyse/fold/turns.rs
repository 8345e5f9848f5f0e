//! Recursion, folded by loop erasure.
//!
//! A stack is walked from the outermost frame inwards. Where a function comes again, what lies between its two
//! occurrences is erased and counted as a turn. Each function then stands once, at its innermost call: the same however
//! deep the recursion went, whether the optimiser made a loop or a jump of a turn, and whether the middle of the stack was
//! left out when it was recorded.

/// How many turns the stacks of a site have, least and most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Those of the stack with the fewest.
    pub least: u32,
    /// Those of the stack with the most.
    pub most: u32,
}

impl Turns {
    /// Of a single stack.
    pub const fn of(turns: u32) -> Turns {
        Turns { least: turns, most: turns }
    }

    /// With those of another stack.
    pub fn add(&mut self, turns: u32) {
        self.extend(Turns::of(turns));
    }

    /// With those of other stacks.
    pub fn extend(&mut self, turns: Turns) {
        self.least = self.least.min(turns.least);
        self.most = self.most.max(turns.most);
    }
}

/// What is used again from stack to stack.
#[derive(Debug)]
pub struct Folding<T> {
    kept: Vec<(T, Option<u32>)>,
    /// For each function, where it stands among those that are kept, from 1; 0 where it does not.
    place: Vec<u32>,
    folded: Vec<T>,
}

impl<T: Copy> Folding<T> {
    /// For stacks of so many functions.
    pub fn new(functions: usize) -> Folding<T> {
        Folding { kept: Vec::new(), place: vec![0; functions], folded: Vec::new() }
    }

    /// Folds a stack that is given from the outermost frame inwards, hands what is left to `found` in the same order, and
    /// returns the number of turns. `function` is the number of a frame's function; none where it can't recur, as glue
    /// that stands between any two functions.
    pub fn fold(
        &mut self,
        stack: impl Iterator<Item = T>,
        function: impl Fn(&T) -> Option<u32>,
        found: impl FnOnce(&[T]),
    ) -> u32 {
        let mut turns = 0;
        for frame in stack {
            let function = function(&frame);
            if let Some(function) = function {
                let before = self.place[function as usize] as usize;
                if before > 0 {
                    turns += 1;
                    self.keep(before - 1);
                }
                self.place[function as usize] = self.kept.len() as u32 + 1;
            }
            self.kept.push((frame, function));
        }
        self.folded.clear();
        self.folded.extend(self.kept.iter().map(|(frame, _)| *frame));
        found(&self.folded);
        self.keep(0);
        turns
    }

    /// Keeps so many of the outermost frames.
    fn keep(&mut self, frames: usize) {
        for function in self.kept.drain(frames..).filter_map(|(_, function)| function) {
            self.place[function as usize] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folds a stack of letters, the outermost first. Upper-case ones are glue.
    fn folded(stack: &str) -> (String, u32) {
        let mut left = String::new();
        let mut folding = Folding::new(128);
        let function = |letter: &char| letter.is_lowercase().then_some(*letter as u32);
        let turns = folding.fold(stack.chars(), function, |kept| left.extend(kept));
        assert!(folding.place.iter().all(|place| *place == 0), "nothing is left for the next stack");
        (left, turns)
    }

    #[test]
    fn each_function_stands_once() {
        let check = |stack: &str, expected: &str, turns: u32| {
            assert_eq!(folded(stack), (expected.to_owned(), turns), "{stack}");
        };
        check("", "", 0);
        check("abc", "abc", 0);
        check("abbbc", "abc", 2);
        check("abcbcbd", "abd", 2);
        check("abcdbcdbe", "abe", 2);
        check("abcdcbe", "abe", 2);
        check("aba", "a", 1);
        // What stood inside of an erased turn may come again.
        check("abcbc", "abc", 1);
    }

    #[test]
    fn glue_folds_nothing_and_goes_with_what_it_is_in() {
        assert_eq!(folded("aXbXc"), ("aXbXc".to_owned(), 0));
        assert_eq!(folded("aXbXcYbZ"), ("aXbZ".to_owned(), 1));
    }
}

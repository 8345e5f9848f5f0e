//! Which function each frame of two profiles is, by one numbering for both.

use super::resolve::{Meaning, Names};
use crate::profile::{Frame, Role};
use rustc_hash::FxHashMap;

/// A function of either build, by the numbering of one [`Functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FunctionId(pub(super) u32);

/// What two builds can agree on about a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The function.
    pub(super) function: FunctionId,
    /// The line in it, from 1; 0 where it is not known.
    pub(super) line: u32,
    /// Whose code it is, the same in both builds.
    pub(super) role: Role,
    /// Whether it has no frame of its own on the machine's stack.
    pub(super) inlined: bool,
}

/// The functions of two profiles.
#[derive(Debug)]
pub(super) struct Functions {
    /// For each frame of the base, its key.
    pub(super) base: Vec<Key>,
    /// For each frame of the new one, its key.
    pub(super) new: Vec<Key>,
    /// How many functions there are in both.
    pub(super) count: usize,
}

impl Functions {
    /// Numbers the functions of two profiles' frames.
    pub(super) fn of(base: &[Frame], new: &[Frame]) -> Functions {
        let mut names = Names::default();
        for frame in base.iter().chain(new) {
            names.learn(frame);
        }
        let mut numbers = Numbers::default();
        let base_numbers: Vec<u32> = base.iter().map(|frame| numbers.of(&names.meanings(frame))).collect();
        let new_numbers: Vec<u32> = new.iter().map(|frame| numbers.of(&names.meanings(frame))).collect();
        let ids = numbers.ids();

        // A name that lost its path may have been taken for somebody else's: the best-informed frame decides.
        let mut roles = vec![None; ids.len()];
        let frames = || base.iter().zip(&base_numbers).chain(new.iter().zip(&new_numbers));
        for whole in [true, false] {
            for (frame, number) in frames().filter(|(frame, _)| names.is_whole(frame) == whole) {
                roles[ids[*number as usize].0 as usize].get_or_insert(frame.role);
            }
        }
        let keys = |frames: &[Frame], numbers: Vec<u32>| -> Vec<Key> {
            let keys = frames.iter().zip(numbers).map(|(frame, number)| {
                let function = ids[number as usize];
                let role = roles[function.0 as usize].unwrap_or(frame.role);
                let role = if names.is_nowhere(frame) { role.min(Role::Standard) } else { role };
                Key { function, line: frame.line.unwrap_or(0), role, inlined: frame.inlined }
            });
            keys.collect()
        };
        Functions { base: keys(base, base_numbers), new: keys(new, new_numbers), count: ids.len() }
    }
}

/// Numbers of names, where several names can come to mean one function.
#[derive(Debug, Default)]
struct Numbers<'a> {
    by_name: FxHashMap<Meaning<'a>, u32>,
    /// For each number, one that means the same; its own where it stands for itself.
    same_as: Vec<u32>,
}

impl<'a> Numbers<'a> {
    /// The number of a frame that has one of these names, nobody knows which: from now on they all mean the same.
    fn of(&mut self, meanings: &[Meaning<'a>]) -> u32 {
        let mut first = None;
        for meaning in meanings {
            let next = self.same_as.len() as u32;
            let number = *self.by_name.entry(*meaning).or_insert(next);
            if number == next {
                self.same_as.push(next);
            }
            let root = self.root(number);
            match first {
                None => first = Some(root),
                Some(first) => self.same_as[root as usize] = first,
            }
        }
        // A frame always has a name, if only an empty one.
        first.unwrap_or_default()
    }

    fn root(&self, mut number: u32) -> u32 {
        while self.same_as[number as usize] != number {
            number = self.same_as[number as usize];
        }
        number
    }

    /// The function that each number means.
    fn ids(&self) -> Vec<FunctionId> {
        (0..self.same_as.len() as u32).map(|number| FunctionId(self.root(number))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: &str, line: u32, role: Role) -> Frame {
        Frame {
            function: function.to_owned(),
            path_guessed: false,
            file: (!file.is_empty()).then(|| file.to_owned()),
            line: (line > 0).then_some(line),
            column: None,
            inlined: false,
            image: None,
            role,
        }
    }

    fn program(function: &str, file: &str, line: u32) -> Frame {
        frame(function, file, line, Role::Program)
    }

    #[track_caller]
    fn check_same(base: &[Frame], new: &[Frame], same: &[bool]) {
        let functions = Functions::of(base, new);
        let keys = functions.base.iter().zip(&functions.new);
        assert_eq!(keys.map(|(base, new)| base.function == new.function).collect::<Vec<_>>(), same);
    }

    #[test]
    fn a_name_that_lost_its_path_is_found_again_by_its_file() {
        check_same(
            &[program("workloads::facts::deep", "/home/a/workloads/src/facts.rs", 12)],
            &[program("deep", "src/facts.rs", 30)],
            &[true],
        );
    }

    #[test]
    fn a_guessed_path_is_no_path() {
        let base = [program("orders::cache::Cache<K>::insert", "/a/orders/src/cache.rs", 12)];
        let mut new = [program("orders::cache::insert<u8>", "/b/orders/src/cache.rs", 12)];
        new[0].path_guessed = true;
        check_same(&base, &new, &[true]);
        check_same(&new, &new, &[true]);
    }

    #[test]
    fn the_same_last_name_in_another_file_is_another_function() {
        check_same(
            &[program("workloads::facts::deep", "src/facts.rs", 12), program("a::new", "src/a.rs", 1)],
            &[program("deep", "src/other.rs", 12), program("b::new", "src/a.rs", 1)],
            &[false, false],
        );
    }

    #[test]
    fn several_of_a_name_in_a_file_are_told_apart_by_line() {
        let base = [
            program("<m::A as Iterator>::next", "src/m.rs", 10),
            program("<m::A as Iterator>::next", "src/m.rs", 14),
            program("<m::B as Iterator>::next", "src/m.rs", 40),
        ];
        let new = [
            program("next", "src/m.rs", 12),
            program("next<T>", "src/m.rs", 15),
            program("next", "src/m.rs", 41),
        ];
        check_same(&base, &new, &[true, true, true]);
    }

    #[test]
    fn closures_in_closures_are_told_apart_by_the_exact_place() {
        let at = |mut frame: Frame, column: u32| {
            frame.column = Some(column);
            frame
        };
        let outer = at(program("m::day::{{closure}}", "src/m.rs", 63), 5);
        let inner = at(program("m::day::{{closure}}::{{closure}}", "src/m.rs", 63), 44);
        let wide = at(program("m::day::{{closure}}", "src/m.rs", 99), 5);
        let new = [
            at(program("{closure#1}", "src/m.rs", 63), 44),
            at(program("{async_fn#0}", "src/m.rs", 63), 5),
            at(program("{closure#1}", "src/m.rs", 63), 45),
        ];
        check_same(&[inner.clone(), outer, inner, wide], &new, &[true, true, true]);
    }

    #[test]
    fn what_no_place_tells_apart_is_one_function() {
        // A macro makes one method for two types: both are at its line.
        let base = [
            program("<m::A as Future>::poll", "src/macros.rs", 42),
            program("<m::B as Future>::poll", "src/macros.rs", 42),
        ];
        let new = [program("poll", "src/macros.rs", 42), program("poll", "src/macros.rs", 42)];
        check_same(&base, &new, &[true, true]);
        check_same(&base, &[base[1].clone(), base[0].clone()], &[false, false]);
    }

    #[test]
    fn unknown_paths_on_both_sides_are_numbered_by_file() {
        check_same(
            &[program("deep", "src/a.rs", 1), program("deep", "src/a.rs", 1), program("deep", "", 0)],
            &[program("deep", "src/a.rs", 9), program("deep", "src/b.rs", 1), program("deep", "", 0)],
            &[true, false, true],
        );
    }

    #[test]
    fn whose_code_it_is_follows_the_whole_name() {
        let base =
            [frame("alloc::vec::Vec<T>::push", "/rustc/1/library/alloc/src/vec/mod.rs", 5, Role::Standard)];
        let new = [frame("push", "/rustc/2/library/alloc/src/vec/mod.rs", 5, Role::Program)];
        let functions = Functions::of(&base, &new);
        assert_eq!(functions.new[0].role, Role::Standard);
        assert_eq!(functions.new[0].function, functions.base[0].function);
    }
}

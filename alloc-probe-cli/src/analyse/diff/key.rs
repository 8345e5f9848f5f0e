//! Which function each frame of two profiles is, by one numbering for both.
//!
//! Debug info of the kind `line-tables-only`, usual in release builds, knows inlined functions by their last name
//! alone: what one build calls `orders::cache::Cache::insert` is `insert` in the other, or `orders::cache::insert`
//! with a path guessed from the file. The file tells which one it is, and where it has several of that name, the
//! line does.

use super::name::Name;
use crate::profile::{Frame, Role};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
        let mut ids = HashMap::new();
        let base_ids = names.number(base, &mut ids);
        let new_ids = names.number(new, &mut ids);
        let count = ids.len();

        // A name that lost its path may have been taken for somebody else's: the best-informed frame decides.
        let mut roles = vec![None; count];
        let frames = || base.iter().zip(&base_ids).chain(new.iter().zip(&new_ids));
        for qualified in [true, false] {
            for (frame, (id, _)) in frames().filter(|(frame, _)| names.knows_path(frame) == qualified) {
                roles[id.0 as usize].get_or_insert(frame.role);
            }
        }
        let key = |(function, line): (FunctionId, u32)| Key {
            function,
            line,
            role: roles[function.0 as usize].unwrap_or(Role::Program),
        };
        let base = base_ids.into_iter().map(key).collect();
        let new = new_ids.into_iter().map(key).collect();
        Functions { base, new, count }
    }
}

/// All names there are, and which full ones stand behind each short one.
#[derive(Debug, Default)]
struct Names<'a> {
    names: HashMap<&'a str, Name>,
    /// By last name and file, the functions known by their whole path, with the lines seen in each.
    known: HashMap<(String, &'a str), Vec<Known<'a>>>,
}

/// Functions by name, and by file where the name has no path.
type Ids<'s> = HashMap<(&'s str, &'s str), FunctionId>;

/// A function known by its whole path, in one file.
#[derive(Debug)]
struct Known<'a> {
    /// As the symbols spell it: the key of its name in [`Names::names`].
    function: &'a str,
    first_line: u32,
    last_line: u32,
}

impl<'a> Names<'a> {
    fn learn(&mut self, frame: &'a Frame) {
        let name = match self.names.entry(&frame.function) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Name::of(&frame.function)),
        };
        let (true, Some(file)) = (name.qualified && !frame.path_guessed, &frame.file) else { return };
        let (path, place) = (name.path.clone(), (name.leaf().to_owned(), file_key(file)));
        let line = frame.line.unwrap_or(0);
        let known = self.known.entry(place).or_default();
        match known.iter_mut().find(|known| self.names[known.function].path == path) {
            Some(known) if line > 0 => {
                known.first_line = if known.first_line == 0 { line } else { known.first_line.min(line) };
                known.last_line = known.last_line.max(line);
            }
            Some(_) => {}
            None => known.push(Known { function: &frame.function, first_line: line, last_line: line }),
        }
    }

    fn of(&self, frame: &Frame) -> &Name {
        &self.names[frame.function.as_str()]
    }

    fn knows_path(&self, frame: &Frame) -> bool {
        self.of(frame).qualified && !frame.path_guessed
    }

    /// Gives each frame its function's number and its line, and new functions the next numbers.
    fn number<'s>(&'s self, frames: &'a [Frame], ids: &mut Ids<'s>) -> Vec<(FunctionId, u32)> {
        let numbered = frames.iter().map(|frame| {
            let next = FunctionId(ids.len() as u32);
            (*ids.entry(self.resolve(frame)).or_insert(next), frame.line.unwrap_or(0))
        });
        numbered.collect()
    }

    /// The name that a frame's function is numbered by, with a file where the name alone could be anyone's.
    fn resolve(&self, frame: &'a Frame) -> (&str, &'a str) {
        let name = self.of(frame);
        if self.knows_path(frame) {
            return (&name.path, "");
        }
        let Some(file) = frame.file.as_deref().map(file_key) else { return (&name.path, "") };
        let known = self.known.get(&(name.leaf().to_owned(), file)).map_or(&[][..], Vec::as_slice);
        let line = frame.line.unwrap_or(0);
        match known.iter().min_by_key(|known| known.distance(line)) {
            Some(known) => (&self.names[known.function].path, ""),
            None => (name.leaf(), file),
        }
    }
}

impl Known<'_> {
    /// How many lines away from the function's known ones a line is.
    fn distance(&self, line: u32) -> u32 {
        self.first_line.saturating_sub(line).max(line.saturating_sub(self.last_line))
    }
}

/// What two builds agree on about a file's path: its last two parts, wherever the sources lay.
fn file_key(file: &str) -> &str {
    let mut separators = file.rmatch_indices(['/', '\\']);
    separators.nth(1).map_or(file, |(at, _)| &file[at + 1..])
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
    fn two_of_a_name_in_a_file_are_told_apart_by_line() {
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
        assert_eq!(functions.count, 1);
    }
}

//! Which functions of one name in one file are of one type.
//!
//! That matters where a function comes again on a stack: `Statement::fmt` that calls `Ident::fmt` is no recursion. A
//! path says which type a function is of, but line tables have none of a function that was inlined. Its lines say it
//! then: the text of a function has lines that no other has. Functions that a macro made of one text have the same lines;
//! they are one.

use super::function::{Function, FunctionId};
use crate::profile::{Frame, Role};
use rustc_hash::FxHashMap;

/// The numbers of types, of which some turn out to be one.
#[derive(Default)]
struct Types<'n> {
    /// By function, and by its path where that is known.
    numbers: FxHashMap<(FunctionId, Option<&'n str>), u32>,
    /// For each number, one that it belongs to; its own where it stands for itself.
    same: Vec<u32>,
}

/// The known lines of a type's function: first, last, and the type.
type Extent = (u32, u32, u32);

/// What is known of the lines of functions, in builds of one code.
#[derive(Default)]
struct Seen {
    /// By the position of a call, the type.
    places: FxHashMap<(FunctionId, u32, Option<u32>), u32>,
    /// For each function, the lines of each type.
    extents: FxHashMap<FunctionId, Vec<Extent>>,
}

/// Numbers the frames' functions so that only those have one number which may be of one type. `path` is a frame's whole
/// path, where that is known. One without is the only one of its name and file, or that which has the line of its call, or
/// else it's taken for another.
pub(super) fn by_type<'n>(
    profiles: &[&[Frame]],
    of_frames: &[Vec<FunctionId>],
    functions: &[Function],
    path: impl Fn(&Frame) -> Option<&'n str>,
    is_one_code: bool,
) -> (Vec<Vec<u32>>, usize) {
    let sides = || profiles.iter().zip(of_frames);
    let seen_by = |side: usize| if is_one_code { 0 } else { side };
    let mut types = Types::default();
    let mut seen: Vec<Seen> = profiles.iter().map(|_| Seen::default()).collect();
    let mut only: FxHashMap<FunctionId, Option<u32>> = FxHashMap::default();
    for (side, (frames, ids)) in sides().enumerate() {
        let seen = &mut seen[seen_by(side)];
        for (frame, function) in frames.iter().zip(ids.iter().copied()) {
            let Some(path) = path(frame) else { continue };
            let number = types.number(function, Some(path));
            let known = only.entry(function).or_insert(Some(number));
            *known = known.filter(|known| *known == number);
            if let Some(line) = frame.line {
                let first = *seen.places.entry((function, line, frame.column)).or_insert(number);
                types.unite(first, number);
                seen.add_line(function, line, number);
            }
        }
    }
    let mut number = |side: usize, frame: &Frame, function: FunctionId| {
        let known = path(frame).map(|path| types.number(function, Some(path)));
        let of_only = || only.get(&function).copied().flatten();
        let of_lines = || {
            let seen = &seen[seen_by(side)];
            let place = seen.places.get(&(function, frame.line?, frame.column)).copied();
            place.or_else(|| seen.at_line(function, frame.line?, &types))
        };
        known.or_else(of_only).or_else(of_lines).unwrap_or_else(|| types.number(function, None))
    };
    let mut by_type: Vec<Vec<u32>> = Vec::new();
    for (side, (frames, ids)) in sides().enumerate() {
        by_type
            .push(frames.iter().zip(ids).map(|(frame, function)| number(side, frame, *function)).collect());
    }
    for ((frames, ids), numbers) in sides().zip(&by_type) {
        types.unite_at_positions(frames, ids, functions, numbers);
    }
    for number in by_type.iter_mut().flatten() {
        *number = types.root(*number);
    }
    (by_type, types.same.len())
}

impl Seen {
    fn add_line(&mut self, function: FunctionId, line: u32, number: u32) {
        let extents = self.extents.entry(function).or_default();
        match extents.iter_mut().find(|extent| extent.2 == number) {
            Some((first, last, _)) => (*first, *last) = ((*first).min(line), (*last).max(line)),
            None => extents.push((line, line, number)),
        }
    }

    /// The type among whose lines one is; none where it's among those of several.
    fn at_line(&self, function: FunctionId, line: u32, types: &Types<'_>) -> Option<u32> {
        let extents = self.extents.get(&function)?;
        let mut found = extents.iter().filter(|(first, last, _)| (*first..=*last).contains(&line));
        let number = found.next()?.2;
        found.all(|extent| types.root(extent.2) == types.root(number)).then_some(number)
    }
}

impl<'n> Types<'n> {
    fn number(&mut self, function: FunctionId, path: Option<&'n str>) -> u32 {
        let next = self.same.len() as u32;
        let number = *self.numbers.entry((function, path)).or_insert(next);
        if number == next {
            self.same.push(next);
        }
        number
    }

    fn root(&self, mut number: u32) -> u32 {
        while self.same[number as usize] != number {
            number = self.same[number as usize];
        }
        number
    }

    fn unite(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.same[one.max(other) as usize] = one.min(other);
    }

    /// Makes one of functions that call from one position of one file, in one build. Positions of several builds are
    /// none: what stands there in another version may be another function, or have another name.
    fn unite_at_positions(
        &mut self,
        frames: &[Frame],
        ids: &[FunctionId],
        functions: &[Function],
        numbers: &[u32],
    ) {
        let mut at_position: FxHashMap<(u32, u32, u32, bool), u32> = FxHashMap::default();
        for ((frame, function), number) in frames.iter().zip(ids).zip(numbers) {
            let of = functions[function.0 as usize];
            let (Role::Program, Some(file), Some(line), Some(column)) =
                (frame.role, of.file, frame.line, frame.column)
            else {
                continue;
            };
            let first = *at_position.entry((file, line, column, of.is_named)).or_insert(*number);
            self.unite(first, *number);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analyse::functions::Functions;
    use crate::profile::Frame;

    /// A function of one file at a line. `m::new` is one without a path of its own.
    fn at(name: &str, line: u32) -> Frame {
        Frame {
            function: name.to_owned(),
            file: Some("src/m.rs".to_owned()),
            line: (line > 0).then_some(line),
            column: (line > 0).then_some(9),
            path_guessed: name == "m::new",
            ..Frame::default()
        }
    }

    /// The types of some frames, each by the first that is of it.
    fn types(frames: &[Frame]) -> Vec<usize> {
        let of = Functions::of(&[frames], false).by_type.remove(0);
        of.iter().map(|number| of.iter().position(|other| other == number).expect("it's there")).collect()
    }

    #[test]
    fn functions_of_one_name_are_told_apart_by_their_types() {
        assert_eq!(types(&[at("m::A::new", 1), at("m::new", 2)]), [0, 0], "there is no other");
        let two = [at("m::A::new", 1), at("m::B<T>::new", 5), at("m::new", 5), at("m::new", 7)];
        assert_eq!(types(&two), [0, 1, 1, 3]);
    }

    #[test]
    fn lines_say_which_type_an_inlined_function_is_of() {
        let known = [at("m::A::new", 10), at("m::A::new", 20), at("m::B::new", 30), at("m::B::new", 40)];
        let of = |line| types(&[known.as_slice(), &[at("m::new", line)]].concat())[4];
        assert_eq!([of(12), of(35), of(25), of(0)], [0, 2, 4, 4]);
    }

    #[test]
    fn lines_of_another_build_count_if_its_code_is_the_same() {
        let base = [at("m::A::new", 10), at("m::A::new", 20), at("m::B::new", 30)];
        let new = [at("m::new", 15), at("m::new", 30)];
        let of = |is_one_code| Functions::of(&[&base, &new], is_one_code).by_type;
        let same = of(true);
        assert_eq!((same[1][0], same[1][1]), (same[0][0], same[0][2]));
        let other = of(false);
        assert!(!other[0].contains(&other[1][0]) && other[1][0] == other[1][1]);
    }

    #[test]
    fn functions_of_one_text_are_of_one_type() {
        let of_macro = [at("<A as m::Go>::go", 10), at("<B as m::Go>::go", 10), at("<B as m::Go>::go", 12)];
        assert_eq!(types(&of_macro), [0, 0, 0]);
        assert_eq!(types(&[at("m::left", 10), at("m::right", 10), at("m::right", 12)]), [0, 0, 0]);
    }
}

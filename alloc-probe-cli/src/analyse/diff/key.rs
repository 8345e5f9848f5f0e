//! Which function each frame of two profiles is, by one numbering for both, and whose code.

use crate::analyse::functions::{self, Function};
use crate::profile::{Frame, Profile, Role};
use rustc_hash::{FxHashMap, FxHashSet};

pub(super) use crate::analyse::functions::FunctionId;

/// What two builds can agree on about a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The function.
    pub(super) function: FunctionId,
    /// The function by its type, which says whether it comes again on a stack.
    pub(super) of_type: u32,
    /// The line in it, from 1; 0 where it is not known.
    pub(super) line: u32,
    /// The column, from 1; 0 where it is not known.
    pub(super) column: u32,
    /// Whose code it is, the same in both builds.
    pub(super) role: Role,
}

/// How far the two builds tell which type each function is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypesTold {
    /// One is not optimised, and so tells it of every function: the other is of the same version, so its lines are the same.
    ByEither,
    /// Neither is optimised.
    ByEach,
    /// Where one is optimised, and the other is too, or is another version, each knows it of other functions, and would fold
    /// stacks otherwise. So functions are told apart by name and file alone.
    InPart,
}

/// The functions of two profiles.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// For each frame of the base, its key.
    pub(super) base: Vec<Key>,
    /// For each frame of the new one, its key.
    pub(super) new: Vec<Key>,
    /// How many functions there are in both.
    pub(super) count: usize,
    /// What is known of each.
    pub(super) known: Vec<Function>,
    /// Functions that a binary has at one address, by its symbol table: one that its stacks show, with one of the other build.
    pub(super) one_address: FxHashSet<(FunctionId, FunctionId)>,
}

impl Functions {
    /// Whether the machine code of one function is that of the other in one of the builds.
    pub(super) fn have_one_address(&self, one: FunctionId, other: FunctionId) -> bool {
        self.one_address.contains(&(one, other)) || self.one_address.contains(&(other, one))
    }

    /// Numbers the functions of two profiles' frames.
    pub(super) fn of(profiles: [&Profile; 2], told: TypesTold) -> Functions {
        let [base, new] = profiles.map(|profile| &profile.frames[..]);
        let functions::Functions { mut of_frames, functions: known, mut by_type, .. } =
            functions::Functions::of(&[base, new], told == TypesTold::ByEither);
        let same = of_one_code(profiles, &of_frames, &known);
        of_frames.iter_mut().flatten().for_each(|function| *function = same[function.0 as usize]);
        if told == TypesTold::InPart {
            by_type = of_frames.iter().map(|ids| ids.iter().map(|function| function.0).collect()).collect();
        }
        let one_address = of_one_address(profiles, &of_frames);
        let sides = [base, new].into_iter().zip(&of_frames);
        // A name that lost its path may have been taken for somebody else's: the best-informed frame decides.
        let mut roles = vec![None; known.len()];
        for guessed in [false, true] {
            for (frames, ids) in sides.clone() {
                for (frame, id) in frames.iter().zip(ids).filter(|(frame, _)| frame.path_guessed == guessed) {
                    roles[id.0 as usize].get_or_insert(frame.role);
                }
            }
        }
        let mut keys = sides.zip(by_type).map(|((frames, ids), by_type)| {
            let key = |((frame, function), of_type): ((&Frame, &FunctionId), u32)| {
                let role = roles[function.0 as usize].unwrap_or(frame.role);
                Key {
                    function: *function,
                    of_type,
                    line: frame.line.unwrap_or(0),
                    column: frame.line.and(frame.column).unwrap_or(0),
                    // Of code that was merged from several places, the compiler keeps neither line nor file.
                    role: if is_nowhere(frame) { role.min(Role::Standard) } else { role },
                }
            };
            frames.iter().zip(ids).zip(by_type).map(key).collect()
        });
        let (base, new) = (keys.next().unwrap_or_default(), keys.next().unwrap_or_default());
        Functions { base, new, count: known.len(), known, one_address }
    }
}

/// For each function, the first of those that are the same source code: in one build, they call from one position of one file, as
/// functions that a macro made of one text do. The optimiser makes one function of them, under the name of any, and what
/// recursed through two of them recurses through one then.
///
/// Where each build shows but one of them, the binary of the one that was merged tells the name of the other.
fn of_one_code(
    profiles: [&Profile; 2],
    of_frames: &[Vec<FunctionId>],
    known: &[Function],
) -> Vec<FunctionId> {
    let mut same: Vec<u32> = (0..known.len() as u32).collect();
    let unite = |same: &mut Vec<u32>, one: FunctionId, other: FunctionId| {
        let (one, other) = (root(same, one.0), root(same, other.0));
        same[one.max(other) as usize] = one.min(other);
    };
    let frames_of =
        |side: usize| profiles[side].frames.iter().zip(of_frames.get(side).into_iter().flatten().copied());
    for side in [0, 1] {
        // Of one build alone: what stands at a position in another version may be another function, or have another name.
        let mut at_position: FxHashMap<Position, FunctionId> = FxHashMap::default();
        for (frame, function) in frames_of(side).filter(|(frame, _)| frame.role == Role::Program) {
            let Some(position) = Position::of(frame, known[function.0 as usize]) else { continue };
            let first = *at_position.entry(position).or_insert(function);
            unite(&mut same, first, function);
        }
    }
    for side in [0, 1] {
        let mut merged: FxHashMap<Position, Vec<(FunctionId, &[String])>> = FxHashMap::default();
        // An inlined function has no code of its own.
        for (frame, function) in frames_of(side).filter(|(frame, _)| !frame.inlined) {
            let Some(others) = profiles[side].merged.get(&frame.function) else { continue };
            let position = Position::of(frame, known[function.0 as usize]);
            position.into_iter().for_each(|at| merged.entry(at).or_default().push((function, others)));
        }
        for (frame, function) in frames_of(1 - side).filter(|_| !merged.is_empty()) {
            let Some(position) = Position::of(frame, known[function.0 as usize]) else { continue };
            for (shown, others) in merged.get(&position).into_iter().flatten() {
                if others.iter().any(|other| functions::may_be_of(frame, other)) {
                    unite(&mut same, *shown, function);
                }
            }
        }
    }
    (0..known.len() as u32).map(|function| FunctionId(root(&same, function))).collect()
}

/// Functions that a binary has at one address, one of which its stacks show, and the other those of the other build: of two
/// texts that are the same machine code, the linker and the optimiser leave one. Only a whole name says which it is.
fn of_one_address(
    profiles: [&Profile; 2],
    of_frames: &[Vec<FunctionId>],
) -> FxHashSet<(FunctionId, FunctionId)> {
    let mut found = FxHashSet::default();
    let frames_of =
        |side: usize| profiles[side].frames.iter().zip(of_frames.get(side).into_iter().flatten().copied());
    for side in [0, 1] {
        let mut shown: FxHashMap<String, Vec<FunctionId>> = FxHashMap::default();
        // PERF: a function has many frames, and all have its name.
        let mut seen = FxHashSet::default();
        // An inlined function has no code of its own.
        for (frame, function) in frames_of(side).filter(|(frame, _)| !frame.inlined) {
            if !seen.insert((&frame.function, function)) {
                continue;
            }
            let others = profiles[side].merged.get(&frame.function).into_iter().flatten();
            for other in others.filter_map(|other| functions::whole_path(other)) {
                let of_path = shown.entry(other).or_default();
                if !of_path.contains(&function) {
                    of_path.push(function);
                }
            }
        }
        if shown.is_empty() {
            continue;
        }
        let mut seen = FxHashSet::default();
        for (frame, function) in frames_of(1 - side).filter(|(frame, _)| !frame.path_guessed) {
            if !seen.insert((&frame.function, function)) {
                continue;
            }
            let of_path = functions::whole_path(&frame.function).and_then(|path| shown.get(&path));
            let others = of_path.into_iter().flatten().filter(|other| **other != function);
            found.extend(others.map(|other| (*other, function)));
        }
    }
    found
}

/// Where a function calls from, as far as that says which it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Position {
    file: u32,
    line: u32,
    column: u32,
    is_named: bool,
}

impl Position {
    fn of(frame: &Frame, function: Function) -> Option<Position> {
        let (file, line, column) = (function.file?, frame.line?, frame.column?);
        Some(Position { file, line, column, is_named: function.is_named })
    }
}

fn root(same: &[u32], mut function: u32) -> u32 {
    while same[function as usize] != function {
        function = same[function as usize];
    }
    function
}

/// Whether nothing is known of a frame but its last name.
fn is_nowhere(frame: &Frame) -> bool {
    frame.path_guessed && frame.line.is_none() && frame.file.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, line: u32, column: u32) -> Frame {
        Frame {
            function: function.to_owned(),
            file: Some("/w/a/src/a.rs".to_owned()),
            line: Some(line),
            column: Some(column),
            role: Role::Program,
            ..Frame::default()
        }
    }

    fn of(frames: &[Frame]) -> Profile {
        Profile { frames: frames.to_vec(), ..Profile::default() }
    }

    #[test]
    fn functions_that_a_macro_made_of_one_text_are_one() {
        let base = of(&[
            frame("a::left", 70, 9),
            frame("a::left", 76, 4),
            frame("a::right", 76, 4),
            frame("a::other", 76, 5),
        ]);
        let new = of(&[frame("a::right", 70, 9)]);
        let functions = Functions::of([&base, &new], TypesTold::ByEach);
        let function = |key: &Key| key.function;
        assert_eq!(function(&functions.base[0]), function(&functions.base[2]));
        assert_eq!(function(&functions.base[0]), function(&functions.new[0]));
        assert_ne!(
            function(&functions.base[0]),
            function(&functions.base[3]),
            "another column is another place"
        );
    }

    #[test]
    fn a_function_of_another_name_in_the_other_version_is_another() {
        let (base, mut new) = (of(&[frame("a::note", 7, 5)]), of(&[frame("a::remark", 7, 5)]));
        let are_one = |base: &Profile, new: &Profile| {
            let functions = Functions::of([base, new], TypesTold::ByEach);
            functions.base[0].function == functions.new[0].function
        };
        assert!(!are_one(&base, &new));
        let merged = |others: &[&str]| others.iter().map(|other| (*other).to_owned()).collect::<Vec<_>>();
        new.merged.insert("a::remark".to_owned(), merged(&["b::tell", "b::note"]));
        assert!(!are_one(&base, &new), "of another module");
        new.merged.insert("a::remark".to_owned(), merged(&["b::tell", "a::note"]));
        assert!(are_one(&base, &new), "its binary says so");
        assert!(are_one(&new, &base));
        new.frames[0].inlined = true;
        assert!(!are_one(&base, &new), "its name is the debug info's");
        new.frames[0].inlined = false;
        new.frames[0].column = Some(6);
        assert!(!are_one(&base, &new), "at another position");
    }

    #[test]
    fn a_closure_is_no_function_around_it() {
        let base = of(&[frame("a::f", 7, 5), frame("a::f::{closure#0}", 7, 5)]);
        let functions = Functions::of([&base, &Profile::default()], TypesTold::ByEach);
        assert_ne!(functions.base[0].function, functions.base[1].function);
    }
}

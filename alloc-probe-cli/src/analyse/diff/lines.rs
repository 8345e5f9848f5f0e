//! Which line of a function in the base is which in the new build.
//!
//! In two builds of the same source a line is the same line. Between two versions, lines inserted above a function
//! shift all of its lines by one number, which the lines seen on both sides give away. Of builds that should be of one
//! source, lines were inserted only if what comes after them in the file is shifted as well. Otherwise the optimiser left
//! other lines of a function, such as that of `derive` instead of a field's: a line that both builds have is itself.

use super::key::{FunctionId, Functions, Key};
use super::step::Step;
use crate::profile::Role;
use rustc_hash::FxHashMap;

/// How many pairs of lines of a function are tried for the shift between them; with more, only some are.
const MAX_TRIES: usize = 4096;

/// The lines seen in each function, on both sides.
#[derive(Debug)]
pub(super) struct Lines {
    functions: Vec<Seen>,
    /// From where each side's functions call.
    calls: [Calls; 2],
}

/// From where the functions of a build call.
#[derive(Debug, Default)]
struct Calls {
    /// By file, if it's known, in ascending order: the line, the function, and the function by its type.
    in_files: FxHashMap<Option<u32>, Vec<(u32, FunctionId, u32)>>,
    /// The first of these lines of each function by its type.
    first: FxHashMap<u32, u32>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// Sorted, each once, none of them 0.
    base: Vec<u32>,
    new: Vec<u32>,
    /// What must be added to a line of the base to get the same in the new build; none where no shift fits.
    shift: Option<i64>,
    /// Whether that is so of single lines, as the function is where it was.
    is_of_lines: bool,
}

impl Lines {
    /// Learns from all of the program's frames. `is_one_code`: both builds should be of the same source.
    pub(super) fn of(functions: &Functions, is_one_code: bool) -> Lines {
        let mut seen = vec![Seen::default(); functions.count];
        let is_telling = |key: &&Key| key.role == Role::Program && key.line > 0;
        for key in functions.base.iter().filter(is_telling) {
            seen[key.function.0 as usize].base.push(key.line);
        }
        for key in functions.new.iter().filter(is_telling) {
            seen[key.function.0 as usize].new.push(key.line);
        }
        for function in &mut seen {
            for lines in [&mut function.base, &mut function.new] {
                lines.sort_unstable();
                lines.dedup();
            }
            function.shift = function.find_shift();
        }
        if is_one_code {
            leave_in_place(&mut seen, functions);
        }
        let of_one_code =
            |keys: &[Key]| if is_one_code { Calls::of(keys, functions) } else { Calls::default() };
        let calls = [&functions.base, &functions.new].map(|keys| of_one_code(keys));
        Lines { functions: seen, calls }
    }

    /// Of one binary, whose lines are where they are.
    pub(super) fn of_one_binary(functions: &Functions) -> Lines {
        Lines { functions: vec![Seen::default(); functions.count], calls: Default::default() }
    }

    /// Whether a line is where a function begins that calls from another one: it comes before all those from which a build
    /// shows the function calling, and after those of what stands before it in the file.
    pub(super) fn is_beginning(&self, side: usize, file: Option<u32>, call: Step, line: u32) -> bool {
        let Some(calls) = self.calls[side].in_files.get(&file) else { return false };
        let from = |line: u32| &calls[calls.partition_point(|call| call.0 < line)..];
        let first_after = from(line).first().map(|call| call.0);
        from(call.line).iter().take_while(|other| other.0 == call.line).any(|(_, function, of_type)| {
            *function == call.function
                && line < call.line
                && first_after == self.calls[side].first.get(of_type).copied()
        })
    }

    /// Whether a build shows a function calling from a line.
    pub(super) fn shows(&self, side: usize, function: FunctionId, line: u32) -> bool {
        let seen = &self.functions[function.0 as usize];
        has(if side == 0 { &seen.base } else { &seen.new }, line.into())
    }

    /// The line that one of the base has in the new build, as far as that is known; otherwise its own.
    pub(super) fn in_new(&self, function: FunctionId, line: u32) -> u32 {
        let seen = &self.functions[function.0 as usize];
        let shift = seen.shift.filter(|_| line > 0).unwrap_or(0);
        let shifted = i64::from(line) + shift;
        // What one build alone has may be what the other alone has.
        let is_only_in = |one: &[u32], other: &[u32], line: i64| has(one, line) && !has(other, line);
        if seen.is_of_lines
            && !(is_only_in(&seen.base, &seen.new, line.into()) && is_only_in(&seen.new, &seen.base, shifted))
        {
            return line;
        }
        u32::try_from(shifted).unwrap_or(line)
    }
}

/// Finds the functions that are where they were: behind their first lines, more lines of the file are as they were than are
/// shifted as well.
fn leave_in_place(seen: &mut [Seen], functions: &Functions) {
    let file = |function: usize| functions.known.get(function).and_then(|function| function.file);
    // By file and shift, the lines of the base that have it.
    let mut lines: FxHashMap<(u32, i64), Vec<u32>> = FxHashMap::default();
    for (number, function) in seen.iter().enumerate() {
        if let (Some(file), Some(shift)) = (file(number), function.shift) {
            lines.entry((file, shift)).or_default().extend(function.met(shift));
        }
    }
    lines.values_mut().for_each(|lines| lines.sort_unstable());
    for (number, function) in seen.iter_mut().enumerate() {
        let (Some(file), Some(shift), Some(first)) = (file(number), function.shift, function.base.first())
        else {
            continue;
        };
        let behind = |shift: i64| {
            let lines = lines.get(&(file, shift)).map_or(&[][..], Vec::as_slice);
            lines.len() - lines.partition_point(|line| line < first)
        };
        function.is_of_lines = shift != 0 && behind(0) >= behind(shift);
    }
}

impl Calls {
    fn of(keys: &[Key], functions: &Functions) -> Calls {
        let mut calls = Calls::default();
        for key in keys.iter().filter(|key| key.role == Role::Program && key.line > 0) {
            let file = functions.known.get(key.function.0 as usize).and_then(|function| function.file);
            calls.in_files.entry(file).or_default().push((key.line, key.function, key.of_type));
            let first = calls.first.entry(key.of_type).or_insert(key.line);
            *first = key.line.min(*first);
        }
        calls.in_files.values_mut().for_each(|calls| calls.sort_unstable());
        calls
    }
}

impl Seen {
    /// The shift under which most lines meet; the smallest of several, and none where not even half of them do.
    fn find_shift(&self) -> Option<i64> {
        let few = self.base.len().min(self.new.len());
        let step = (self.base.len() * self.new.len()).div_ceil(MAX_TRIES).isqrt().max(1);
        let mut shifts = Vec::new();
        for base in self.base.iter().step_by(step) {
            shifts.extend(self.new.iter().step_by(step).map(|new| i64::from(*new) - i64::from(*base)));
        }
        shifts.sort_unstable_by_key(|shift| (shift.abs(), *shift));
        let most_frequent = shifts.chunk_by(|a, b| a == b).rev().max_by_key(|same| same.len())?[0];
        let best = if self.meet(0) >= self.meet(most_frequent) { 0 } else { most_frequent };
        (self.meet(best) * 2 >= few).then_some(best)
    }

    /// How many lines of the base, shifted, are lines of the new build.
    fn meet(&self, shift: i64) -> usize {
        self.met(shift).count()
    }

    /// These lines of the base.
    fn met(&self, shift: i64) -> impl Iterator<Item = u32> {
        self.base.iter().copied().filter(move |line| has(&self.new, i64::from(*line) + shift))
    }
}

fn has(lines: &[u32], line: i64) -> bool {
    u32::try_from(line).is_ok_and(|line| lines.binary_search(&line).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::functions::Function;

    fn check(base: &[u32], new: &[u32], pairs: &[(u32, u32)]) {
        let keys = |lines: &[u32]| {
            let key = |line: &u32| Key {
                function: FunctionId(0),
                of_type: 0,
                line: *line,
                column: 0,
                role: Role::Program,
            };
            lines.iter().map(key).collect()
        };
        let functions = Functions { base: keys(base), new: keys(new), count: 1, ..Functions::default() };
        let lines = Lines::of(&functions, false);
        for &(base, new) in pairs {
            assert_eq!(lines.in_new(FunctionId(0), base), new, "{base}");
        }
    }

    #[test]
    fn in_the_same_source_a_line_is_itself() {
        check(&[10, 13, 16], &[10, 16], &[(10, 10), (13, 13), (16, 16), (0, 0)]);
    }

    #[test]
    fn lines_inserted_above_shift_them_all() {
        check(&[10, 13, 16], &[13, 16, 19], &[(10, 13), (13, 16), (16, 19)]);
        check(&[10], &[14], &[(10, 14)]);
    }

    /// Where a line of the first of several functions of one file is in the new build, by the lines of each in the base and
    /// in the new build.
    fn in_one_code(of_functions: &[[&[u32]; 2]], line: u32) -> u32 {
        let count = of_functions.len();
        let keys = |side: usize| -> Vec<Key> {
            let of = (0..)
                .zip(of_functions)
                .flat_map(|(number, of)| of[side].iter().map(move |line| (number, *line)));
            of.map(|(number, line)| Key {
                function: FunctionId(number),
                of_type: number,
                line,
                column: 0,
                role: Role::Program,
            })
            .collect()
        };
        let known = vec![Function { file: Some(0), is_named: true, is_known: true }; count];
        let functions = Functions { base: keys(0), new: keys(1), count, known, ..Functions::default() };
        Lines::of(&functions, true).in_new(FunctionId(0), line)
    }

    #[test]
    fn in_one_code_a_function_is_not_shifted_alone() {
        // The methods of derived traits: each build has lost other lines.
        let derived: [&[u32]; 2] = [&[6, 39, 40, 41], &[7, 40]];
        let lines = [6, 39, 40, 41].map(|line| in_one_code(&[derived, [&[12, 45, 48]; 2]], line));
        assert_eq!(lines, [7, 39, 40, 41]);
        assert_eq!(in_one_code(&[[&[20, 23], &[50, 53]], [&[10, 13]; 2], [&[30], &[60]]], 20), 50);
    }

    #[test]
    fn a_rewritten_function_has_lines_of_its_own() {
        check(&[10, 20, 30, 40, 50], &[11, 23, 34, 47, 58], &[(10, 10), (50, 50)]);
    }

    #[test]
    fn thousands_of_lines_are_no_burden() {
        let base: Vec<u32> = (1..5000).map(|line| line * 3).collect();
        let new: Vec<u32> = base.iter().map(|line| line + 1).collect();
        check(&base, &new, &[(3, 4)]);
    }
}

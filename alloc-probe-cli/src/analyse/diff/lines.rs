//! Which line of a function in the base is which in the new build.
//!
//! In two builds of the same source a line is the same line. Between two versions, lines inserted above a function
//! shift all of its lines by one number, which the lines seen on both sides give away.

use super::key::{FunctionId, Functions, Key};
use crate::profile::Role;

/// How many pairs of lines of a function are tried for the shift between them; with more, only some are.
const MAX_TRIES: usize = 4096;

/// The lines seen in each function, on both sides.
#[derive(Debug)]
pub(super) struct Lines {
    functions: Vec<Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// Sorted, each once, none of them 0.
    base: Vec<u32>,
    new: Vec<u32>,
    /// What must be added to a line of the base to get the same in the new build; none where no shift fits.
    shift: Option<i64>,
}

impl Lines {
    /// Learns from all of the program's frames.
    pub(super) fn of(functions: &Functions) -> Lines {
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
        Lines { functions: seen }
    }

    /// The line that one of the base has in the new build, as far as that is known; otherwise its own.
    pub(super) fn in_new(&self, function: FunctionId, line: u32) -> u32 {
        let shift = self.functions[function.0 as usize].shift.filter(|_| line > 0).unwrap_or(0);
        u32::try_from(i64::from(line) + shift).unwrap_or(line)
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
        self.base.iter().filter(|line| has(&self.new, i64::from(**line) + shift)).count()
    }
}

fn has(lines: &[u32], line: i64) -> bool {
    u32::try_from(line).is_ok_and(|line| lines.binary_search(&line).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let functions = Functions { base: keys(base), new: keys(new), count: 1, known: Vec::new() };
        let lines = Lines::of(&functions);
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

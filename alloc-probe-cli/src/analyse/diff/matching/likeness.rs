//! How alike two chains of calls are.

use super::tree::Tree;
use crate::analyse::diff::key::{FunctionId, Functions};
use crate::analyse::diff::step::Step;

/// What is known of all chains together.
#[derive(Debug)]
pub(super) struct Likeness {
    /// For each function, how much it tells: little where every chain has it.
    weights: Vec<f32>,
    /// For each function, its file.
    files: Vec<Option<u32>>,
}

/// What two steps share, of what they could. A column that differs decides nothing but which of two calls on one line it is.
const SAME_PLACE: f32 = 1.0;
const SAME_LINE: f32 = 0.99;
const SAME_POSITION: f32 = 0.9;
const SAME_FUNCTION: f32 = 0.8;

impl Likeness {
    pub(super) fn of(trees: [&Tree; 2], functions: &Functions) -> Likeness {
        let mut frequency = vec![0_u32; functions.count];
        for (sum, of_tree) in frequency.iter_mut().zip(trees[0].frequency.iter().zip(&trees[1].frequency)) {
            *sum = of_tree.0 + of_tree.1;
        }
        let groups = trees.map(|tree| tree.of_groups.len()).iter().sum::<usize>() as f32;
        Likeness {
            weights: frequency.iter().map(|&times| (groups / times.max(1) as f32).ln_1p()).collect(),
            files: functions.known.iter().map(|function| function.file).collect(),
        }
    }

    /// How alike a chain of the base and one of the new build are: 1 where they are the same. None where it is less than
    /// `least`.
    pub(super) fn of_chains(&self, base: &[Step], new: &[Step], least: f32) -> Option<f32> {
        let whole: f32 = [base, new].into_iter().flatten().map(|step| self.weight(step.function)).sum();
        if whole == 0.0 {
            return Some(1.0);
        }
        // A little more, as sums of floating point numbers depend on their order.
        if self.most_shared(base, new) * 2.001 < least * whole {
            return None;
        }
        // The most that both share without changing either's order.
        let mut before = vec![0.0_f32; new.len() + 1];
        let mut row = before.clone();
        for base in base {
            for (n, new) in new.iter().enumerate() {
                row[n + 1] = (before[n] + self.shared(*base, *new)).max(before[n + 1]).max(row[n]);
            }
            std::mem::swap(&mut before, &mut row);
        }
        Some(2.0 * before[new.len()] / whole).filter(|likeness| *likeness >= least)
    }

    /// At least what two chains share: of the base's steps, those for which the other may have one, in any order.
    fn most_shared(&self, base: &[Step], new: &[Step]) -> f32 {
        let (mut functions, mut positions) = (Marks::default(), Marks::default());
        for step in new {
            functions.add(step.function.0);
            positions.add(position(step.line, step.column));
        }
        let may_share = |step: &&Step| {
            functions.may_have(step.function.0) || positions.may_have(position(step.line, step.column))
        };
        base.iter().filter(may_share).map(|step| self.weight(step.function)).sum()
    }

    /// Whether two steps are of one function, or at one position.
    pub(super) fn is_akin(&self, base: Step, new: Step) -> bool {
        self.shared(base, new) > 0.0
    }

    /// Whether two steps are of one function, and no line says that they are others.
    pub(super) fn is_same(&self, base: Step, new: Step) -> bool {
        base.function == new.function && is_line(base, new)
    }

    fn shared(&self, base: Step, new: Step) -> f32 {
        if base.function == new.function {
            let is_column = base.column == new.column || base.column == 0 || new.column == 0;
            return self.weight(base.function)
                * match (is_line(base, new), is_column) {
                    (true, true) => SAME_PLACE,
                    (true, false) => SAME_LINE,
                    (false, _) => SAME_FUNCTION,
                };
        }
        let file = |step: Step| self.files[step.function.0 as usize];
        let is_position =
            base.line > 0 && base.column > 0 && (base.line, base.column) == (new.line, new.column);
        if is_position && file(base).is_some() && file(base) == file(new) {
            return SAME_POSITION * self.weight(base.function).min(self.weight(new.function));
        }
        0.0
    }

    fn weight(&self, function: FunctionId) -> f32 {
        self.weights[function.0 as usize]
    }
}

/// Whether no line says that two steps are others.
fn is_line(base: Step, new: Step) -> bool {
    base.line == new.line || base.line == 0 || new.line == 0
}

fn position(line: u32, column: u32) -> u32 {
    line.wrapping_mul(0x9e37_79b1) ^ column
}

/// Numbers, a bit each, which others share.
#[derive(Default)]
struct Marks([u64; 16]);

impl Marks {
    fn place(number: u32) -> (usize, u32) {
        let hash = number.wrapping_mul(0x9e37_79b1) >> 22;
        (hash as usize >> 6, hash & 63)
    }

    fn add(&mut self, number: u32) {
        let (word, bit) = Marks::place(number);
        self.0[word] |= 1 << bit;
    }

    fn may_have(&self, number: u32) -> bool {
        let (word, bit) = Marks::place(number);
        self.0[word] >> bit & 1 != 0
    }
}

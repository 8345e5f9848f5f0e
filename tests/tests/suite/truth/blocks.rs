//! Every block of two recordings with what is known of it: its counterpart, or that it has none.

use super::align::align;
use super::log::{Life, Step};
use super::recording::Recording;
use std::collections::HashMap;

/// Where the other build has a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counterpart {
    /// It is this one, by its number among the other's blocks.
    Is(usize),
    /// There is none.
    Missing,
    /// The order alone doesn't tell.
    Unknown,
    /// It has no order: nothing is asked of it.
    Unjudged,
}

/// A block of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The index of its site in the profile.
    pub(crate) site: usize,
    pub(crate) size: u64,
    pub(crate) is_reallocated: bool,
    pub(crate) life: Life,
    /// Among the steps that are judged, in which it was allocated.
    pub(crate) step: u32,
    pub(crate) counterpart: Counterpart,
}

/// The blocks of both sides, the base's first.
pub(crate) fn blocks(base: &Recording, new: &Recording) -> [Vec<Known>; 2] {
    let mut blocks = [Vec::new(), Vec::new()];
    for (recording, side) in [base, new].into_iter().zip(&mut blocks) {
        for step in recording.log.iter().flatten().filter(|step| !step.is_judged()) {
            add(side, recording, (u32::MAX, step), Counterpart::Unjudged);
        }
    }
    for (number, (base_step, new_step)) in (0..).zip(judged_steps(&base.log, &new.log)) {
        let first = [blocks[0].len(), blocks[1].len()];
        add(&mut blocks[0], base, (number, base_step), Counterpart::Unknown);
        add(&mut blocks[1], new, (number, new_step), Counterpart::Unknown);
        let alignment = align(&base_step.blocks, &new_step.blocks);
        for (b, n) in alignment.same {
            blocks[0][first[0] + b].counterpart = Counterpart::Is(first[1] + n);
            blocks[1][first[1] + n].counterpart = Counterpart::Is(first[0] + b);
        }
        for (side, alone) in [alignment.only_in_base, alignment.only_in_new].into_iter().enumerate() {
            for block in alone {
                blocks[side][first[side] + block].counterpart = Counterpart::Missing;
            }
        }
    }
    blocks
}

fn add(
    blocks: &mut Vec<Known>,
    recording: &Recording,
    (number, step): (u32, &Step),
    counterpart: Counterpart,
) {
    blocks.extend(step.blocks.iter().map(|block| Known {
        site: recording.site(block.site),
        size: block.key.size,
        is_reallocated: block.key.replaces.is_some(),
        life: block.life,
        step: number,
        counterpart,
    }));
}

/// Of the blocks of which nothing is known, how many can't have a counterpart: those of one size of which one build has more
/// in a step, as far as it has more blocks there at all.
pub(crate) struct Surplus {
    /// By step, and by step and size.
    of_step: HashMap<u32, i64>,
    of_size: HashMap<(u32, u64), i64>,
}

impl Surplus {
    /// That of a side.
    pub(crate) fn of(blocks: &[Vec<Known>; 2], side: usize) -> Surplus {
        let mut surplus = Surplus { of_step: HashMap::new(), of_size: HashMap::new() };
        for (of, blocks) in blocks.iter().enumerate() {
            let is_meant =
                |block: &&Known| matches!(block.counterpart, Counterpart::Is(_) | Counterpart::Unknown);
            let one = if of == side { 1 } else { -1 };
            for block in blocks.iter().filter(is_meant) {
                *surplus.of_step.entry(block.step).or_default() += one;
                *surplus.of_size.entry((block.step, block.size)).or_default() += one;
            }
        }
        surplus
    }

    /// Takes a block out, if it's one too many.
    pub(crate) fn take(&mut self, block: &Known) -> bool {
        let of_step = self.of_step.entry(block.step).or_default();
        let of_size = self.of_size.entry((block.step, block.size)).or_default();
        let is_one = *of_step > 0 && *of_size > 0;
        if is_one {
            *of_step -= 1;
            *of_size -= 1;
        }
        is_one
    }
}

/// The steps of both that are judged, thread by thread.
fn judged_steps<'a>(base: &'a [Vec<Step>], new: &'a [Vec<Step>]) -> Vec<(&'a Step, &'a Step)> {
    // Threads that do nothing but unordered work come as it happens, and as many as it happens.
    let judged = |log: &'a [Vec<Step>]| -> Vec<Vec<&'a Step>> {
        let threads =
            log.iter().map(|steps| steps.iter().filter(|step| step.is_judged()).collect::<Vec<_>>());
        threads.filter(|steps| !steps.is_empty()).collect()
    };
    let numbers = |threads: &[Vec<&Step>]| -> Vec<Vec<u64>> {
        threads.iter().map(|steps| steps.iter().map(|step| step.number).collect()).collect()
    };
    let (base, new) = (judged(base), judged(new));
    assert!(numbers(&base) == numbers(&new), "the builds take the same steps");
    base.into_iter().flatten().zip(new.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_blocks_of_one_size_as_many_can_be_missing_as_one_build_has_more() {
        let block = |size, counterpart| {
            let life = Life { born: 0, died: None, at_peak: false, temporary: false };
            Known { site: 0, size, is_reallocated: false, life, step: 1, counterpart }
        };
        let unknown = |size| block(size, Counterpart::Unknown);
        let base = vec![block(8, Counterpart::Missing), unknown(8), unknown(8), unknown(9), unknown(7)];
        let new = vec![unknown(8), unknown(9), unknown(10)];
        let sides = [base, new];
        let mut surplus = Surplus::of(&sides, 0);
        let taken: Vec<bool> = [9, 8, 8, 7].map(|size| surplus.take(&unknown(size))).into();
        assert_eq!(taken, [false, true, false, false], "of 10, it has one less than of 7");
        assert!(!Surplus::of(&sides, 1).take(&unknown(10)));
    }
}

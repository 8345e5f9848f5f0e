//! Every block of two recordings with what is known of it: its counterpart, or that it has none.

use super::align::align;
use super::log::{Life, Step};
use super::recording::Recording;

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
    pub(crate) counterpart: Counterpart,
}

/// The blocks of both sides, the base's first.
pub(crate) fn blocks(base: &Recording, new: &Recording) -> [Vec<Known>; 2] {
    let mut blocks = [Vec::new(), Vec::new()];
    for (recording, side) in [base, new].into_iter().zip(&mut blocks) {
        for step in recording.log.iter().flatten().filter(|step| !step.is_judged()) {
            add(side, recording, step, Counterpart::Unjudged);
        }
    }
    for (base_step, new_step) in judged_steps(&base.log, &new.log) {
        let first = [blocks[0].len(), blocks[1].len()];
        add(&mut blocks[0], base, base_step, Counterpart::Unknown);
        add(&mut blocks[1], new, new_step, Counterpart::Unknown);
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

fn add(blocks: &mut Vec<Known>, recording: &Recording, step: &Step, counterpart: Counterpart) {
    blocks.extend(step.blocks.iter().map(|block| Known {
        site: recording.site(block.site),
        size: block.key.size,
        is_reallocated: block.key.replaces.is_some(),
        life: block.life,
        counterpart,
    }));
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

//! Blocks that come and go at the leaves of a tree of functions: 16,384 different stacks of some forty frames, of which
//! the innermost change quickly and the outer ones slowly, as in a program that does one thing after the other.

use super::{Random, Work};
use std::hint::black_box;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Blocks that a thread keeps at a time.
const KEPT: u64 = 10_000;
/// Different ways from the root to the last branching.
const WAYS: usize = 64;
/// Frames of such a way.
const WAY_FRAMES: u32 = 26;
/// Branchings below it: each function calls all four of the next.
const BRANCHINGS: u32 = 3;
/// Operations at a leaf. Four places of it allocate.
const AT_A_LEAF: u64 = 16;
/// Blocks that are sent to another thread at once.
const PARCEL: usize = 64;

type Parcel = Vec<Box<[u8]>>;

/// The other ends of a thread's channels.
struct Neighbours {
    next: SyncSender<Parcel>,
    previous: Receiver<Parcel>,
    parcel: Parcel,
}

struct Churn {
    kept: Vec<Box<[u8]>>,
    random: Random,
    left: u64,
    neighbours: Option<Neighbours>,
}

pub(super) fn on_one_thread(operations: u64) -> Work {
    let mut churn = Churn::new(1, operations, None);
    Work::of(operations, || churn.run())
}

/// Half of the blocks are freed by the next thread.
pub(super) fn on_threads(threads: u64, operations: u64) -> Work {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| sync_channel::<Parcel>(64)).unzip();
    let mut next = senders.into_iter().cycle().skip(1);
    let mut churns: Vec<Churn> = (0..threads)
        .zip(receivers)
        .map(|(index, previous)| {
            let next = next.next().expect("a circle has no end");
            let neighbours = Neighbours { next, previous, parcel: Vec::with_capacity(PARCEL) };
            Churn::new(index + 1, operations, Some(neighbours))
        })
        .collect();
    drop(next);
    Work::of(threads * operations, || {
        std::thread::scope(|scope| {
            churns.iter_mut().for_each(|churn| {
                scope.spawn(|| churn.run());
            });
        });
    })
}

impl Churn {
    fn new(seed: u64, operations: u64, neighbours: Option<Neighbours>) -> Churn {
        let kept = (0..KEPT).map(|_| Box::default()).collect();
        Churn { kept, random: Random(seed), left: operations, neighbours }
    }

    fn run(&mut self) {
        let mut ways = Random(99);
        let ways: [u64; WAYS] = std::array::from_fn(|_| ways.bits());
        for way in ways.into_iter().cycle() {
            step::<0>(self, WAY_FRAMES, way);
            if self.left == 0 {
                break;
            }
        }
        self.kept.clear();
    }

    /// Puts a block in the place of an older one, which is freed, here or elsewhere.
    fn replace(&mut self, new: Box<[u8]>) {
        let bits = self.random.bits();
        let old = std::mem::replace(&mut self.kept[(bits % KEPT) as usize], new);
        let Some(neighbours) = self.neighbours.as_mut().filter(|_| bits >> 63 == 0) else { return drop(old) };
        neighbours.parcel.push(old);
        if neighbours.parcel.len() == PARCEL {
            let parcel = std::mem::replace(&mut neighbours.parcel, Vec::with_capacity(PARCEL));
            // Where the next thread is behind, or has ended, the parcel is dropped here.
            drop(neighbours.next.try_send(parcel));
        }
    }

    fn take_parcels(&mut self) {
        if let Some(neighbours) = &self.neighbours {
            neighbours.previous.try_iter().for_each(drop);
        }
    }
}

/// One of four functions: each a frame of its own, with four calls.
#[inline(never)]
fn step<const OWN: u64>(churn: &mut Churn, frames: u32, way: u64) -> u64 {
    let sum = if frames == 0 {
        branch::<OWN>(churn, BRANCHINGS)
    } else {
        match way & 3 {
            0 => step::<0>(churn, frames - 1, way >> 2),
            1 => step::<1>(churn, frames - 1, way >> 2),
            2 => step::<2>(churn, frames - 1, way >> 2),
            _ => step::<3>(churn, frames - 1, way >> 2),
        }
    };
    // Work after the call, so that it is no jump; and other work in each, so that they are four functions.
    black_box(sum).wrapping_add(OWN)
}

#[inline(never)]
fn branch<const OWN: u64>(churn: &mut Churn, branchings: u32) -> u64 {
    if branchings == 0 {
        return black_box(leaf::<OWN>(churn)).wrapping_add(OWN);
    }
    let mut sum = black_box(branch::<0>(churn, branchings - 1));
    sum = sum.wrapping_add(black_box(branch::<1>(churn, branchings - 1)));
    sum = sum.wrapping_add(black_box(branch::<2>(churn, branchings - 1)));
    black_box(sum.wrapping_add(branch::<3>(churn, branchings - 1))).wrapping_add(OWN)
}

#[inline(never)]
fn leaf<const OWN: u64>(churn: &mut Churn) -> u64 {
    let operations = AT_A_LEAF.min(churn.left);
    churn.left -= operations;
    for _ in 0..operations {
        let bits = churn.random.bits();
        let size = 16 + bits as usize % 241;
        let new: Box<[u8]> = match bits >> 62 {
            0 => Box::new([OWN as u8; 16]),
            1 => Box::new([1; 64]),
            2 => vec![2; size].into_boxed_slice(),
            _ => vec![0; size].into_boxed_slice(),
        };
        churn.replace(black_box(new));
    }
    churn.take_parcels();
    OWN
}

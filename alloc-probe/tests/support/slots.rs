//! An allocator that signal handlers may call at any instant, as the system's may not: no locks, and every step of it
//! is one atomic operation. It gives addresses out again as soon as it can.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// The allocator. Blocks of up to a page are slots; of larger ones, and where there is no slot left, the system's
/// allocator takes care, which no handler gets to see.
pub(crate) struct Slots;

const LARGEST: usize = 4096;

/// Sizes of slots: 16 bytes, and each twice the one before.
const CLASSES: usize = 9;

/// Slots of a size.
const SLOTS: usize = 4096;

/// Those of 16 bytes lie behind as much that is unused, those of 32 behind them, and so on.
#[repr(C, align(4096))]
struct Memory(UnsafeCell<[u8; SLOTS * LARGEST * 2]>);

// SAFETY: each slot is given to one owner at a time, by its flag.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; SLOTS * LARGEST * 2]));
static TAKEN: [[AtomicBool; SLOTS]; CLASSES] = [const { [const { AtomicBool::new(false) }; SLOTS] }; CLASSES];
static NEXT: [AtomicUsize; CLASSES] = [const { AtomicUsize::new(0) }; CLASSES];

/// Takes a slot; its place in the memory.
fn take(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(16).next_power_of_two();
    let class = size.ilog2() as usize - 4;
    let taken = TAKEN.get(class)?;
    let first = NEXT[class].load(SeqCst);
    let slot =
        (first..first + SLOTS).map(|slot| slot % SLOTS).find(|&slot| !taken[slot].swap(true, SeqCst))?;
    NEXT[class].store(slot, SeqCst);
    Some((SLOTS + slot) * size)
}

// SAFETY: a slot belongs to whoever sets its flag until they clear it; slots do not overlap, and are aligned to their
// size. The rest is the system's allocator.
unsafe impl GlobalAlloc for Slots {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            // SAFETY: all slots lie within the memory.
            Some(place) => unsafe { MEMORY.0.get().cast::<u8>().add(place) },
            // SAFETY: the caller's promises are those asked for.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let place = (block as usize).wrapping_sub(MEMORY.0.get() as usize);
        if place >= size_of::<Memory>() {
            // SAFETY: what is no slot came from there.
            return unsafe { System.dealloc(block, layout) };
        }
        let size = layout.size().max(layout.align()).max(16).next_power_of_two();
        let (class, slot) = (size.ilog2() as usize - 4, place / size - SLOTS);
        TAKEN[class][slot].store(false, SeqCst);
        NEXT[class].store(slot, SeqCst);
    }
}

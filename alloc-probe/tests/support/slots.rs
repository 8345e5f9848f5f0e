//! An allocator that signal handlers may call at any instant, as the system's may not: no locks, and every step of it
//! is one atomic operation. It gives addresses out again as soon as it can.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Blocks of up to this many bytes, and of as large an alignment, come from slots; larger ones are mapped.
const LARGEST: usize = 1 << 12;

/// Sizes of slots: 16 bytes, and each twice the one before.
const CLASSES: usize = 9;

/// Slots of a size.
const SLOTS: usize = 4096;

#[repr(C, align(4096))]
struct Memory(UnsafeCell<[u8; SLOTS * LARGEST * 2]>);

// SAFETY: each slot is given to one owner at a time, by its flag.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; SLOTS * LARGEST * 2]));
static TAKEN: [[AtomicBool; SLOTS]; CLASSES] = [const { [const { AtomicBool::new(false) }; SLOTS] }; CLASSES];
static NEXT: [AtomicUsize; CLASSES] = [const { AtomicUsize::new(0) }; CLASSES];

/// The allocator.
pub(crate) struct Slots;

fn class(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(16).next_power_of_two();
    (size <= LARGEST).then(|| size.ilog2() as usize - 4)
}

/// Where the slots of a class start: behind those of all smaller ones, which take less than as much.
fn start(class: usize) -> usize {
    SLOTS * (16 << class)
}

// SAFETY: a slot belongs to whoever sets its flag until they clear it, and slots do not overlap; mappings are the
// kernel's, at the alignment of pages, which is the largest that is asked for.
unsafe impl GlobalAlloc for Slots {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            // SAFETY: a new mapping at a place of the kernel's choice touches nothing that exists.
            let block = unsafe { libc::mmap(null_mut(), layout.size(), access, kind, -1, 0) };
            return if block == libc::MAP_FAILED { null_mut() } else { block.cast() };
        };
        let first = NEXT[class].load(SeqCst);
        for tried in 0..SLOTS {
            let slot = (first + tried) % SLOTS;
            if !TAKEN[class][slot].swap(true, SeqCst) {
                NEXT[class].store(slot, SeqCst);
                // SAFETY: slots of all classes lie within the memory.
                return unsafe { MEMORY.0.get().cast::<u8>().add(start(class) + slot * (16 << class)) };
            }
        }
        null_mut()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class(layout) {
            Some(class) => {
                let slot = (block as usize - MEMORY.0.get() as usize - start(class)) / (16 << class);
                TAKEN[class][slot].store(false, SeqCst);
                NEXT[class].store(slot, SeqCst);
            }
            // SAFETY: it is the mapping that was made for the block.
            None => unsafe {
                libc::munmap(block.cast(), layout.size());
            },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`; the block is as long as the layout says.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }
}

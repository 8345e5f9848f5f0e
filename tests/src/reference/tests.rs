//! The reference is what all else is checked against, so its own figures are checked by hand. One test, since
//! the record is the process's.

use super::*;
use std::alloc::System;
use std::sync::mpsc;
use std::thread;

static ALLOC: Reference<System> = Reference::new(System);

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// `figures`, without those that depend on where the system puts a block.
fn without_moves(figures: Snapshot) -> Snapshot {
    Snapshot { realloc_moves: 0, moved_bytes: 0, ..figures }
}

#[test]
fn figures_by_hand() {
    // SAFETY: every block is allocated with the layout it is freed with, and used by no one.
    unsafe {
        let a = ALLOC.alloc(layout(100, 8));
        let b = ALLOC.alloc_zeroed(layout(50, 64));
        assert_eq!(b.addr() % 64, 0);
        ALLOC.dealloc(b, layout(50, 64)); // temporary: the last block allocated
        ALLOC.dealloc(a, layout(100, 8)); // not temporary: `b` came after it
        let after_two = Snapshot {
            total_bytes: 150,
            total_blocks: 2,
            freed_bytes: 150,
            freed_blocks: 2,
            peak_bytes: 150,
            peak_blocks: 2,
            temporary_blocks: 1,
            largest_bytes: 100,
            ..Snapshot::default()
        };
        assert_eq!(snapshot(), after_two);

        // 40 → 160 → 8: three blocks, 208 bytes. The peak is 160, not 200: never both at once.
        let c = ALLOC.alloc(layout(40, 8));
        let d = ALLOC.realloc(c, layout(40, 8), 160);
        let e = ALLOC.realloc(d, layout(160, 8), 8);
        let after_reallocs = Snapshot {
            total_bytes: 150 + 208,
            total_blocks: 5,
            freed_bytes: 150 + 200,
            freed_blocks: 4,
            live_bytes: 8,
            live_blocks: 1,
            peak_bytes: 160,
            peak_blocks: 1,
            realloc_calls: 2,
            largest_bytes: 160,
            ..after_two
        };
        assert_eq!(without_moves(snapshot()), after_reallocs);

        // What fails changes nothing.
        let too_much = isize::MAX as usize - 64;
        assert!(ALLOC.alloc(layout(too_much, 8)).is_null());
        assert!(ALLOC.realloc(e, layout(8, 8), too_much).is_null());
        assert_eq!(without_moves(snapshot()), after_reallocs);
        ALLOC.dealloc(e, layout(8, 8));
    }

    let ((), calls) = log(|| {
        // SAFETY: as above.
        unsafe {
            let block = ALLOC.alloc(layout(7, 1));
            let block = ALLOC.realloc(block, layout(7, 1), 9);
            ALLOC.dealloc(block, layout(9, 1));
        }
    });
    let text = calls.iter().map(Call::to_string).collect::<Vec<_>>();
    assert_eq!(text, ["Alloc 7 1 0", "Realloc 7 1 9", "Dealloc 9 1 0"]);

    // A block freed by another thread is temporary where its own thread has allocated nothing since.
    let before = snapshot().temporary_blocks;
    let (send, receive) = mpsc::channel();
    // SAFETY: as above.
    let allocate = || unsafe { ALLOC.alloc(layout(32, 8)) }.expose_provenance();
    send.send(allocate()).unwrap();
    thread::spawn(move || {
        let block = std::ptr::with_exposed_provenance_mut(receive.recv().unwrap());
        // SAFETY: as above; the block was handed over by its only holder.
        unsafe { ALLOC.dealloc(block, layout(32, 8)) };
    })
    .join()
    .unwrap();
    assert_eq!(snapshot().temporary_blocks, before + 1);
    assert_eq!(snapshot().live_blocks, 0);
    assert_eq!(record().errors, 0);
}

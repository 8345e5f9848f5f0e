//! An inner allocator that has no memory: nothing is counted, and what there was before is still known.

mod support;

use alloc_probe::AllocProbe;
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::Ordering::SeqCst;
use support::cases;
use support::child::Child;
use support::figures::are_true;
use support::truth::{Counted, FAIL, Truth};

#[global_allocator]
static ALLOC: AllocProbe<Truth> = AllocProbe::new(Truth(std::alloc::System));

fn main() -> ExitCode {
    support::main(cases![failures_change_nothing, what_can_do_without_goes_on], cases![fails, fails_softly])
}

/// Runs `f` while there is no memory.
fn without_memory<T>(f: impl FnOnce() -> T) -> T {
    FAIL.store(true, SeqCst);
    let value = f();
    FAIL.store(false, SeqCst);
    value
}

fn fails() {
    for round in 0..50 {
        // SAFETY: no layout is of size zero, and each block is freed once, with the size that it has at last.
        unsafe {
            for size in [1, 100, 3 << 12, 3 << 20] {
                for align in [1, 16, 4096] {
                    let layout = Layout::from_size_align(size, align).expect("a layout");
                    let block = black_box(alloc(layout));
                    block.write(round);
                    without_memory(|| {
                        assert!(black_box(alloc(layout)).is_null());
                        assert!(black_box(alloc_zeroed(layout)).is_null());
                        assert!(black_box(realloc(block, layout, size * 2)).is_null());
                        assert!(black_box(realloc(block, layout, size.div_ceil(2))).is_null());
                    });
                    assert_eq!(block.read(), round, "a failure leaves the old block alone");
                    let block = black_box(realloc(block, layout, size + 7));
                    assert_eq!(block.read(), round);
                    let layout = Layout::from_size_align(size + 7, align).expect("a layout");
                    without_memory(|| assert!(black_box(realloc(block, layout, 1)).is_null()));
                    without_memory(|| dealloc(block, layout));
                }
            }
        }
    }
    Counted::tell_at_exit();
}

fn failures_change_nothing() {
    for mode in ["full", "sample=1", "sample=100000", "count"] {
        let dump = are_true(&Child::new("fails", mode).succeed());
        assert_eq!((dump.lost.blocks, dump.lost.unknown_frees), (0, 0), "{mode}");
        if mode == "full" {
            let large = dump.sites.iter().flat_map(|site| &site.sizes).filter(|(bucket, _)| *bucket == 21);
            assert_eq!(large.map(|(_, count)| count).sum::<u64>(), 300);
            assert_eq!(dump.totals.realloc_calls, 50 * 4 * 3);
        }
    }
}

/// What asks for memory by `try_reserve` gets an error and goes on.
fn fails_softly() {
    let mut vec = vec![1u8; 1000];
    for _ in 0..1000 {
        without_memory(|| assert!(vec.try_reserve(1 << 20).is_err()));
        assert!(vec.try_reserve(isize::MAX as usize - 5000).is_err(), "more than there can be");
    }
    drop(vec);
    Counted::tell_at_exit();
}

fn what_can_do_without_goes_on() {
    for mode in ["full", "sample=1", "count"] {
        are_true(&Child::new("fails_softly", mode).succeed());
    }
}

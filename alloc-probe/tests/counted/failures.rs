//! An inner allocator that has no memory: nothing is counted, and what there was before is still known.

use crate::support::child::Child;
use crate::support::figures::{agree, are_true};
use crate::support::truth::{Counted, FAIL};
use crate::support::{Cases, cases};
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::sync::atomic::Ordering::SeqCst;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        failures_change_nothing,
        what_can_do_without_goes_on,
        a_failure_is_known_by_size_and_stack,
        a_failure_that_ends_the_program_is_in_its_spool,
    ],
    scenarios: cases![fails, fails_softly, fails_here, fails_for_good, has_too_little],
};

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
        assert_eq!(dump.failures.count, 50 * 12 * 5, "{mode}");
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

/// Fails ten times, each time for a byte more; the last time from elsewhere.
fn fails_here() {
    #[inline(never)]
    fn ask(vec: &mut Vec<u8>, bytes: usize) {
        assert!(black_box(vec.try_reserve_exact(bytes).is_err()));
    }
    #[inline(never)]
    fn ask_elsewhere(vec: &mut Vec<u8>, bytes: usize) {
        assert!(black_box(vec.try_reserve_exact(bytes).is_err()));
    }
    let mut vec = Vec::new();
    for more in 0..9 {
        without_memory(|| ask(&mut vec, 5000 + more));
    }
    without_memory(|| ask_elsewhere(&mut vec, 7000));
    Counted::tell_at_exit();
}

fn a_failure_is_known_by_size_and_stack() {
    for mode in ["full", "sample=100000", "count"] {
        let dump = are_true(&Child::new("fails_here", mode).succeed());
        assert_eq!(dump.failures.count, 10);
        let bytes: Vec<u64> = dump.failures.last.iter().map(|failure| failure.bytes).collect();
        assert_eq!(bytes, [5002, 5003, 5004, 5005, 5006, 5007, 5008, 7000], "the last eight");
        assert!(dump.failures.last.is_sorted_by_key(|failure| failure.time_ns));
        let stacks: Vec<u32> = dump.failures.last.iter().map(|failure| failure.stack).collect();
        if mode == "count" {
            assert_eq!(stacks, [0; 8]);
        } else {
            assert!(stacks[..7].iter().all(|&stack| stack == stacks[0] && stack != 0), "{stacks:?}");
            assert!(stacks[7] != stacks[0] && stacks[7] != 0, "{stacks:?}");
            // Nothing else is known of these stacks.
            assert!(!dump.sites.iter().any(|site| stacks.contains(&site.stack)));
        }
    }
}

/// Ends as most programs do that get no memory.
fn fails_for_good() {
    black_box(vec![1u8; 70_000]).leak();
    Counted::now().tell();
    without_memory(|| drop(black_box(Vec::<u8>::with_capacity(123_456))));
}

/// May have 200 MiB of address space, and wants more.
fn has_too_little() {
    let mut kept = Vec::new();
    loop {
        Counted::now().tell();
        kept.push(black_box(vec![1u8; 1 << 20]));
    }
}

fn a_failure_that_ends_the_program_is_in_its_spool() {
    use std::os::unix::process::ExitStatusExt as _;
    let outcome = Child::new("fails_for_good", "full").run();
    assert_eq!(outcome.status.signal(), Some(libc::SIGABRT), "{}", outcome.stderr());
    let dump = outcome.spool();
    agree(&dump);
    assert_eq!(dump.process.signal, Some(libc::SIGABRT));
    // After it, what the message would have taken may fail as well.
    let failed = dump.failures.last.first().expect("one failed");
    assert_eq!(failed.bytes, 123_456);
    assert_ne!(failed.stack, 0);

    let outcome = Child::new("has_too_little", "full").limit(libc::RLIMIT_AS, 200 << 20).run();
    assert_eq!(outcome.status.signal(), Some(libc::SIGABRT), "{}", outcome.stderr());
    let dump = outcome.spool();
    assert_eq!(dump.failures.last.first().map(|failed| failed.bytes), Some(1 << 20));
    // What came after the last word of the program is no more than its message.
    let told = Counted::told(&outcome);
    assert!(dump.totals.end_bytes >= told.live_bytes && dump.totals.end_bytes < told.live_bytes + (1 << 20));
    assert!(dump.totals.end_blocks > 20, "{:?}", dump.totals);
}

fn what_can_do_without_goes_on() {
    for mode in ["full", "sample=1", "count"] {
        are_true(&Child::new("fails_softly", mode).succeed());
    }
}

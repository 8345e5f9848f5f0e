//! How much of the program's stack the probe takes: little enough for the smallest that a thread may have.

use crate::support::child::Child;
use crate::support::figures::are_true_but_for_the_peak;
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::null_mut;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        the_stack_that_is_used_is_bounded,
        a_threads_first_use_fits_into_the_smallest_stack,
        a_deep_recursion_is_taken_whole,
    ],
    scenarios: cases![uses, small_stacks, descends],
};

type Body = extern "C" fn(*mut c_void) -> *mut c_void;

/// Runs a thread on a stack of so many bytes, and tells how many of them it wrote to.
fn used_by(body: Body, stack_bytes: usize) -> usize {
    const PAINT: u8 = 0xa5;
    // SAFETY: the mapping is the thread's stack until it is joined, and this function's alone before and after.
    unsafe {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let stack = libc::mmap(null_mut(), stack_bytes, access, kind, -1, 0);
        assert_ne!(stack, libc::MAP_FAILED);
        stack.cast::<u8>().write_bytes(PAINT, stack_bytes);
        let mut attributes = std::mem::MaybeUninit::uninit();
        let mut thread = std::mem::MaybeUninit::uninit();
        assert_eq!(libc::pthread_attr_init(attributes.as_mut_ptr()), 0);
        assert_eq!(libc::pthread_attr_setstack(attributes.as_mut_ptr(), stack, stack_bytes), 0);
        assert_eq!(libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), body, null_mut()), 0);
        assert_eq!(libc::pthread_join(thread.assume_init(), null_mut()), 0);
        let stack = std::slice::from_raw_parts(stack.cast::<u8>(), stack_bytes);
        stack_bytes - stack.iter().take_while(|&&byte| byte == PAINT).count()
    }
}

extern "C" fn nothing(_: *mut c_void) -> *mut c_void {
    null_mut()
}

extern "C" fn allocates(_: *mut c_void) -> *mut c_void {
    for size in 1..1000 {
        let mut block = black_box(vec![1u8; size]);
        block.reserve_exact(size * 2);
        drop(black_box(block));
    }
    null_mut()
}

/// Long enough for samples of the timeline, too.
extern "C" fn allocates_on(_: *mut c_void) -> *mut c_void {
    let start = std::time::Instant::now();
    while start.elapsed().as_millis() < 20 {
        allocates(null_mut());
    }
    null_mut()
}

extern "C" fn dumps(_: *mut c_void) -> *mut c_void {
    alloc_probe::dump("another.json").expect("a dump");
    null_mut()
}

/// What the thread itself takes, as for its thread-locals, is not counted. The first use is the process's first
/// allocation, the second a thread's.
fn uses() {
    const STACK: usize = 512 << 10;
    let own = used_by(nothing, STACK);
    for (name, body) in
        [("first", allocates as Body), ("second", allocates), ("steady", allocates_on), ("dump", dumps)]
    {
        tell(name, (used_by(body, STACK) - own) as u64);
    }
    std::fs::remove_file("another.json").expect("the dump");
}

/// The smallest stacks leave some 12 KiB to their threads. Without optimisation it takes several times as much, which
/// nobody runs on such stacks.
const MOST: u64 = if cfg!(debug_assertions) { 40 << 10 } else { 8 << 10 };

fn the_stack_that_is_used_is_bounded() {
    for mode in ["full", "sample=100", "count"] {
        let outcome = Child::new("uses", mode).succeed();
        for name in ["first", "second", "steady", "dump"] {
            assert!(outcome.told(name) < MOST, "{mode}: {name}, {} bytes", outcome.told(name));
        }
    }
}

/// The first of them makes the first allocation of the process.
fn small_stacks() {
    for _ in 0..20 {
        used_by(allocates_on, if cfg!(debug_assertions) { 64 << 10 } else { libc::PTHREAD_STACK_MIN });
    }
    Counted::tell_at_exit();
}

fn a_threads_first_use_fits_into_the_smallest_stack() {
    for mode in ["full", "sample=100", "count"] {
        let outcome = Child::new("small_stacks", mode).succeed();
        are_true_but_for_the_peak(&outcome.dump(), Counted::told(&outcome));
    }
}

const DEPTH: usize = 480;

/// Allocates at every depth, and at the deepest often.
fn descends() {
    #[inline(never)]
    fn descend(depth: usize) -> usize {
        let block = black_box(Box::new(depth));
        if depth == 0 {
            return (0..100).map(|_| black_box(Vec::<u8>::with_capacity(3 << 20)).capacity()).sum();
        }
        descend(depth - 1) + *black_box(block)
    }
    black_box(descend(DEPTH));
    Counted::tell_at_exit();
}

fn a_deep_recursion_is_taken_whole() {
    let dump = crate::support::figures::are_true(&Child::new("descends", "full").succeed());
    let deepest = crate::support::figures::sites_of_size(&dump, 21);
    let [site] = deepest.as_slice() else { panic!("{deepest:?}") };
    assert_eq!(site.figures.total_blocks, 100);
    let mut frames = 0;
    let mut row = site.stack as usize;
    while row != 0 {
        (row, frames) = (dump.stacks[row].parent as usize, frames + 1);
    }
    assert!(frames > DEPTH, "{frames}");
    assert_eq!(dump.lost.truncated_stacks, 0);
}

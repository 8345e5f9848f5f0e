//! How much of its stack a thread uses: what the dump says against addresses that the thread looked at itself.

use crate::support::child::{Child, Outcome};
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::{Dump, Mode, Thread};
use std::ffi::c_void;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::{Arc, Barrier};
use std::thread::Builder;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        the_stack_of_a_thread_that_ended_is_what_it_touched,
        a_live_threads_stack_is_what_it_touched,
        the_main_threads_stack_is_what_it_touched,
        a_thread_that_touches_little_has_touched_little,
        of_many_threads_of_a_name_the_deepest_counts,
        a_stack_of_the_programs_own_is_measured,
        other_stacks_are_not_taken_for_the_threads,
        a_killed_process_tells_how_deep_it_was,
        counts_alone_measure_no_stacks,
    ],
    scenarios: cases![joined, alive, on_main, shallow, thousand, own_stack, on_another_stack, killed],
};

const PAGE: u64 = 4096;
const FRAME_BYTES: u64 = 1024;

/// Frames down to where a block is allocated, and below that. So many that the probe, which takes up to 40 KiB where it
/// is not optimised, does not reach as far as these do.
const UPPER: u64 = 448;
const LOWER: u64 = 64;

/// What is not known by hand: the last page in part, and what the innermost frame calls.
const SLACK: u64 = 2 * PAGE;

/// What the C library leaves in place of an earlier thread's stack.
const LEFT_BEHIND: u64 = 4 * PAGE;

/// Recurses through so many frames of at least [`FRAME_BYTES`], and calls `f` in the innermost.
#[inline(never)]
fn recurse(frames: u64, f: &dyn Fn()) -> u8 {
    let mut array = [1u8; FRAME_BYTES as usize];
    black_box(&mut array);
    if frames == 1 {
        f()
    } else {
        _ = black_box(recurse(frames - 1, f))
    }
    black_box(array)[frames as usize % array.len()]
}

/// Where the calling thread's stack begins, as the C library says.
fn beginning() -> u64 {
    let mut attributes = MaybeUninit::uninit();
    let (mut start, mut size) = (null_mut(), 0);
    // SAFETY: the attributes are filled in by the first call, and destroyed by the last.
    unsafe {
        assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()), 0);
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    start as u64 + size as u64
}

/// Goes down, tells how far from the stack's beginning it is, allocates a block of 3 MiB, goes further down, and tells
/// again. `f` is called before it comes up.
#[inline(never)]
fn dive(f: &dyn Fn()) {
    let beginning = beginning();
    let tell_depth = |name| {
        let here = 0_u8;
        tell(name, beginning - &raw const here as u64);
    };
    recurse(UPPER, &|| {
        tell_depth("allocated");
        drop(black_box(Vec::<u8>::with_capacity(3 << 20)));
        recurse(LOWER, &|| {
            tell_depth("touched");
            f();
        });
    });
}

#[track_caller]
fn thread<'a>(dump: &'a Dump, name: &str) -> &'a Thread {
    let mut found = dump.threads.iter().filter(|thread| thread.name == name);
    let thread = found.next().unwrap_or_else(|| panic!("no thread `{name}`: {:?}", dump.threads));
    assert_eq!(found.next(), None, "one row for `{name}`");
    thread
}

/// Fails where a thread's stack is not as deep as it told.
#[track_caller]
fn is_as_deep_as_told(outcome: &Outcome, dump: &Dump, thread: &Thread) {
    let told = outcome.told("touched");
    assert!(told > (UPPER + LOWER) * FRAME_BYTES, "{told}");
    let touched = told.next_multiple_of(PAGE);
    assert!((touched - PAGE..=touched + SLACK).contains(&thread.stack_bytes), "{told} told: {thread:?}");
    assert_eq!(thread.stack_bytes % PAGE, 0);
    is_deepest_at_the_block(outcome, dump, thread);
}

/// Fails where the deepest stack is not that of the block of 3 MiB.
#[track_caller]
fn is_deepest_at_the_block(outcome: &Outcome, dump: &Dump, thread: &Thread) {
    let told = outcome.told("allocated");
    assert!((told..told + SLACK).contains(&thread.deepest_bytes), "{told} told: {thread:?}");
    assert!(thread.stack_limit_bytes > thread.deepest_bytes, "{thread:?}");
    let block = crate::support::figures::sites_of_size(dump, 21);
    assert!(block.iter().any(|site| site.stack == thread.deepest_stack), "{thread:?}: {block:?}");
}

fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<()> {
    Builder::new().name(name.to_owned()).spawn(f).expect("a thread")
}

fn joined() {
    spawn("diver", || dive(&|| {})).join().expect("it returns");
}

fn the_stack_of_a_thread_that_ended_is_what_it_touched() {
    let outcome = Child::new("joined", "full").succeed();
    let dump = outcome.dump();
    let diver = thread(&dump, "diver");
    assert_eq!((diver.tid, diver.threads), (None, 1));
    // 2 MiB is what the standard library gives a thread.
    assert!((2 << 20..(2 << 20) + 16 * PAGE).contains(&diver.stack_limit_bytes), "{diver:?}");
    is_as_deep_as_told(&outcome, &dump, diver);
}

/// The thread has come up again at the dump: what counts is the most.
fn alive() {
    let up = Arc::new(Barrier::new(2));
    let also = Arc::clone(&up);
    spawn("diver", move || {
        dive(&|| {});
        also.wait();
        loop {
            std::thread::park();
        }
    });
    up.wait();
}

fn a_live_threads_stack_is_what_it_touched() {
    let outcome = Child::new("alive", "full").succeed();
    let dump = outcome.dump();
    let diver = thread(&dump, "diver");
    assert!(diver.tid.is_some(), "{diver:?}");
    is_as_deep_as_told(&outcome, &dump, diver);
}

fn on_main() {
    dive(&|| {});
}

/// The thread's beginning is where its arguments and environment are, for the C library: these are the kernel's, and not
/// counted.
fn the_main_threads_stack_is_what_it_touched() {
    let outcome = Child::new("on_main", "full").succeed();
    let dump = outcome.dump();
    let main = dump.threads.iter().find(|thread| thread.tid == Some(outcome.pid)).expect("the main thread");
    let environment = 16 * PAGE;
    let told = outcome.told("touched");
    assert!((told - environment..told + SLACK).contains(&main.stack_bytes), "{told} told: {main:?}");
    let told = outcome.told("allocated");
    assert!((told - environment..told + SLACK).contains(&main.deepest_bytes), "{told} told: {main:?}");
}

/// Without optimisation, the probe itself takes up to 40 KiB.
const PROBE: u64 = if cfg!(debug_assertions) { 40 << 10 } else { 8 << 10 };

/// What a thread has besides, at its beginning and while it starts: its control block, its thread-locals, and the frames
/// of the standard library.
const START: u64 = 4 * PAGE;

fn shallow() {
    for _ in 0..2 {
        spawn("shallow", || drop(black_box(Box::new(1)))).join().expect("it returns");
    }
}

fn a_thread_that_touches_little_has_touched_little() {
    for mode in ["full", "sample=1000000000"] {
        let dump = Child::new("shallow", mode).succeed().dump();
        let shallow = thread(&dump, "shallow");
        assert_eq!(shallow.threads, 2);
        let most = START + PROBE + LEFT_BEHIND;
        assert!((PAGE..=most).contains(&shallow.stack_bytes), "{mode}: {shallow:?}");
        assert!(shallow.deepest_bytes < START + PROBE, "{mode}: {shallow:?}");
    }
}

/// A thousand, of which the five-hundredth goes deep. All have its stack, or one that another has had, in turn.
fn thousand() {
    for number in 0..1000 {
        let dives = number == 500;
        let body = move || {
            if dives {
                dive(&|| {});
            }
        };
        spawn("one-of-many", body).join().expect("it returns");
    }
    for _ in 0..10 {
        spawn("later", || drop(black_box(Box::new(1)))).join().expect("it returns");
    }
}

fn of_many_threads_of_a_name_the_deepest_counts() {
    let outcome = Child::new("thousand", "full").succeed();
    let dump = outcome.dump();
    let many = thread(&dump, "one-of-many");
    assert_eq!(many.threads, 1000);
    is_as_deep_as_told(&outcome, &dump, many);
    // Its pages were given back when it ended.
    let later = thread(&dump, "later");
    assert!(later.stack_bytes <= START + PROBE + LEFT_BEHIND, "{later:?}");
    assert!(later.deepest_bytes < START + PROBE, "{later:?}");
}

extern "C" fn dives(_: *mut c_void) -> *mut c_void {
    dive(&|| {});
    null_mut()
}

const OWN_STACK: usize = 4 << 20;

/// A mapping that the program made a thread's stack. Nobody has touched it before.
fn own_stack() {
    // SAFETY: the mapping is the thread's stack until it is joined.
    unsafe {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let stack = libc::mmap(null_mut(), OWN_STACK, access, kind, -1, 0);
        assert_ne!(stack, libc::MAP_FAILED);
        assert_eq!(libc::madvise(stack, OWN_STACK, libc::MADV_NOHUGEPAGE), 0);
        let mut attributes = MaybeUninit::uninit();
        let mut thread = std::mem::MaybeUninit::uninit();
        assert_eq!(libc::pthread_attr_init(attributes.as_mut_ptr()), 0);
        assert_eq!(libc::pthread_attr_setstack(attributes.as_mut_ptr(), stack, OWN_STACK), 0);
        assert_eq!(libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), dives, null_mut()), 0);
        assert_eq!(libc::pthread_join(thread.assume_init(), null_mut()), 0);
    }
}

fn a_stack_of_the_programs_own_is_measured() {
    let outcome = Child::new("own_stack", "full").succeed();
    let dump = outcome.dump();
    // The thread has the name of the one that made it, which is alive.
    let own = dump.threads.iter().find(|thread| thread.tid.is_none()).expect("a thread that ended");
    // musl has what it keeps of the thread on that stack.
    let at_least = if cfg!(target_env = "musl") { OWN_STACK - (8 << 10) } else { OWN_STACK };
    assert!(
        (at_least as u64..=OWN_STACK as u64).contains(&own.stack_limit_bytes),
        "{}",
        own.stack_limit_bytes
    );
    is_as_deep_as_told(&outcome, &dump, own);
}

/// A coroutine's stack is none of the thread's, however far below or above it lies.
fn on_another_stack() {
    use corosensei::{Coroutine, CoroutineResult};
    let body = || {
        drop(black_box(Box::new(1)));
        let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| {
            recurse(LOWER, &|| drop(black_box(Vec::<u8>::with_capacity(3 << 20))));
        });
        assert!(matches!(coroutine.resume(()), CoroutineResult::Return(())));
    };
    spawn("switcher", body).join().expect("it returns");
}

fn other_stacks_are_not_taken_for_the_threads() {
    let dump = Child::new("on_another_stack", "full").succeed().dump();
    let switcher = thread(&dump, "switcher");
    assert!(switcher.deepest_bytes < START + PROBE, "{switcher:?}");
    assert!(switcher.stack_bytes <= START + PROBE + LEFT_BEHIND, "{switcher:?}");
    assert!(!crate::support::figures::sites_of_size(&dump, 21).is_empty());
}

fn killed() {
    spawn("diver", || {
        dive(&|| loop {
            tell("down", 1);
            std::thread::park();
        });
    });
    loop {
        std::thread::park();
    }
}

fn a_killed_process_tells_how_deep_it_was() {
    let mut running = Child::new("killed", "full").start();
    running.wait_for("down");
    let outcome = running.kill();
    let dump = outcome.spool();
    let diver = thread(&dump, "diver");
    assert_eq!(diver.stack_bytes, 0, "nobody was there to measure it: {diver:?}");
    is_deepest_at_the_block(&outcome, &dump, diver);
}

fn counts_alone_measure_no_stacks() {
    let dump = Child::new("joined", "count").succeed().dump();
    assert_eq!(dump.mode, Mode::Count);
    for thread in &dump.threads {
        let figures = [thread.stack_bytes, thread.stack_limit_bytes, thread.deepest_bytes];
        assert_eq!((figures, thread.deepest_stack), ([0; 3], 0), "{thread:?}");
    }
}

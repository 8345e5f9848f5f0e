//! The hot path by itself: an allocation and its free, again and again, from a stack of a chosen depth.
//!
//! Each pair goes through the program's global allocator, or straight to the system's, which is what it is compared
//! with. There is one block at a time, so everything that a pair touches is in the nearest cache: what is measured is
//! the work itself. What it costs where the caches are busy, the workloads tell.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The depths that are measured, in frames.
pub const DEPTHS: [u32; 3] = [10, 40, 200];

/// The size of the blocks, in bytes.
pub const BLOCK_BYTES: usize = 48;

/// Frames of a stack that are there without any recursion: two of the C library, the thread's body, the outermost
/// of [`descend`], and the function that allocates.
const FRAMES_BESIDES: u32 = 5;

/// Where consecutive blocks are allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sites {
    /// At one call site: each stack is the same as the one before.
    One,
    /// At two call sites of a function in turn: the innermost frame differs.
    Two,
}

impl Sites {
    /// Both.
    pub const ALL: [Sites; 2] = [Sites::One, Sites::Two];

    /// The word for it, in arguments and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Sites::One => "unchanged",
            Sites::Two => "another-site",
        }
    }

    /// The one with that word.
    pub fn named(name: &str) -> Option<Sites> {
        Sites::ALL.into_iter().find(|sites| sites.name() == name)
    }
}

/// Who is asked for blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// The system's allocator, as in a program without the probe.
    System,
    /// The program's global allocator.
    Global,
    /// The system's, by a wrapper of the probe's shape that does the least: it looks at a mode, finds the thread's figures, and
    /// adds to two of them for each block and two for each end.
    Least,
}

/// Allocates and frees twice so many blocks.
pub fn run(allocator: Allocator, sites: Sites, twice: u32) {
    match allocator {
        Allocator::System => straight(sites, twice),
        Allocator::Global => recorded(sites, twice),
        Allocator::Least => pairs(sites, twice, least_alloc, least_dealloc),
    }
}

/// Pairs of the system's allocator. A function of its own, as [`recorded`] is: callgrind counts by function.
#[inline(never)]
fn straight(sites: Sites, twice: u32) {
    pairs(sites, twice, system_alloc, system_dealloc);
}

/// Pairs of the global allocator.
#[inline(never)]
fn recorded(sites: Sites, twice: u32) {
    // SAFETY: the layout that `pairs` passes is not of size zero.
    let alloc = |layout| unsafe { std::alloc::alloc(layout) };
    // SAFETY: `pairs` frees what it has just allocated, with the same layout.
    let dealloc = |block, layout| unsafe { std::alloc::dealloc(block, layout) };
    pairs(sites, twice, alloc, dealloc);
}

#[inline(always)]
fn pairs(sites: Sites, twice: u32, alloc: impl Fn(Layout) -> *mut u8, dealloc: impl Fn(*mut u8, Layout)) {
    let layout = black_box(Layout::new::<[u64; BLOCK_BYTES / 8]>());
    for _ in 0..twice {
        match sites {
            Sites::One => {
                for _ in 0..black_box(2) {
                    dealloc(black_box(alloc(layout)), layout);
                }
            }
            Sites::Two => {
                dealloc(black_box(alloc(layout)), layout);
                dealloc(black_box(alloc(layout)), layout);
            }
        }
    }
}

/// What a program's global allocator is where it names none: a call that calls the system's.
#[inline(never)]
fn system_alloc(layout: Layout) -> *mut u8 {
    // SAFETY: the layout that `pairs` passes is not of size zero.
    unsafe { System.alloc(layout) }
}

#[inline(never)]
fn system_dealloc(block: *mut u8, layout: Layout) {
    // SAFETY: `pairs` frees what it has just allocated, with the same layout.
    unsafe { System.dealloc(block, layout) }
}

static LEAST_MODE: AtomicU32 = AtomicU32::new(2);

thread_local! {
    static LEAST: [Cell<u64>; 4] = const { [const { Cell::new(0) }; 4] };
}

fn add(to: usize, size: usize) {
    LEAST.with(|figures| {
        figures[to].set(figures[to].get() + size as u64);
        figures[to + 1].set(figures[to + 1].get() + 1);
    });
}

#[inline(never)]
fn least_alloc(layout: Layout) -> *mut u8 {
    if LEAST_MODE.load(Relaxed) == 1 { system_alloc(layout) } else { least_counted(layout) }
}

#[inline(never)]
fn least_counted(layout: Layout) -> *mut u8 {
    // SAFETY: the layout that `pairs` passes is not of size zero.
    let block = unsafe { System.alloc(layout) };
    if !block.is_null() {
        add(0, layout.size());
    }
    block
}

#[inline(never)]
fn least_dealloc(block: *mut u8, layout: Layout) {
    if LEAST_MODE.load(Relaxed) != 1 {
        add(2, layout.size());
    }
    // SAFETY: as for `system_dealloc`.
    unsafe { System.dealloc(block, layout) }
}

/// Calls `f` on a thread of its own, so deep that [`run`] allocates from a stack of so many frames where `f` does nothing
/// else than call it. What counts or measures in between has a frame or two of its own, and so have wrappers in a build
/// that is not optimised.
pub fn at_depth(depth: u32, f: &mut (dyn FnMut() + Send)) {
    let mut work = (depth - FRAMES_BESIDES, f);
    let mut thread = 0;
    // SAFETY: `body` has the type that a thread's function has, and what it is passed lives until the thread is joined.
    unsafe {
        let argument = (&raw mut work).cast::<c_void>();
        assert_eq!(libc::pthread_create(&mut thread, std::ptr::null(), body, argument), 0);
        assert_eq!(libc::pthread_join(thread, null_mut()), 0);
    }
}

type Work<'f> = (u32, &'f mut (dyn FnMut() + Send));

extern "C" fn body(work: *mut c_void) -> *mut c_void {
    // SAFETY: it is the work that `at_depth` passed, which nobody else touches meanwhile.
    let (frames, f) = unsafe { &mut *work.cast::<Work<'_>>() };
    descend(*frames, *f);
    null_mut()
}

#[inline(never)]
fn descend(frames: u32, f: &mut (dyn FnMut() + Send)) {
    match frames {
        0 => f(),
        _ => descend(frames - 1, f),
    }
    // So that the call before is no jump.
    black_box(());
}

//! What the programs share: an allocator that logs every block with the site that the probe gave it, and `step`s
//! that say what the program is doing.
//!
//! The log is the truth that the matching of two builds is held against. It owes nothing to stacks: the same program
//! with the same input takes the same steps, and in each it allocates in the same order, whatever the optimiser does.
//!
//! Each thread writes a file, `TRUTH_LOG` with its number for an ending: words of 64 bits, the first of which says how
//! many there are. A record is six words: a block is `BLOCK` or `REALLOCATED`, its site, the size of the block it
//! replaces, its size, its address and the time; the end of one is `FREED`, three words for nothing, its address and the
//! time; a step is `STEP`, its number, and four words for nothing.
#![cfg(feature = "truth")]

use alloc_probe::truth;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// The first word of a block.
pub const BLOCK: u64 = 1;
/// The same of one that replaces another.
pub const REALLOCATED: u64 = 2;
/// The first word of a step.
pub const STEP: u64 = 3;
/// The first word of a block's end.
pub const FREED: u64 = 4;

/// The step that is not judged: see [`step`].
pub const UNORDERED: u64 = u64::MAX;

/// Words of a record.
const WORDS: usize = 6;
/// What is reserved for a thread's log; only what is written takes space.
const LOG_BYTES: usize = 1 << 30;

/// The allocator below the probe's: the system's, which sees to it that the first block is logged, and the end of each.
#[derive(Debug)]
pub struct Logged;

// SAFETY: every method hands its arguments to the system's allocator and returns what that returned.
unsafe impl GlobalAlloc for Logged {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        truth::on_recorded(block);
        // SAFETY: the caller upholds the contract.
        at(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        truth::on_recorded(block);
        // SAFETY: the caller upholds the contract.
        at(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        write([FREED, 0, 0, 0, block as u64, now()]);
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Before another thread can be given the address.
        write([FREED, 0, 0, 0, block as u64, now()]);
        // SAFETY: the caller upholds the contract.
        at(unsafe { System.realloc(block, layout, new_size) })
    }
}

/// From here on the thread does something else. Builds are compared step by step, so the more there are, the less is
/// left to tell from sizes alone.
///
/// [`UNORDERED`] says that what follows has no order of its own, as where threads share work: it isn't judged. A thread
/// whose first step that is isn't judged from its start on.
pub fn step(number: u64) {
    write([STEP, number, 0, 0, 0, 0]);
}

fn block(site: u32, old_size: Option<u64>, size: u64) {
    let kind = if old_size.is_some() { REALLOCATED } else { BLOCK };
    write([kind, site.into(), old_size.unwrap_or(0), size, ADDRESS.get(), now()]);
}

/// Remembers the address that the thread is about to be told the site of.
fn at(block: *mut u8) -> *mut u8 {
    ADDRESS.set(block as u64);
    block
}

/// The time in nanoseconds, the same for all threads.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to a place that is there for it.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

thread_local! {
    // Constant and without destructors, so that they neither allocate nor are gone before the last block.
    static LOG: Cell<*mut u64> = const { Cell::new(std::ptr::null_mut()) };
    static ADDRESS: Cell<u64> = const { Cell::new(0) };
}

fn write(record: [u64; WORDS]) {
    let mut log = LOG.get();
    if log.is_null() {
        log = open();
        LOG.set(log);
    }
    // SAFETY: the log has `LOG_BYTES`, is this thread's alone, and a record ends before that.
    unsafe {
        let end = *log as usize;
        assert!((end + WORDS + 1) * size_of::<u64>() < LOG_BYTES);
        log.add(1 + end).cast::<[u64; WORDS]>().write(record);
        *log = (end + WORDS) as u64;
    }
}

/// Maps a new log, without allocating: the calling thread is in the midst of that.
fn open() -> *mut u64 {
    static THREADS: AtomicU32 = AtomicU32::new(0);
    let thread = THREADS.fetch_add(1, Relaxed);
    let mut path = [0_u8; 4096];
    // SAFETY: no thread changes the environment. The buffer has room for the path, a dot, three digits and the zero at
    // the end, as is checked. What is mapped is a new file of that length.
    unsafe {
        let prefix = libc::getenv(c"TRUTH_LOG".as_ptr());
        assert!(!prefix.is_null(), "TRUTH_LOG is not set");
        let prefix = CStr::from_ptr(prefix).to_bytes();
        assert!(prefix.len() + 5 <= path.len() && thread < 1000);
        path[..prefix.len()].copy_from_slice(prefix);
        let digits = [thread / 100, thread / 10 % 10, thread % 10].map(|digit| b'0' + digit as u8);
        path[prefix.len()] = b'.';
        path[prefix.len() + 1..prefix.len() + 4].copy_from_slice(&digits);
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        let file = libc::open(path.as_ptr().cast(), flags, 0o600);
        assert!(file >= 0 && libc::ftruncate(file, LOG_BYTES as libc::off_t) == 0);
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let log = libc::mmap(std::ptr::null_mut(), LOG_BYTES, access, shared, file, 0);
        assert!(log != libc::MAP_FAILED);
        libc::close(file);
        log.cast()
    }
}

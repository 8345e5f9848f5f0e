//! The spool in the program: sections that grow at their end and never move.
//!
//! Each section is one reservation of address space. With an output path, its memory is a shared mapping of the
//! spool file, extent by extent, so that what was recorded outlives the process however it ends; otherwise that file is
//! one without a name, in memory, which another process can find and read as well. The blocks of an extent are taken
//! from the file system *before* the extent is mapped: a write to a mapping that the disk has no room for would be a
//! SIGBUS in the user's program. Where there is no room, a section stops growing, and what can't be recorded is counted.

use super::file;
use crate::os::clock;
use crate::os::lock::Lock;
use crate::os::message::{complain, complain_of_path};
use crate::os::{self, PAGE, keeping_errno};
use alloc_probe_format::spool::{
    self, EXTENT_LIMIT, EXTENT_WORDS, HEADER_WORDS, MARKS, OPERATIONS, Section, Spool, header, latency, mark,
    operation,
};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};

/// The least that a file must have room for: more than the first steps of all sections.
const LEAST: u64 = 1 << 20;

/// The least that a section grows by.
const STEP: usize = 64 << 10;

struct Memory {
    base: AtomicPtr<AtomicU64>,
    reserved: AtomicUsize,
    /// Bytes that may be touched.
    ready: AtomicUsize,
}

static SECTIONS: [Memory; Section::LIMIT] = [const {
    Memory {
        base: AtomicPtr::new(std::ptr::null_mut()),
        reserved: AtomicUsize::new(0),
        ready: AtomicUsize::new(0),
    }
}; Section::LIMIT];

static GROWTH: Lock = Lock::new();

/// How much all sections together may have, and have.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static LIMIT_REACHED: AtomicBool = AtomicBool::new(false);

/// The process's spool.
pub(crate) struct LiveSpool;

/// Address space for a section: far more than will be used, since it never moves.
fn space(section: Section) -> usize {
    match section {
        Section::HEADER => HEADER_WORDS * 8,
        Section::FACTS => 64 << 20,
        Section::NODES => 1 << 30,
        Section::SITES => 128 << 20,
        Section::PAGES => 64 << 20,
        Section::COUNTERS => 8 << 30,
        Section::TALLIES => 2 << 30,
        Section::THREADS => 16 << 20,
        Section::ENDED => 1 << 20,
        Section::TIMELINE => STEP,
        Section::MARKS => MARKS * mark::WORDS * 8,
        Section::OPERATIONS => OPERATIONS * operation::WORDS * 8,
        Section::LATENCIES => 16 * OPERATIONS * latency::WORDS * 8,
        Section::OPERATING => 8 << 20,
        // A table of live blocks is made in its full size.
        _ => 0,
    }
}

/// Makes the header, on the file if there is one. All sections together will take no more than `limit` bytes. Called
/// once, before anything else here.
pub(crate) fn create(file: Option<i32>, limit: u64) -> bool {
    LIMIT.store(limit, Relaxed);
    let create_on = |file: i32, named: bool| {
        file::adopt(file, named);
        let done = (!named || file::take_blocks(file, 0, LEAST)) && ensure(Section::HEADER, HEADER_WORDS * 8);
        if !done {
            file::close();
            NO_ROOM_UNTIL.store(0, Relaxed);
        }
        done
    };
    // Where the file has no room for even a start, it goes on without.
    if file.is_some_and(|file| create_on(file, true)) {
        return true;
    }
    let refused = file::set_reason(0);
    // SAFETY: the name is a C string.
    let nameless = unsafe { libc::memfd_create(c"alloc-probe".as_ptr(), libc::MFD_CLOEXEC) };
    let done = (nameless >= 0 && create_on(nameless, false)) || ensure(Section::HEADER, HEADER_WORDS * 8);
    file::set_reason(refused);
    done
}

/// The words of the header.
#[inline(always)]
pub(crate) fn header() -> &'static [AtomicU64; HEADER_WORDS] {
    // SAFETY: `create` ran before recording started, so the base is a mapping of `HEADER_WORDS` words that is
    // never unmapped; zero is a valid value of every word.
    unsafe { &*base(Section::HEADER).cast() }
}

/// The first word of a section; null until it was grown.
#[inline(always)]
pub(crate) fn base(section: Section) -> *mut AtomicU64 {
    SECTIONS[section.0].base.load(Relaxed)
}

/// Makes sure that the first `bytes` of a section can be used. False where there is no room.
#[inline(always)]
pub(crate) fn ensure(section: Section, bytes: usize) -> bool {
    bytes <= SECTIONS[section.0].ready.load(Acquire) || keeping_errno(|| grow(section, bytes) || is_full())
}

/// There was no room, which is said once. Always false.
#[cold]
fn is_full() -> bool {
    if SECTIONS[0].ready.load(Relaxed) != 0 && !FULL.swap(true, Relaxed) {
        complain_of_room();
        header()[header::NO_ROOM].store(1, Relaxed);
    }
    false
}

static FULL: AtomicBool = AtomicBool::new(false);

/// One more entry of a section, by number; none where there is no room for it.
#[inline]
pub(crate) fn add_entry(section: Section, entry_bytes: usize) -> Option<u64> {
    let count = &header()[header::COUNTS + section.0];
    // Asked before it is counted: where there is no room, numbers are not used up.
    if !ensure(section, (count.load(Relaxed) as usize + 1) * entry_bytes) {
        return None;
    }
    let index = count.fetch_add(1, Relaxed);
    ensure(section, (index as usize + 1) * entry_bytes).then_some(index)
}

/// Until when the file system is not asked again, in ticks: a program on a full disk would do little else.
static NO_ROOM_UNTIL: AtomicU64 = AtomicU64::new(0);
const PATIENCE: u64 = 100 * clock::MILLISECOND_TICKS;

#[cold]
fn grow(section: Section, bytes: usize) -> bool {
    let memory = &SECTIONS[section.0];
    let now = clock::ticks();
    if now < NO_ROOM_UNTIL.load(Relaxed) {
        return false;
    }
    let _held = GROWTH.lock();
    let ready = memory.ready.load(Relaxed);
    if bytes <= ready {
        return true;
    }
    if memory.reserved.load(Relaxed) == 0 && !reserve(section, bytes) {
        return false;
    }
    let reserved = memory.reserved.load(Relaxed);
    if bytes > reserved {
        return false;
    }
    // A quarter more than there is: few extents, and little that is never used.
    let wanted = bytes.max(ready + (ready / 4).max(STEP)).next_multiple_of(PAGE).min(reserved);
    for end in [wanted, bytes.next_multiple_of(PAGE)] {
        let length = end - ready;
        let taken = TAKEN.load(Relaxed) + length as u64;
        if taken > LIMIT.load(Relaxed) {
            LIMIT_REACHED.store(true, Relaxed);
            continue;
        }
        let mut mapped = !file::is_open() || map_extent(section, ready, length);
        if !mapped && !file::is_named() && section != Section::HEADER {
            // A file without a name is only for others to look at.
            header()[header::IN_PART].store(1, Relaxed);
            mapped = true;
        }
        if mapped {
            TAKEN.store(taken, Relaxed);
            memory.ready.store(end, Release);
            return true;
        }
    }
    NO_ROOM_UNTIL.store(now.saturating_add(PATIENCE), Relaxed);
    false
}

fn reserve(section: Section, bytes: usize) -> bool {
    let memory = &SECTIONS[section.0];
    let mut space = match space(section) {
        0 => bytes.next_multiple_of(PAGE),
        // Where the program's address space is limited, it is the program's.
        space => space.min(os::limit(libc::RLIMIT_AS) as usize / 64).next_multiple_of(PAGE).max(bytes),
    };
    loop {
        if let Some(base) = os::reserve(space) {
            memory.reserved.store(space, Relaxed);
            memory.base.store(base.as_ptr().cast(), Release);
            return true;
        }
        // The address space may be limited: take what can be had.
        space = (space / 4).next_multiple_of(PAGE);
        if space < bytes {
            return false;
        }
    }
}

/// Maps `length` more bytes of the file behind what a section has. The growth lock is held.
fn map_extent(section: Section, start: usize, length: usize) -> bool {
    let Some(file) = file::own_file() else { return false };
    let file_start = file::length();
    let extent =
        if section == Section::HEADER { 0 } else { header()[header::EXTENT_COUNT].load(Relaxed) as usize };
    if extent >= EXTENT_LIMIT {
        file::set_reason(libc::EFBIG);
        return false;
    }
    if !file::take_blocks(file, file_start, length as u64) {
        return false;
    }
    let base = base(section).cast::<u8>();
    // SAFETY: the range lies within the section's reservation, behind what is in use, so that the new mapping
    // replaces only address space that nobody has touched.
    let mapped = unsafe {
        libc::mmap(
            base.add(start).cast(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_FIXED,
            file,
            file_start as libc::off_t,
        )
    };
    if mapped == libc::MAP_FAILED {
        file::set_reason(libc::ENOMEM);
        return false;
    }
    // As what was reserved: it would make the core dump of a program that crashes larger, and is in a file already.
    // SAFETY: the range is the mapping just made; the advice changes nothing about its content.
    unsafe { libc::madvise(mapped, length, libc::MADV_DONTDUMP) };
    file::set_length(file_start + length as u64);
    if section == Section::HEADER {
        // So that `header()` works for the entry about to be written.
        SECTIONS[0].ready.store(length, Release);
    }
    let words = [section.0 as u64, start as u64, file_start, length as u64];
    for (index, word) in words.into_iter().enumerate() {
        header()[header::EXTENTS + extent * EXTENT_WORDS + index].store(word, Relaxed);
    }
    header()[header::EXTENT_COUNT].store(extent as u64 + 1, Release);
    true
}

/// Says that there is no room to grow.
fn complain_of_room() {
    let consequence = "what no longer fits is missing from the profile";
    match file::path() {
        _ if LIMIT_REACHED.load(Relaxed) => {
            complain(&[b"the profile has reached its limit of memory; ", consequence.as_bytes()]);
        }
        Some(path) => complain_of_path(path.bytes(), &file::no_room(), consequence),
        None => complain(&[b"the system has no more memory for the profile; ", consequence.as_bytes()]),
    }
}

impl Spool for LiveSpool {
    fn words(&self, section: Section) -> &[AtomicU64] {
        let memory = &SECTIONS[section.0];
        let ready = memory.ready.load(Acquire);
        let base = memory.base.load(Relaxed);
        if base.is_null() || ready == 0 {
            return &[];
        }
        // SAFETY: the first `ready` bytes are mapped for good, and are only ever accessed as atomic words.
        unsafe { std::slice::from_raw_parts(base, ready / 8) }
    }
}

/// How much all sections together have.
pub(crate) fn taken_bytes() -> u64 {
    TAKEN.load(Relaxed)
}

/// In the child of a fork: the spool is the parent's, and so is its lock, which lasts as long as anything is mapped
/// from the file. The child gets other memory in its place, so that nothing it does can reach its parent's.
pub(crate) fn leave_to_parent() {
    if file::is_open() {
        for memory in &SECTIONS {
            let (base, ready) = (memory.base.load(Relaxed), memory.ready.load(Relaxed));
            if ready > 0 {
                // SAFETY: so much of the section is mapped from the file, and only ever accessed as atomic words;
                // nothing is recorded any more, and there is no other thread.
                unsafe { os::replace(base.cast(), ready) };
            }
        }
    }
    file::close();
    GROWTH.reset();
}

const _: () = assert!(spool::HEADER_WORDS * 8 == STEP);

//! The spool in the program: sections that grow at their end and never move.
//!
//! Each section is one reservation of address space. With an output path, its memory is a shared mapping of the
//! spool file, extent by extent, so that what was recorded outlives the process however it ends; otherwise that file is
//! one without a name, in memory, which another process can find and read as well. The blocks of an extent are taken
//! from the file system *before* the extent is mapped: a write to a mapping that the disk has no room for would be a
//! SIGBUS in the user's program. Where there is no room, a section stops growing, and what can't be recorded is counted.

use crate::os::clock;
use crate::os::lock::Lock;
use crate::os::{self, PAGE, keeping_errno};
use alloc_probe_format::spool::{
    self, EXTENT_LIMIT, EXTENT_WORDS, HEADER_WORDS, MARKS, Section, Spool, fact, header, mark,
};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, AtomicUsize};

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

/// The file, or -1.
static FILE: AtomicI32 = AtomicI32::new(-1);
/// Whether it has a name, and so is on a disk that may be full.
static NAMED: AtomicBool = AtomicBool::new(false);
/// Device and number of the file, by which it is known again.
static IDENTITY: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
static FILE_LENGTH: AtomicU64 = AtomicU64::new(0);
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
        // A table of live blocks is made in its full size.
        _ => 0,
    }
}

/// Makes the header, on the file if there is one. All sections together will take no more than `limit` bytes. Called
/// once, before anything else here.
pub(crate) fn create(file: Option<i32>, limit: u64) -> bool {
    LIMIT.store(limit, Relaxed);
    let create_on = |file: i32, named: bool| {
        let (device, number) = identity(file);
        [device, number].iter().zip(&IDENTITY).for_each(|(value, word)| word.store(*value, Relaxed));
        NAMED.store(named, Relaxed);
        FILE.store(file, Relaxed);
        let done = (!named || take_blocks(file, 0, LEAST)) && ensure(Section::HEADER, HEADER_WORDS * 8);
        if !done {
            forget_file();
        }
        done
    };
    // Where the file has no room for even a start, it goes on without.
    if file.is_some_and(|file| create_on(file, true)) {
        return true;
    }
    let refused = REASON.load(Relaxed);
    // SAFETY: the name is a C string.
    let nameless = unsafe { libc::memfd_create(c"alloc-probe".as_ptr(), libc::MFD_CLOEXEC) };
    let done = (nameless >= 0 && create_on(nameless, false)) || ensure(Section::HEADER, HEADER_WORDS * 8);
    REASON.store(refused, Relaxed);
    done
}

/// Device and number of an open file; zeros where it is none.
fn identity(file: i32) -> (u64, u64) {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: it is a valid place for the answer, and zeros are a valid one.
    let status = unsafe {
        libc::fstat(file, status.as_mut_ptr());
        status.assume_init()
    };
    (status.st_dev, status.st_ino)
}

/// The file, as long as its descriptor is what it was. Programs close descriptors that they don't know, as daemons do,
/// and then it may be another file's by now.
fn own_file() -> Option<i32> {
    let file = FILE.load(Relaxed);
    let [device, number] = [&IDENTITY[0], &IDENTITY[1]].map(|word| word.load(Relaxed));
    if identity(file) == (device, number) {
        return Some(file);
    }
    let path = crate::dump::output::OUTPUT.spool().filter(|_| NAMED.load(Relaxed))?;
    // SAFETY: the path is a C string.
    let again = unsafe {
        libc::open(
            path.as_c_str().as_ptr(),
            libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK,
        )
    };
    if identity(again) == (device, number) {
        FILE.store(again, Relaxed);
        return Some(again);
    }
    if again >= 0 {
        // SAFETY: our own descriptor, which nobody uses.
        unsafe { libc::close(again) };
    }
    REASON.store(libc::EBADF, Relaxed);
    None
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
        crate::lifecycle::start::complain_of_room();
        // In the room that there is; and not where it was for a fact that there was none.
        if let Some(_held) = FACTS.try_lock() {
            append_fact(
                fact::NOTE,
                &[b"there was no room for the whole profile: blocks, or their stacks, are missing"],
            );
        }
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
        let mut mapped = FILE.load(Relaxed) < 0 || map_extent(section, ready, length);
        if !mapped && !NAMED.load(Relaxed) && section != Section::HEADER {
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
    let Some(file) = own_file() else { return false };
    let file_start = FILE_LENGTH.load(Relaxed);
    let extent =
        if section == Section::HEADER { 0 } else { header()[header::EXTENT_COUNT].load(Relaxed) as usize };
    if extent >= EXTENT_LIMIT {
        REASON.store(libc::EFBIG, Relaxed);
        return false;
    }
    if !take_blocks(file, file_start, length as u64) {
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
        REASON.store(libc::ENOMEM, Relaxed);
        return false;
    }
    // As what was reserved: it would make the core dump of a program that crashes larger, and is in a file already.
    // SAFETY: the range is the mapping just made; the advice changes nothing about its content.
    unsafe { libc::madvise(mapped, length, libc::MADV_DONTDUMP) };
    FILE_LENGTH.store(file_start + length as u64, Relaxed);
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

/// Whether all was taken that may be.
pub(crate) fn limit_is_reached() -> bool {
    LIMIT_REACHED.load(Relaxed)
}

/// Why there was no room in the file.
pub(crate) fn no_room() -> std::io::Error {
    std::io::Error::from_raw_os_error(REASON.load(Relaxed))
}

/// What the file system said last where it refused.
static REASON: AtomicI32 = AtomicI32::new(0);

/// Has the file system set blocks aside for a range of the file.
fn take_blocks(file: i32, start: u64, length: u64) -> bool {
    // Beyond the limit the kernel would send SIGXFSZ.
    let status = if start + length > os::limit(libc::RLIMIT_FSIZE) {
        libc::EFBIG
    } else if NAMED.load(Relaxed) {
        // No signal interrupts it: they are put off while the lock is held.
        // SAFETY: a plain system call on our own descriptor.
        unsafe { libc::posix_fallocate(file, start as libc::off_t, length as libc::off_t) }
    } else {
        // Memory like any other: it need not be taken before it is touched.
        // SAFETY: likewise.
        unsafe { libc::ftruncate(file, (start + length) as libc::off_t) }
    };
    if status != 0 {
        REASON.store(status, Relaxed);
    }
    status == 0
}

/// Records a fact. Called under no lock but the caller's own: facts are written where images and threads are listed.
pub(crate) fn add_fact(tag: u64, parts: &[&[u8]]) {
    let _held = FACTS.lock();
    append_fact(tag, parts);
}

static FACTS: Lock = Lock::new();

/// The same, with the facts' lock held.
fn append_fact(tag: u64, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let count = &header()[header::COUNTS + Section::FACTS.0];
    let first = count.load(Relaxed) as usize;
    let words = 1 + length.div_ceil(8);
    if !ensure(Section::FACTS, (first + words) * 8) {
        return;
    }
    let base = base(Section::FACTS);
    // SAFETY: `ensure` made the section at least `first + words` words long, and the lock is held: nobody else
    // writes behind `first`.
    let word = |index: usize| unsafe { &*base.add(first + index) };
    word(0).store(tag << 32 | length as u64, Relaxed);
    let mut bytes = parts.iter().copied().flatten();
    for index in 1..words {
        let mut value = [0u8; 8];
        value.iter_mut().zip(&mut bytes).for_each(|(to, from)| *to = *from);
        word(index).store(u64::from_le_bytes(value), Relaxed);
    }
    count.store((first + words) as u64, Release);
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

/// The length of the file that has a name.
pub(crate) fn file_bytes() -> u64 {
    if has_file() { FILE_LENGTH.load(Relaxed) } else { 0 }
}

/// A file that is locked, and may become a spool.
pub(crate) struct Opened {
    pub(crate) file: i32,
    /// Whether it was just made. What was there before must prove to be a spool, and is never emptied.
    pub(crate) is_new: bool,
}

/// Makes the spool file, or opens the one that is there, and locks it. Nothing but a regular file of this user's own that
/// has no other name is opened, and a symbolic link is not followed: others may write to the folder. Fails with the
/// reason, or with `None` where another process holds it.
pub(crate) fn open_file(path: &CStr) -> Result<Opened, Option<std::io::Error>> {
    // The file may come and go meanwhile. That it does so each time is somebody's intention.
    for _ in 0..100 {
        let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        // SAFETY: the path is a C string.
        let mut file = unsafe { libc::open(path.as_ptr(), flags | libc::O_CREAT | libc::O_EXCL, 0o600) };
        let is_new = file >= 0;
        if !is_new {
            let reason = std::io::Error::last_os_error();
            if reason.raw_os_error() != Some(libc::EEXIST) {
                return Err(Some(reason));
            }
            match status_of(path) {
                // Looked at before it is opened, as to open a device may have effects.
                Some(status) if is_own_regular(&status) => {}
                Some(_) => return Err(Some(std::io::Error::from_raw_os_error(libc::EEXIST))),
                None => continue,
            }
            // SAFETY: the path is a C string.
            file = unsafe { libc::open(path.as_ptr(), flags) };
            if file < 0 {
                let reason = std::io::Error::last_os_error();
                if reason.raw_os_error() == Some(libc::ENOENT) {
                    continue;
                }
                return Err(Some(reason));
            }
        }
        let close = || {
            // SAFETY: the descriptor is our own, and nobody uses it.
            unsafe { libc::close(file) };
        };
        if !lock(file, is_new) {
            close();
            return Err(None);
        }
        let mut status = MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: it is a valid place for the answer, and zeros are a valid one.
        let status = unsafe {
            libc::fstat(file, status.as_mut_ptr());
            status.assume_init()
        };
        if !is_own_regular(&status) {
            close();
            return Err(Some(std::io::Error::from_raw_os_error(libc::EEXIST)));
        }
        if is_at(file, path) {
            [status.st_dev, status.st_ino]
                .iter()
                .zip(&OPENED)
                .for_each(|(value, to)| to.store(*value, Relaxed));
            return Ok(Opened { file, is_new });
        }
        close();
        // Its owner removed or renamed it just before: there is another now, or none.
    }
    Err(None)
}

/// Device and number of the spool file that was opened.
static OPENED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Locks a file, if no other process has. One that was just made may be held for a moment by whoever looks at what it is.
fn lock(file: i32, is_new: bool) -> bool {
    (0..if is_new { 100 } else { 1 }).any(|attempt| {
        if attempt > 0 {
            os::sleep_ns(1_000_000);
        }
        // SAFETY: the descriptor is the caller's.
        unsafe { libc::flock(file, libc::LOCK_EX | libc::LOCK_NB) == 0 }
    })
}

/// What is at a path; of a symbolic link, the link.
fn status_of(path: &CStr) -> Option<libc::stat> {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path is a C string; what the call fills in is read only if it did.
    unsafe { (libc::lstat(path.as_ptr(), status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
}

/// Whether it is a regular file that this process's user owns, under one name.
fn is_own_regular(status: &libc::stat) -> bool {
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::geteuid() };
    status.st_mode & libc::S_IFMT == libc::S_IFREG && status.st_uid == user && status.st_nlink == 1
}

/// Whether a path leads to an open file, by itself and not by a link.
fn is_at(file: i32, path: &CStr) -> bool {
    status_of(path).is_some_and(|status| (status.st_dev, status.st_ino) == identity(file))
}

/// Whether the spool file that was opened is still what a path leads to.
pub(crate) fn opened_is_at(path: &CStr) -> bool {
    let opened = [&OPENED[0], &OPENED[1]].map(|word| word.load(Relaxed));
    status_of(path).is_some_and(|status| [status.st_dev, status.st_ino] == opened)
}

/// Whether the profile is in a file that has a name.
pub(crate) fn has_file() -> bool {
    FILE.load(Relaxed) >= 0 && NAMED.load(Relaxed)
}

/// In the child of a fork: the spool is the parent's, and so is its lock, which lasts as long as anything is mapped
/// from the file. The child gets other memory in its place, so that nothing it does can reach its parent's.
pub(crate) fn leave_to_parent() {
    if FILE.load(Relaxed) >= 0 {
        for memory in &SECTIONS {
            let (base, ready) = (memory.base.load(Relaxed), memory.ready.load(Relaxed));
            if ready > 0 {
                // SAFETY: so much of the section is mapped from the file, and only ever accessed as atomic words;
                // nothing is recorded any more, and there is no other thread.
                unsafe { os::replace(base.cast(), ready) };
            }
        }
    }
    forget_file();
    GROWTH.reset();
    FACTS.reset();
}

/// Goes on without the file.
fn forget_file() {
    let file = FILE.swap(-1, Relaxed);
    NO_ROOM_UNTIL.store(0, Relaxed);
    // It may be the program's by now.
    let own = [&IDENTITY[0], &IDENTITY[1]].map(|word| word.load(Relaxed));
    if file >= 0 && <[u64; 2]>::from(identity(file)) == own {
        // SAFETY: our own descriptor, which nobody uses any more.
        unsafe { libc::close(file) };
    }
}

const _: () = assert!(spool::HEADER_WORDS * 8 == STEP);

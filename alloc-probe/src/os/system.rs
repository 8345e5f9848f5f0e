//! Mappings from the operating system, and the few other calls that need no allocation.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicUsize};

/// The granularity of everything that is mapped.
pub(crate) const PAGE: usize = 4096;

/// Address ranges that belong to the probe, so that its memory can be told from the program's: some for each thread. They
/// are in a chain of parts, of which further ones are mapped when they are needed.
struct Ranges {
    used: AtomicUsize,
    /// Start and length.
    ranges: [[AtomicUsize; 2]; Ranges::LIMIT],
    next: AtomicPtr<Ranges>,
}

impl Ranges {
    /// So that a part is some pages.
    const LIMIT: usize = 1023;

    fn add(&self, start: usize, bytes: usize) -> bool {
        let index = self.used.fetch_add(1, Relaxed);
        let Some([place, length]) = self.ranges.get(index) else { return false };
        length.store(bytes, Relaxed);
        place.store(start, Release);
        true
    }

    /// The part after this one, made if need be.
    fn next(&self) -> Option<&'static Ranges> {
        let mut next = self.next.load(Acquire);
        if next.is_null() {
            let made = map(size_of::<Ranges>())?;
            let part = made.cast::<Ranges>().as_ptr();
            match self.next.compare_exchange(std::ptr::null_mut(), part, AcqRel, Acquire) {
                Ok(_) => {
                    next = part;
                    // SAFETY: as below.
                    unsafe { (*part).add(part as usize, size_of::<Ranges>()) };
                }
                // Another thread was faster.
                Err(other) => {
                    next = other;
                    // SAFETY: the mapping was just made, and nobody else knows of it.
                    unsafe { libc::munmap(made.as_ptr().cast(), size_of::<Ranges>()) };
                }
            }
        }
        // SAFETY: parts are mapped for good, and zeros are an empty one.
        Some(unsafe { &*next })
    }
}

static RANGES: Ranges = Ranges {
    used: AtomicUsize::new(0),
    ranges: [const { [AtomicUsize::new(0), AtomicUsize::new(0)] }; Ranges::LIMIT],
    next: AtomicPtr::new(std::ptr::null_mut()),
};

/// Address space of `bytes` that becomes memory where it is first touched. Zeroed.
///
/// None where the system refuses, as under a limit on the address space.
pub(crate) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
    let made = map(bytes)?;
    let mut part = &RANGES;
    // Where there is no space to note it, its pages count as the program's.
    while !part.add(made.as_ptr() as usize, bytes) {
        let Some(next) = part.next() else { break };
        part = next;
    }
    Some(made)
}

/// Puts a value into memory of its own that is never given back. None where there is none.
pub(crate) fn keep<T>(value: T) -> Option<&'static T> {
    const { assert!(align_of::<T>() <= PAGE) };
    let place = reserve(size_of::<T>())?.cast::<T>();
    // SAFETY: the memory was just reserved for it, is aligned to a page, and is never unmapped.
    unsafe {
        place.write(value);
        Some(place.as_ref())
    }
}

/// A new mapping.
fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return None;
    }
    // The kernel makes one mapping of neighbours that are alike, and then says of the program's memory and the
    // probe's how much is resident in sum. This makes them unlike, and keeps reserved space out of core dumps.
    // SAFETY: the range is the mapping just made; the advice changes nothing about its content.
    unsafe { libc::madvise(address, bytes, libc::MADV_DONTDUMP) };
    NonNull::new(address.cast())
}

/// Puts fresh memory, all zeros, in the place of some that is mapped from a file.
///
/// # Safety
///
/// The range is the caller's own mapping, and zeros are as good as what is in it.
pub(crate) unsafe fn replace(start: *mut u8, bytes: usize) {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: by the contract, nothing else is in the range.
    unsafe { libc::mmap(start.cast(), bytes, access, kind | libc::MAP_FIXED | libc::MAP_NORESERVE, -1, 0) };
}

/// Gives the memory behind a range that [`reserve`] returned back to the system; it reads as zero again.
///
/// # Safety
///
/// The range lies within one reservation of private memory, and nobody needs what is in it.
pub(crate) unsafe fn make_zero(start: *mut u8, bytes: usize) {
    // SAFETY: by the contract, the range is private anonymous memory whose content nobody needs.
    unsafe { libc::madvise(start.cast(), bytes, libc::MADV_DONTNEED) };
}

/// Calls `f` with the start and the end of each range of addresses that belongs to the probe.
pub(crate) fn for_each_own_range(mut f: impl FnMut(usize, usize)) {
    let mut part = Some(&RANGES);
    while let Some(ranges) = part {
        for [start, length] in &ranges.ranges[..ranges.used.load(Relaxed).min(Ranges::LIMIT)] {
            let start = start.load(Acquire);
            if start != 0 {
                f(start, start + length.load(Relaxed));
            }
        }
        // SAFETY: null, or a part, which is mapped for good.
        part = unsafe { ranges.next.load(Acquire).as_ref() };
    }
}

/// Waits, and leaves `errno` as it is.
pub(crate) fn sleep_ns(nanos: u32) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: nanos.into() };
    // SAFETY: the time is a valid one; where the wait ends is not asked for.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &time, std::ptr::null_mut()) };
}

/// Whether the process has more rights than whoever started it, as by a set-user-ID bit, a set-group-ID bit, or a file's
/// capabilities.
pub(crate) fn has_more_rights() -> bool {
    // SAFETY: it has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Runs something that makes system calls and leaves `errno` as it was: a program may look at it after a call
/// that freed or allocated in between.
pub(crate) fn keeping_errno<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: `__errno_location` returns the calling thread's own `errno`, which lives as long as the thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: likewise; and nothing else of this thread runs meanwhile.
    let before = unsafe { errno.read() };
    let value = f();
    // SAFETY: likewise.
    unsafe { errno.write(before) };
    value
}

/// How the C library numbers limits.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// One of the process's limits.
pub(crate) fn limit(resource: Resource) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    unsafe { libc::getrlimit(resource, &mut limit) };
    limit.rlim_cur
}

/// Keeps signal handlers from running on the thread while this lives; they run when it is dropped. So a handler
/// that allocates never interrupts what must not be entered twice.
pub(crate) struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    pub(crate) fn new() -> SignalsBlocked {
        let mut before = MaybeUninit::uninit();
        let mut signals = MaybeUninit::uninit();
        // SAFETY: the first call initialises the set that the others change and read; the last writes `before`, and
        // fails only where it is told to do something unknown.
        unsafe {
            libc::sigfillset(signals.as_mut_ptr());
            // What the code itself would raise can't wait, and says that it is broken.
            for raised in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
                libc::sigdelset(signals.as_mut_ptr(), raised);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, signals.as_ptr(), before.as_mut_ptr());
            SignalsBlocked(before.assume_init())
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970.
pub(crate) fn unix_ns() -> u64 {
    clock_ns(libc::CLOCK_REALTIME)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Calls `f` with the id of each thread of the process, as long as the system tells them. `std` and the C library would
/// take memory from `malloc` for this.
pub(crate) fn for_each_task(mut f: impl FnMut(u64)) {
    // As the system fills it: entries of 19 bytes and a name, at multiples of 8. The length is at byte 16.
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let mut buffer = [0u64; 512];
    let bytes = buffer.as_mut_ptr().cast::<u8>();
    // SAFETY: the path is a C string.
    let folder = unsafe {
        libc::open(c"/proc/self/task".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC)
    };
    loop {
        // SAFETY: the buffer is writable for its length; an invalid descriptor is refused.
        let got = unsafe { libc::syscall(libc::SYS_getdents64, folder, bytes, size_of_val(&buffer)) };
        if got <= 0 {
            break;
        }
        // SAFETY: the system filled so many bytes of the buffer.
        let mut rest = unsafe { std::slice::from_raw_parts(bytes, got as usize) };
        while let Some(&[low, high]) = rest.get(LENGTH..NAME - 1) {
            let length = usize::from(u16::from_ne_bytes([low, high]));
            let Some(name) = rest.get(NAME..length) else { break };
            let digits = name.iter().take_while(|byte| byte.is_ascii_digit());
            match digits.fold(0, |id: u64, digit| id.wrapping_mul(10) + u64::from(digit - b'0')) {
                0 => {} // The folder itself, and the one above.
                id => f(id),
            }
            rest = &rest[length..];
        }
    }
    if folder >= 0 {
        // SAFETY: the descriptor is our own.
        unsafe { libc::close(folder) };
    }
}

/// What the system says of the process's pages.
pub(crate) struct PageMap {
    file: libc::c_int,
    page_bytes: u64,
}

impl PageMap {
    /// None where the system does not tell, as without `/proc`.
    pub(crate) fn open() -> Option<PageMap> {
        // SAFETY: the path is a C string; `sysconf` has no preconditions.
        let (file, page) = unsafe {
            (
                libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC),
                libc::sysconf(libc::_SC_PAGESIZE),
            )
        };
        (file >= 0).then_some(PageMap { file, page_bytes: page.max(1) as u64 })
    }

    /// The bytes of the pages between two addresses that are resident or swapped out: those that were ever touched, and
    /// not given back since.
    pub(crate) fn touched_bytes(&self, low: u64, high: u64) -> u64 {
        const RESIDENT_OR_SWAPPED: u64 = 3 << 62;
        let mut entries = [0u64; 256];
        let (mut page, end) = (low / self.page_bytes, high.div_ceil(self.page_bytes));
        let mut touched = 0;
        while page < end {
            let wanted = (end - page).min(entries.len() as u64) as usize;
            let at = (page * 8) as libc::off_t;
            // SAFETY: the buffer is writable for so many bytes, and the descriptor is our own.
            let got = unsafe { libc::pread(self.file, entries.as_mut_ptr().cast(), wanted * 8, at) };
            let got = got.max(0) as usize / 8;
            if got == 0 {
                break;
            }
            touched += entries[..got].iter().filter(|&entry| entry & RESIDENT_OR_SWAPPED != 0).count();
            page += got as u64;
        }
        touched as u64 * self.page_bytes
    }
}

impl Drop for PageMap {
    fn drop(&mut self) {
        // SAFETY: the descriptor is our own.
        unsafe { libc::close(self.file) };
    }
}

/// Calls `f` with each line of a file of the system's, until it says no. Lines that are longer than a path may be are cut.
/// False where the file can't be opened.
pub(crate) fn for_each_line(path: &std::ffi::CStr, mut f: impl FnMut(&[u8]) -> bool) -> bool {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return false;
    }
    let mut buffer = [0u8; 4096];
    let mut filled = 0;
    let mut more = true;
    while more {
        let rest = &mut buffer[filled..];
        // SAFETY: the rest is writable for its length, and the descriptor is our own.
        let got = unsafe { libc::read(file, rest.as_mut_ptr().cast(), rest.len()) };
        if got <= 0 {
            break;
        }
        filled += got as usize;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|&byte| byte == b'\n') {
            more = more && f(&buffer[start..start + length]);
            start += length + 1;
        }
        if start == 0 && filled == buffer.len() {
            start = filled;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
    // SAFETY: the descriptor is our own.
    unsafe { libc::close(file) };
    true
}

/// Reads a small file of the system's into a buffer; the part that fits. None where it can't be opened.
pub(crate) fn read_small<'a>(path: &std::ffi::CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the path is a C string, the buffer is writable for its length, and the descriptor is our own.
    let length = unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let mut length = 0;
        while length < buffer.len() {
            let got = libc::read(file, buffer[length..].as_mut_ptr().cast(), buffer.len() - length);
            if got <= 0 {
                break;
            }
            length += got as usize;
        }
        libc::close(file);
        length
    };
    Some(&buffer[..length])
}

//! Address space and memory from the operating system, and which of it is the probe's.

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

/// Ranges that are the probe's for a while: start and length.
#[cfg(feature = "pprof")]
static FOR_A_WHILE: [[AtomicUsize; 2]; 16] = [const { [AtomicUsize::new(0), AtomicUsize::new(0)] }; 16];

/// Has a range be one of those that are the probe's until it is dropped.
#[cfg(feature = "pprof")]
#[derive(Debug)]
pub(super) struct RangeForAWhile(&'static [AtomicUsize; 2]);

#[cfg(feature = "pprof")]
impl RangeForAWhile {
    /// None where there are too many: its pages count as the program's.
    pub(super) fn note(start: usize, bytes: usize) -> Option<RangeForAWhile> {
        let place = FOR_A_WHILE
            .iter()
            .find(|[_, length]| length.compare_exchange(0, bytes, AcqRel, Relaxed).is_ok())?;
        place[0].store(start, Release);
        Some(RangeForAWhile(place))
    }
}

#[cfg(feature = "pprof")]
impl Drop for RangeForAWhile {
    fn drop(&mut self) {
        self.0[0].store(0, Relaxed);
        self.0[1].store(0, Release);
    }
}

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
pub(super) fn map(bytes: usize) -> Option<NonNull<u8>> {
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

/// Has the kernel give a child zeros in the place of some memory that no file is behind. False where it does not do so.
pub(crate) fn wipe_on_fork(range: std::ops::Range<*const u8>) -> bool {
    // SAFETY: it has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let bytes = range.end as usize - range.start as usize;
    // With larger pages, it would be more memory than was meant.
    if page <= 0 || range.start as usize % page as usize != 0 || bytes % page as usize != 0 {
        return false;
    }
    // SAFETY: the advice changes nothing in this process.
    unsafe { libc::madvise(range.start.cast_mut().cast(), bytes, libc::MADV_WIPEONFORK) == 0 }
}

/// Calls `f` with the start and the end of each range of addresses that belongs to the probe.
pub(crate) fn for_each_own_range(mut f: impl FnMut(usize, usize)) {
    #[cfg(feature = "pprof")]
    for [start, length] in &FOR_A_WHILE {
        let start = start.load(Acquire);
        if start != 0 {
            f(start, start + length.load(Relaxed));
        }
    }
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

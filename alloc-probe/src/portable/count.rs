//! The hook, and the figures that it counts.

use super::scope;
use super::state::{
    COUNTS, NO_DUMPS, OFF, STARTING, STATE, UNSTARTED, is_in_the_probe, is_missing, mode, prepared, say,
};
use crate::shared::mode::Mode;
use crate::shared::stats::Stats;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

/// A global allocator that counts what passes through it to another.
#[derive(Debug)]
pub struct AllocProbe<A = System> {
    inner: A,
    is_off: bool,
}

impl AllocProbe {
    /// Around the system's allocator.
    pub const fn system() -> AllocProbe {
        AllocProbe::new(System)
    }
}

impl<A> AllocProbe<A> {
    /// Around any allocator.
    pub const fn new(inner: A) -> AllocProbe<A> {
        AllocProbe { inner, is_off: false }
    }

    /// How much to record if `ALLOC_PROBE` is not set.
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> AllocProbe<A> {
        self.is_off = matches!(mode, Mode::Off);
        self
    }

    /// Where the dump goes. This platform writes none.
    #[must_use]
    pub const fn with_output(self, _path: &'static str) -> AllocProbe<A> {
        self
    }

    /// The age from which a live block counts as long-lived. This platform doesn't tell.
    #[must_use]
    pub const fn with_long_lived(self, _age: Duration) -> AllocProbe<A> {
        self
    }

    /// The mean number of bytes from one sampled block to the next. This platform draws none.
    #[must_use]
    pub const fn with_sample_bytes(self, _bytes: u64) -> AllocProbe<A> {
        self
    }

    /// The most memory that a profile may take. On this platform it takes none.
    #[must_use]
    pub const fn with_memory(self, _bytes: u64) -> AllocProbe<A> {
        self
    }

    /// Names the program in dumps, of which there are none on this platform.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_program(
        self,
        _name: &'static str,
        _version: &'static str,
        _debug_assertions: bool,
        _panic: &'static str,
    ) -> AllocProbe<A> {
        self
    }

    /// Whether the calling thread's events are counted now.
    #[inline]
    fn counts(&self) -> bool {
        match STATE.load(Relaxed) {
            COUNTS => !is_in_the_probe(),
            OFF => false,
            _ => self.start(),
        }
    }

    /// Reads the environment, which allocates: what is allocated meanwhile is not counted.
    #[cold]
    fn start(&self) -> bool {
        if STATE.compare_exchange(UNSTARTED, STARTING, Relaxed, Relaxed).is_err() {
            return false;
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mode = variable("ALLOC_PROBE");
        let off = match mode.as_deref() {
            Some("off") => true,
            Some("count" | "full" | "sample") => false,
            Some(value) if value.starts_with("sample=") => false,
            Some(_) => {
                say(
                    "ALLOC_PROBE can't be understood (off, count, sample, sample=512KiB or full); nothing is recorded",
                );
                true
            }
            None => self.is_off,
        };
        let more = mode.is_some_and(|mode| mode != "off" && mode != "count");
        let wanted = ["OUT", "SIGNAL", "INTERVAL", "PEAK", "ABOVE", "TRIM"];
        if more || wanted.iter().any(|name| variable(&format!("ALLOC_PROBE_{name}")).is_some()) {
            is_missing();
        }
        STATE.store(if off { OFF } else { COUNTS }, Relaxed);
        // This event was not prepared for.
        false
    }
}

static TOTAL_BYTES: AtomicU64 = AtomicU64::new(0);
static TOTAL_BLOCKS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static LIVE_BLOCKS: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);
static PEAK_BLOCKS: AtomicI64 = AtomicI64::new(0);
static REALLOCS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    // No destructor and a constant value: reading it allocates nothing.
    static OWN: Cell<Own> = const { Cell::new(Own { total: (0, 0), live: (0, 0), peak: (0, 0), reallocs: 0 }) };
}

/// What a thread has counted: bytes and blocks.
#[derive(Clone, Copy)]
struct Own {
    total: (u64, u64),
    live: (i64, i64),
    peak: (i64, i64),
    reallocs: u64,
}

fn began(bytes: usize, is_realloc: bool) {
    let bytes = bytes as i64;
    TOTAL_BYTES.fetch_add(bytes as u64, Relaxed);
    TOTAL_BLOCKS.fetch_add(1, Relaxed);
    REALLOCS.fetch_add(is_realloc.into(), Relaxed);
    let live = (LIVE_BYTES.fetch_add(bytes, Relaxed) + bytes, LIVE_BLOCKS.fetch_add(1, Relaxed) + 1);
    if live.0 > PEAK_BYTES.fetch_max(live.0, Relaxed) {
        PEAK_BLOCKS.store(live.1, Relaxed);
    }
    OWN.with(|own| {
        let mut now = own.get();
        now.total = (now.total.0 + bytes as u64, now.total.1 + 1);
        now.live = (now.live.0 + bytes, now.live.1 + 1);
        now.reallocs += u64::from(is_realloc);
        if now.live.0 > now.peak.0 {
            now.peak = now.live;
        }
        own.set(now);
    });
    scope::began(bytes as u64, is_realloc);
}

fn ended(bytes: usize, is_realloc: bool) {
    LIVE_BYTES.fetch_sub(bytes as i64, Relaxed);
    LIVE_BLOCKS.fetch_sub(1, Relaxed);
    OWN.with(|own| {
        let mut now = own.get();
        now.live = (now.live.0 - bytes as i64, now.live.1 - 1);
        own.set(now);
    });
    scope::ended(bytes as u64, is_realloc);
}

// SAFETY: every method hands its arguments to the inner allocator's method of the same name and returns what that
// returned, so the inner allocator's promises are this one's. What is counted beside it unwinds nowhere.
unsafe impl<A: GlobalAlloc> GlobalAlloc for AllocProbe<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about the layout are the ones asked for.
        let block = unsafe { self.inner.alloc(layout) };
        if !block.is_null() && self.counts() {
            began(layout.size(), false);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if !block.is_null() && self.counts() {
            began(layout.size(), false);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.counts() {
            ended(layout.size(), false);
        }
        // SAFETY: the caller's promises about the block and the layout are the ones asked for.
        unsafe { self.inner.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as for `dealloc`.
        let new = unsafe { self.inner.realloc(block, layout, new_size) };
        if !new.is_null() && self.counts() {
            ended(layout.size(), true);
            began(new_size, true);
        }
        new
    }
}

fn figures(own: Own) -> Stats {
    Stats::of(mode(), own.total, own.live, own.peak, own.reallocs)
}

/// The figures of the process so far, over all its threads.
pub fn stats() -> Stats {
    figures(Own {
        total: (TOTAL_BYTES.load(Relaxed), TOTAL_BLOCKS.load(Relaxed)),
        live: (LIVE_BYTES.load(Relaxed), LIVE_BLOCKS.load(Relaxed)),
        peak: (PEAK_BYTES.load(Relaxed), PEAK_BLOCKS.load(Relaxed)),
        reallocs: REALLOCS.load(Relaxed),
    })
}

/// The figures of the calling thread.
pub fn thread_stats() -> Stats {
    figures(OWN.with(Cell::get))
}

/// Changes how much is recorded. On this platform `Sample` and `Full` only count, and one line on standard error says so.
///
/// # Errors
///
/// If the program does not allocate through the probe.
pub fn set_mode(mode: Mode) -> io::Result<()> {
    if !prepared() {
        return Err(io::Error::other("nothing is recorded here: alloc_probe::install!() is missing"));
    }
    if matches!(mode, Mode::Sample | Mode::Full) {
        is_missing();
    }
    STATE.store(if mode == Mode::Off { OFF } else { COUNTS }, Relaxed);
    Ok(())
}

/// [`set_mode`] with [`Mode::Full`].
///
/// # Errors
///
/// As for [`set_mode`].
pub fn start() -> io::Result<()> {
    set_mode(Mode::Full)
}

/// [`set_mode`] with [`Mode::Off`].
///
/// # Errors
///
/// As for [`set_mode`].
pub fn stop() -> io::Result<()> {
    set_mode(Mode::Off)
}

/// Writes a dump, which this platform does not have.
///
/// # Errors
///
/// Always.
pub fn dump(_path: impl AsRef<Path>) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_DUMPS))
}

/// Does nothing on this platform, which has no profile to mark a point in. One line on standard error says so.
pub fn mark(_name: &str) {
    is_missing();
}

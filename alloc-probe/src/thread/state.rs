//! A thread's private state, beside its record in the spool, and what the thread is doing.

use super::record::Record;
use crate::capture::CachedStack;
use crate::os;
use crate::spool;
use alloc_probe_format::spool::{HEADER_WORDS, PAGE_RECORDS, SITE_LIMIT};
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, compiler_fence};

/// How many threads can be alive at once and be counted apart.
pub(super) const SLOTS: usize = 65_536;

/// Bytes of a thread's directory of pages of counters. Only what is used becomes memory.
const DIRECTORY_BYTES: usize = SITE_LIMIT as usize / PAGE_RECORDS * 4;

/// What the thread is doing inside the probe.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Activity {
    /// Nothing: its allocations are the program's.
    Idle,
    /// Recording: an allocation now comes from a signal handler that interrupted the probe. It is recorded without a
    /// stack, and not looked at for a peak.
    Recording,
    /// Running library code for the probe: allocations are the arena's.
    InProbe,
    /// The thread has no state.
    Nobody,
}

/// A thread's private state. Only the thread itself touches it, but for `limit` and `floor`.
#[repr(C, align(64))]
pub(crate) struct Thread {
    /// Live bytes above which this thread flushes; others store `i64::MIN` to force it.
    pub(crate) limit: AtomicI64,
    /// Live bytes above which something is to be noted before anything is freed: the least of `peak_mark`, the thread's
    /// own peak, and `operation_high`.
    pub(crate) mark: Cell<i64>,
    /// Live bytes above which what is live may be a new peak of the process.
    pub(crate) peak_mark: Cell<i64>,
    /// The most live bytes in the operation that it is in, as far as noted; the most there are outside of any.
    pub(crate) operation_high: Cell<i64>,
    /// Live bytes below which this thread flushes; others store `i64::MAX` to force it.
    pub(crate) floor: AtomicI64,
    pub(crate) activity: Cell<Activity>,
    pub(crate) record: &'static Record,
    /// The spool's header, which is nearer here than behind a static.
    pub(crate) header: &'static [AtomicU64; HEADER_WORDS],
    /// The last block it allocated, if that was its last event but for frees of others.
    pub(crate) last_block: Cell<usize>,
    /// Bytes to go until the next sample.
    pub(crate) until_sample: Cell<i64>,
    pub(crate) random: Cell<u64>,
    /// The scope that what it allocates counts to, and the one that it was started in; 0 for none.
    pub(crate) scope: Cell<u32>,
    pub(crate) started_in: Cell<u32>,
    /// Whether it may not yet be at the code that it was started for: 0 if it is, else one more than the blocks that it
    /// has allocated before that.
    pub(crate) starting: Cell<u32>,
    /// Whether it holds a lock of the scopes', or is about to.
    pub(crate) locks_scopes: Cell<bool>,
    /// The operation that it is in, as the number of its place plus one; 0 for none.
    pub(crate) operation: Cell<u32>,
    /// Whether the program said that this operation failed.
    pub(crate) operation_failed: Cell<bool>,
    /// The node that its stacks begin at: the operation's.
    pub(crate) root: Cell<u32>,
    /// The last block it allocated while a scope was open, until it is freed.
    pub(crate) scope_last: Cell<usize>,
    /// Its pages of counters, by site; made when first needed.
    pub(crate) pages: Cell<*mut AtomicU32>,
    pub(crate) cached_stack: Cell<*mut CachedStack>,
    /// The next of the tally lines set aside for it; see `counters`.
    pub(crate) lines: AtomicU64,
    /// Live blocks inserted less removed since the thread last flushed them: narrow and wide.
    pub(crate) block_delta: [Cell<i32>; 2],
    pub(crate) slot: u32,
    /// How often the thread's end was put off, so that destructors of others are seen.
    pub(crate) put_off: Cell<u32>,
}

/// Where a thread points that has no state: of all that a state has, only the activity is there.
///
/// PERF: so one look tells whether there is a state and whether it is idle.
#[repr(C, align(64))]
struct Nobody([u8; size_of::<Thread>()]);

static NOBODY: Nobody = {
    let mut bytes = [0; size_of::<Thread>()];
    bytes[offset_of!(Thread, activity)] = Activity::Nobody as u8;
    Nobody(bytes)
};

// Never written through: nothing is, where a thread has no state.
const NO_STATE: NonNull<Thread> = NonNull::new((&raw const NOBODY).cast_mut()).unwrap().cast();

thread_local! {
    // No destructor and a constant value: reading it is one instruction and can't allocate.
    static CURRENT: Cell<NonNull<Thread>> = const { Cell::new(NO_STATE) };
}

/// The calling thread's state, if it has one.
#[inline(always)]
pub(crate) fn current() -> Option<&'static Thread> {
    let current = CURRENT.get();
    // SAFETY: otherwise the pointer is to a state that lives in memory which is never unmapped, and that no other
    // thread uses until this one has let go of it.
    if current == NO_STATE { None } else { Some(unsafe { current.as_ref() }) }
}

/// The calling thread's state, if it has one and is not in the probe.
#[inline(always)]
pub(crate) fn idle() -> Option<&'static Thread> {
    let current = CURRENT.get();
    // SAFETY: there is an activity in any case, and with this one there is a state, as in `current`.
    unsafe {
        if (*current.as_ptr()).activity.get() == Activity::Idle { Some(current.as_ref()) } else { None }
    }
}

/// Makes a state the calling thread's, or leaves it without one.
pub(crate) fn set_current(thread: Option<&'static Thread>) {
    CURRENT.set(thread.map_or(NO_STATE, NonNull::from));
}

/// Marks the thread as recording while `f` runs, for signal handlers that interrupt it.
#[inline(always)]
pub(crate) fn recording<T>(thread: &'static Thread, f: impl FnOnce() -> T) -> T {
    let before = thread.activity.replace(Activity::Recording);
    compiler_fence(SeqCst);
    let value = f();
    compiler_fence(SeqCst);
    thread.activity.set(before);
    value
}

/// Runs `f` as a thread that is in no figure: one of the probe's own, or one without a state of its own. What it
/// allocates is the arena's; where that has no room, it is under its site and in no thread's figures.
pub(crate) fn as_probe_thread<T>(f: impl FnOnce() -> T) -> T {
    let state = os::reserve(size_of::<Thread>() + size_of::<Record>()).map(NonNull::cast::<Thread>);
    // SAFETY: a state is as long as its alignment tells, a multiple of a record's. Behind it is room for a record, all
    // zeros, which is one; the memory is never unmapped.
    let own = state.map(|state| unsafe {
        let record = &*state.add(1).cast::<Record>().as_ptr();
        let new = Thread::new(record, SLOTS as u32);
        // Its figures are nobody's peak.
        new.limit.store(i64::MAX, Relaxed);
        new.floor.store(i64::MIN, Relaxed);
        new.mark.set(i64::MAX);
        new.peak_mark.set(i64::MAX);
        new.activity.set(Activity::InProbe);
        state.write(new);
        state.as_ref()
    });
    let before = CURRENT.replace(own.map_or(NO_STATE, NonNull::from));
    let value = f();
    CURRENT.set(before);
    value
}

impl Thread {
    /// A state that knows nothing yet, and flushes at its first event.
    pub(super) fn new(record: &'static Record, slot: u32) -> Thread {
        Thread {
            limit: AtomicI64::new(i64::MIN),
            mark: Cell::new(i64::MIN),
            peak_mark: Cell::new(i64::MIN),
            operation_high: Cell::new(i64::MAX),
            floor: AtomicI64::new(i64::MAX),
            activity: Cell::new(Activity::Idle),
            record,
            header: spool::header(),
            last_block: Cell::new(0),
            until_sample: Cell::new(0),
            random: Cell::new(0),
            scope: Cell::new(0),
            started_in: Cell::new(0),
            starting: Cell::new(0),
            locks_scopes: Cell::new(false),
            operation: Cell::new(0),
            operation_failed: Cell::new(false),
            root: Cell::new(0),
            scope_last: Cell::new(0),
            pages: Cell::new(null_mut()),
            cached_stack: Cell::new(null_mut()),
            lines: AtomicU64::new(0),
            block_delta: [const { Cell::new(0) }; 2],
            slot,
            put_off: Cell::new(0),
        }
    }

    /// The address of the state behind a pointer that may be null, in the arrays made when they're first needed.
    #[cold]
    pub(crate) fn make_private(&self) -> bool {
        os::keeping_errno(|| {
            // Each is kept as soon as it is there: where there is no space for the other, this is tried again.
            if self.pages.get().is_null() {
                self.pages.set(os::reserve(DIRECTORY_BYTES).map_or(null_mut(), |at| at.as_ptr().cast()));
            }
            if self.cached_stack.get().is_null() {
                self.cached_stack
                    .set(os::reserve(size_of::<CachedStack>()).map_or(null_mut(), |at| at.as_ptr().cast()));
            }
        });
        !self.pages.get().is_null() && !self.cached_stack.get().is_null()
    }

    /// Gives the memory of the cached stack back to the system: another thread may never have this slot again.
    pub(crate) fn release_cached_stack(&self) {
        if let Some(stack) = std::ptr::NonNull::new(self.cached_stack.get()) {
            // SAFETY: the stack is this thread's alone, which takes no more, in private memory of its own; all zeros
            // are a cached stack that has nothing.
            unsafe { os::make_zero(stack.as_ptr().cast(), size_of::<CachedStack>()) };
        }
    }
}

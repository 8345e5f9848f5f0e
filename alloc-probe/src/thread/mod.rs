//! The threads: each has a slot of the spool for its figures, and private state beside it.
//!
//! A slot is handed to the next new thread when its thread ends; what it counted goes to the record of all ended
//! threads of that name. So memory follows the number of threads alive at once, not of those that ever were.

pub(crate) mod figures;

use crate::capture::KeptStack;
use crate::mode;
use crate::os;
use crate::os::barrier;
use crate::os::lock::Lock;
use crate::os::word::bump;
use crate::profile::peak;
use crate::profile::stack_depth;
use crate::scope::{self, inherit};
use crate::spool;
use crate::thread::figures::Figures;
use alloc_probe_format::spool::{HEADER_WORDS, Section, header, thread as word};
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, compiler_fence};

/// How many threads can be alive at once and be counted apart.
const SLOTS: usize = 65_536;

/// How many names of ended threads are kept apart; the rest share the last.
const NAMES: usize = 1024;

/// What a thread counts, in the spool.
#[repr(C)]
pub(crate) struct Record {
    pub(crate) figures: Figures,
    pub(crate) reallocs: AtomicU64,
    pub(crate) own_peak_bytes: AtomicU64,
    pub(crate) own_peak_blocks: AtomicU64,
    pub(crate) flushed: AtomicU64,
    pub(crate) stack_bytes: AtomicU64,
    pub(crate) stack_low: AtomicU64,
    pub(crate) stack_limit: AtomicU64,
    pub(crate) deepest: AtomicU64,
    spare: AtomicU64,
    tid: AtomicU64,
    threads: AtomicU64,
    name: [AtomicU64; 2],
    retiring: AtomicU64,
    earlier: [AtomicU64; word::KEPT + 1],
}

const _: () = {
    assert!(size_of::<Record>() == word::WORDS * 8);
    assert!(offset_of!(Record, reallocs) == word::REALLOCS * 8);
    assert!(offset_of!(Record, own_peak_bytes) == word::OWN_PEAK_BYTES * 8);
    assert!(offset_of!(Record, flushed) == word::FLUSHED * 8);
    assert!(offset_of!(Record, stack_bytes) == word::STACK_BYTES * 8);
    assert!(offset_of!(Record, stack_low) == word::STACK_LOW * 8);
    assert!(offset_of!(Record, stack_limit) == word::STACK_LIMIT * 8);
    assert!(offset_of!(Record, deepest) == word::DEEPEST * 8);
    assert!(offset_of!(Record, tid) == word::TID * 8);
    assert!(offset_of!(Record, threads) == word::THREADS * 8);
    assert!(offset_of!(Record, name) == word::NAME * 8);
    assert!(offset_of!(Record, retiring) == word::RETIRING * 8);
    assert!(offset_of!(Record, earlier) == word::EARLIER * 8);
};

/// What the thread is doing inside the probe.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing: its allocations are the program's.
    Idle,
    /// Recording: an allocation now comes from a signal handler that interrupted the probe. It is recorded without a
    /// stack, and not looked at for a peak.
    Recording,
    /// Running library code for the probe: allocations are the arena's.
    Own,
}

/// A thread's private state. Only the thread itself touches it, but for `limit` and `floor`.
#[repr(C, align(64))]
pub(crate) struct Thread {
    /// Live bytes up to which the shared sum needs not be told. Others set it to the least to have it renewed.
    pub(crate) limit: AtomicI64,
    /// Live bytes above which something is to be noted before anything is freed: the lesser of `peak_mark` and the
    /// thread's own peak.
    pub(crate) mark: Cell<i64>,
    /// Live bytes above which what is live may be a new peak of the process.
    pub(crate) peak_mark: Cell<i64>,
    /// Live bytes below which the shared sum must be told.
    pub(crate) floor: AtomicI64,
    pub(crate) guard: Cell<Guard>,
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
    /// The last block it allocated while a scope was open, until it is freed.
    pub(crate) scope_last: Cell<usize>,
    /// Its pages of counters, by site; made when first needed.
    pub(crate) pages: Cell<*mut AtomicU32>,
    pub(crate) kept: Cell<*mut KeptStack>,
    /// The next of the tally lines set aside for it; see `counters`.
    pub(crate) lines: AtomicU64,
    /// Live blocks inserted less removed since the tables' counts were told: narrow and wide.
    pub(crate) block_delta: [Cell<i32>; 2],
    pub(crate) slot: u32,
    /// How often the thread's end was put off, so that destructors of others are seen.
    put_off: Cell<u32>,
}

thread_local! {
    // No destructor and a constant value: reading it is one instruction and can't allocate.
    static CURRENT: Cell<*const Thread> = const { Cell::new(std::ptr::null()) };
}

/// From this slot on, a thread that ends gives memory back. So many threads at once are many.
const MANY: u32 = 64;

/// How often a thread's end is put off: there are four rounds of destructors, and what other keys' do in the first
/// three is still to come when this key's runs. One that allocates in the fourth takes a slot for good.
const PUT_OFF: u32 = 3;

/// Slots that no thread has, as a chain: the first; `NEXT_FREE[slot]` is the one after, plus one.
static REGISTRY: Lock = Lock::new();
static STATES: AtomicPtr<Thread> = AtomicPtr::new(null_mut());
static FREE: AtomicU32 = AtomicU32::new(0);
static NEXT_FREE: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
/// The pthread key whose destructor tells of a thread's end, plus one.
static KEY: AtomicU32 = AtomicU32::new(0);

/// The calling thread's state, if it has one.
#[inline(always)]
pub(crate) fn current() -> Option<&'static Thread> {
    // SAFETY: the pointer is null or to a state that lives in memory which is never unmapped, and that no other
    // thread uses until this one has set the pointer to null.
    unsafe { CURRENT.with(|current| current.get().as_ref()) }
}

/// Marks the thread as recording while `f` runs, for signal handlers that interrupt it.
#[inline(always)]
pub(crate) fn recording<T>(thread: &'static Thread, f: impl FnOnce() -> T) -> T {
    let before = thread.guard.replace(Guard::Recording);
    compiler_fence(SeqCst);
    let value = f();
    compiler_fence(SeqCst);
    thread.guard.set(before);
    value
}

/// Prepares the registry. Called once.
pub(crate) fn create() {
    let mut key = 0;
    // SAFETY: the key is a valid place, and `at_end` has the type that a destructor has.
    if unsafe { libc::pthread_key_create(&mut key, Some(at_end)) } == 0 {
        KEY.store(key + 1, Relaxed);
    }
}

/// Gives the calling thread a slot. None where there is no space: its blocks are then lost.
#[cold]
#[inline(never)]
pub(crate) fn attach() -> Option<&'static Thread> {
    os::keeping_errno(|| {
        let _held = REGISTRY.lock();
        if let Some(thread) = current() {
            return Some(thread); // A signal handler was faster.
        }
        let thread = take_slot()?;
        let alive = spool::header()[header::THREADS_ALIVE].fetch_add(1, SeqCst) + 1;
        if alive > 1 {
            spool::header()[header::CONCURRENT].store(1, Relaxed);
        }
        if alive.is_power_of_two() {
            barrier::heavy();
            renew_limits();
        }
        if alive == 2 {
            // What the first thread does from here on, it tells itself.
            barrier::heavy();
            for_each_state(peak::tell_for);
        }
        CURRENT.with(|current| current.set(thread));
        arm_end(thread);
        if mode::state().has_scopes() {
            inherit::inherit(thread);
        }
        Some(thread)
    })
}

fn take_slot() -> Option<&'static Thread> {
    if STATES.load(Relaxed).is_null() {
        let states = os::reserve(SLOTS * size_of::<Thread>())?;
        let next = os::reserve(SLOTS * 4)?;
        NEXT_FREE.store(next.as_ptr().cast(), Relaxed);
        STATES.store(states.as_ptr().cast(), Relaxed);
    }
    let states = STATES.load(Relaxed);
    let free = FREE.load(Relaxed);
    let count = &spool::header()[header::COUNTS + Section::THREADS.0];
    let slot = if free != 0 {
        let slot = free - 1;
        FREE.store(next_free(slot).load(Relaxed), Relaxed);
        slot
    } else {
        let slot = count.load(Relaxed) as usize;
        if slot >= SLOTS || !spool::ensure(Section::THREADS, (slot + 1) * size_of::<Record>()) {
            return None;
        }
        slot as u32
    };
    // SAFETY: the section has room for `slot + 1` records, at addresses that stay.
    let record = unsafe { &*spool::base(Section::THREADS).cast::<Record>().add(slot as usize) };
    // SAFETY: there are `SLOTS` states in the reservation, and `slot` is below.
    let state = unsafe { states.add(slot as usize) };
    // SAFETY: the memory was zeroed by the system or holds an earlier thread's state, for which the pointers it
    // left are valid: what was reserved for a slot stays with it. The slot belongs to no thread now.
    let (pages, kept) = unsafe { ((&raw const (*state).pages).read(), (&raw const (*state).kept).read()) };
    // SAFETY: null, or a kept stack that was an earlier thread's alone, and is this one's now.
    if let Some(kept) = unsafe { kept.get().as_mut() } {
        kept.reset(); // Another stack stood there.
    }
    let new = Thread { pages, kept, ..Thread::new(record, slot) };
    // SAFETY: the slot belongs to no thread, and whoever writes to the limits of all holds the registry's lock, too.
    unsafe { state.write(new) };
    record.name_now();
    // SAFETY: `gettid` has no preconditions.
    record.tid.store(unsafe { libc::gettid() } as u64, Relaxed);
    record.threads.store(1, Relaxed);
    if u64::from(slot) >= count.load(Relaxed) {
        count.store(u64::from(slot) + 1, Relaxed);
    }
    // SAFETY: it was just written, and the registry hands the slot to nobody else until the thread ends.
    unsafe { state.as_ref() }
}

fn next_free(slot: u32) -> &'static AtomicU32 {
    // SAFETY: there are `SLOTS` words in the reservation, made before any slot was handed out.
    unsafe { &*NEXT_FREE.load(Relaxed).add(slot as usize) }
}

/// Has every thread tell the shared sum at its next event. What a thread may leave untold depends on how many there
/// are; they are asked whenever that number has doubled, or is one. The registry's lock is held.
fn renew_limits() {
    for_each_state(|thread| {
        thread.limit.store(i64::MIN, SeqCst);
        thread.floor.store(i64::MAX, SeqCst);
    });
}

/// Calls `f` for the state of every slot, of which it may use what any thread may. The registry's lock is held.
fn for_each_state(f: impl Fn(&Thread)) {
    let count = spool::header()[header::COUNTS + Section::THREADS.0].load(Relaxed) as usize;
    let states = STATES.load(Relaxed);
    for slot in 0..count {
        // SAFETY: slots below the count were written, and nobody writes a whole state without the lock.
        f(unsafe { &*states.add(slot) });
    }
}

fn arm_end(thread: &'static Thread) {
    let key = KEY.load(Relaxed);
    if key != 0 {
        // SAFETY: the key was made by `create`; the value is only ever handed to `at_end`.
        unsafe { libc::pthread_setspecific(key - 1, (&raw const *thread).cast()) };
    }
}

/// Runs among the destructors of the thread's pthread keys, after those of Rust's thread-locals. Puts itself off
/// by some rounds, so that what other keys' destructors do is still counted under this thread.
///
/// # Safety
///
/// The value is the state of the calling thread, as [`arm_end`] stored it.
unsafe extern "C" fn at_end(state: *mut libc::c_void) {
    // SAFETY: the value of the key is the state that `arm_end` stored for this very thread.
    let thread = unsafe { &*state.cast::<Thread>() };
    if CURRENT.with(|current| current.get()) != std::ptr::from_ref(thread) {
        return; // The child of a fork has let go of it.
    }
    let rounds = thread.put_off.get();
    if rounds < PUT_OFF {
        thread.put_off.set(rounds + 1);
        arm_end(thread);
        return;
    }
    os::keeping_errno(|| thread.end());
}

/// Runs `f` as a thread that is in no figure: one of the probe's own, or one without a state of its own. What it
/// allocates is the arena's; where that has no room, it is under its site and in no thread's figures.
pub(crate) fn hidden<T>(f: impl FnOnce() -> T) -> T {
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
        new.guard.set(Guard::Own);
        state.write(new);
        state.as_ref()
    });
    let before = CURRENT.with(|current| current.replace(own.map_or(std::ptr::null(), std::ptr::from_ref)));
    let value = f();
    CURRENT.with(|current| current.set(before));
    value
}

impl Thread {
    /// A state that knows nothing yet, and tells the sum and its peak at its first event.
    fn new(record: &'static Record, slot: u32) -> Thread {
        Thread {
            limit: AtomicI64::new(i64::MIN),
            mark: Cell::new(i64::MIN),
            peak_mark: Cell::new(i64::MIN),
            floor: AtomicI64::new(i64::MAX),
            guard: Cell::new(Guard::Idle),
            record,
            header: spool::header(),
            last_block: Cell::new(0),
            until_sample: Cell::new(0),
            random: Cell::new(0),
            scope: Cell::new(0),
            started_in: Cell::new(0),
            starting: Cell::new(0),
            locks_scopes: Cell::new(false),
            scope_last: Cell::new(0),
            pages: Cell::new(null_mut()),
            kept: Cell::new(null_mut()),
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
                self.pages.set(
                    os::reserve(crate::profile::counters::DIRECTORY_BYTES)
                        .map_or(null_mut(), |at| at.as_ptr().cast()),
                );
            }
            if self.kept.get().is_null() {
                self.kept
                    .set(os::reserve(size_of::<KeptStack>()).map_or(null_mut(), |at| at.as_ptr().cast()));
            }
        });
        !self.pages.get().is_null() && !self.kept.get().is_null()
    }

    /// Gives the memory of the kept stack back to the system: another thread may never have this slot again.
    fn give_back(&self) {
        if let Some(kept) = std::ptr::NonNull::new(self.kept.get()) {
            // SAFETY: the stack is this thread's alone, which takes no more, in private memory of its own; all zeros
            // are a kept stack that has nothing.
            unsafe { os::give_back(kept.as_ptr().cast(), size_of::<KeptStack>()) };
        }
    }

    fn end(&'static self) {
        stack_depth::measure_own(self.record);
        // Until this is over, no signal handler allocates on this thread.
        let _held = REGISTRY.lock();
        if self.started_in.get() != 0 {
            inherit::leave(self);
        }
        crate::profile::blocks::tell_counts(self);
        peak::flush(self);
        self.record.name_now();
        let Some((index, ended)) = ended_record(&self.record.name) else {
            return; // No space for the name: the slot stays as it is, and is not lost.
        };
        self.record.retire_into(ended, index, peak::epoch(self));
        if self.slot >= MANY {
            self.give_back();
        }
        CURRENT.with(|current| current.set(std::ptr::null()));
        next_free(self.slot).store(FREE.load(Relaxed), Relaxed);
        FREE.store(self.slot + 1, Relaxed);
        if spool::header()[header::THREADS_ALIVE].fetch_sub(1, SeqCst) == 2 {
            renew_limits();
        }
    }
}

impl Record {
    fn name_now(&self) {
        let mut name = [0u8; 16];
        // SAFETY: the call writes at most 16 bytes, with a zero at the end.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        let (low, high) = name.split_at(8);
        for (word, bytes) in self.name.iter().zip([low, high]) {
            word.store(u64::from_le_bytes(bytes.try_into().unwrap_or_default()), Relaxed);
        }
    }

    /// Moves the figures to the record of the ended threads of the name, the `index`th. The registry's lock is held.
    ///
    /// Whoever reads the spool of a process that was killed meanwhile finds them once: until the thread is no longer
    /// in its slot, the slot says what was in the other record before.
    fn retire_into(&self, ended: &Record, index: usize, epoch: u64) {
        let kept = ended.words()[..word::KEPT].iter().chain([&ended.threads]);
        self.earlier.iter().zip(kept).for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
        self.retiring.store(index as u64 + 1, SeqCst);
        let threads = self.threads.load(Relaxed);
        ended.figures.absorb(&self.figures, epoch);
        bump(&ended.reallocs, self.reallocs.load(Relaxed));
        bump(&ended.threads, threads);
        bump(&ended.flushed, self.flushed.load(Relaxed));
        if self.own_peak_bytes.load(Relaxed) > ended.own_peak_bytes.load(Relaxed) {
            ended.own_peak_bytes.store(self.own_peak_bytes.load(Relaxed), Relaxed);
            ended.own_peak_blocks.store(self.own_peak_blocks.load(Relaxed), Relaxed);
        }
        ended.keep_larger_stack(self);
        self.threads.store(0, SeqCst);
        self.words().iter().for_each(|word| word.store(0, Relaxed));
    }

    pub(crate) fn words(&self) -> &[AtomicU64; word::WORDS] {
        // SAFETY: a record is an array of as many words, all atomic.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }
}

/// The record of ended threads of a name, found or made, and its number. The registry's lock is held.
fn ended_record(name: &[AtomicU64; 2]) -> Option<(usize, &'static Record)> {
    let count = &spool::header()[header::COUNTS + Section::ENDED.0];
    let used = count.load(Relaxed) as usize;
    if !spool::ensure(Section::ENDED, (used + 1).min(NAMES) * size_of::<Record>()) {
        return None;
    }
    // SAFETY: the section has room for the records below, at addresses that stay.
    let record = |index: usize| unsafe { &*spool::base(Section::ENDED).cast::<Record>().add(index) };
    let same = |&index: &usize| {
        let other = &record(index).name;
        other.iter().zip(name).all(|(a, b)| a.load(Relaxed) == b.load(Relaxed))
    };
    if let Some(found) = (0..used).find(same) {
        return Some((found, record(found)));
    }
    if used == NAMES {
        return Some((NAMES - 1, record(NAMES - 1)));
    }
    let new = record(used);
    new.name.iter().zip(name).for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
    count.store(used as u64 + 1, Relaxed);
    Some((used, new))
}

/// Runs `f` while no thread starts or ends, so that nobody's figures are seen twice, or not at all.
pub(crate) fn while_none_ends<T>(f: impl FnOnce() -> T) -> T {
    let _held = REGISTRY.lock();
    f()
}

/// The figures of every thread, alive or ended. To be called while none ends.
pub(crate) fn for_each_record(mut f: impl FnMut(&Record)) {
    for section in [Section::THREADS, Section::ENDED] {
        let count = spool::header()[header::COUNTS + section.0].load(Relaxed) as usize;
        for index in 0..count {
            // SAFETY: entries below the count have memory, at addresses that stay.
            f(unsafe { &*spool::base(section).cast::<Record>().add(index) });
        }
    }
}

/// Reads the names of the live threads anew: a thread is often named after its first allocation.
pub(crate) fn refresh_names() {
    let count = spool::header()[header::COUNTS + Section::THREADS.0].load(Relaxed) as usize;
    for index in 0..count {
        // SAFETY: as in `for_each_record`.
        let record = unsafe { &*spool::base(Section::THREADS).cast::<Record>().add(index) };
        let tid = record.tid.load(Relaxed);
        let mut path = [0u8; 64];
        let text = format!("/proc/self/task/{tid}/comm\0");
        path[..text.len()].copy_from_slice(text.as_bytes());
        let Ok(path) = std::ffi::CStr::from_bytes_until_nul(&path) else { continue };
        let mut buffer = [0u8; 16];
        let Some(comm) = os::read_small(path, &mut buffer) else { continue };
        let length = comm.iter().position(|&byte| byte == b'\n').unwrap_or(comm.len()).min(15);
        let mut name = [0u8; 16];
        name[..length].copy_from_slice(&comm[..length]);
        for (word, bytes) in record.name.iter().zip(name.chunks_exact(8)) {
            word.store(u64::from_le_bytes(bytes.try_into().unwrap_or_default()), Relaxed);
        }
    }
}

/// Marks the calling thread as the probe's own while `f` runs, so that the arena serves what it allocates. Signals
/// are put off until then: what their handlers allocate is the program's.
pub(crate) fn as_own<T>(f: impl FnOnce() -> T) -> T {
    let _quiet = os::Quiet::new();
    let Some(thread) = current().or_else(attach) else { return f() };
    let before = thread.guard.replace(Guard::Own);
    let restore = Restore(thread, before);
    let value = f();
    drop(restore);
    value
}

struct Restore(&'static Thread, Guard);

impl Drop for Restore {
    fn drop(&mut self) {
        self.0.guard.set(self.1);
    }
}

/// In the child of a fork: the other threads are gone, and this one's slot is the parent's.
pub(crate) fn forget() {
    REGISTRY.reset();
    scope::open::reset_after_fork();
    CURRENT.with(|current| current.set(std::ptr::null()));
}

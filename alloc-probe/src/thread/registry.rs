//! The slots of threads. A slot is handed to the next new thread when its thread ends; what it counted goes to the record
//! of all ended threads of that name. So memory follows the number of threads alive at once, not of those that ever were.

use super::record::Record;
use super::state::{SLOTS, Thread};
use crate::os;
use crate::os::lock::{Lock, LockGuard};
use crate::spool;
use alloc_probe_format::spool::{Section, header};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, fence};

/// How many names of ended threads are kept apart; the rest share the last.
const NAMES: usize = 1024;

/// From this slot on, a thread that ends gives memory back. So many threads at once are many.
const MANY: u32 = 64;

/// Slots that no thread has, as a chain: the first; `NEXT_FREE[slot]` is the one after, plus one.
static REGISTRY: Lock = Lock::new();
static STATES: AtomicPtr<Thread> = AtomicPtr::new(null_mut());
static FREE: AtomicU32 = AtomicU32::new(0);
static NEXT_FREE: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());

/// Locks the registry: no thread starts or ends until the result is dropped, and no signal handler runs on this one.
pub(crate) fn lock() -> LockGuard<'static> {
    REGISTRY.lock()
}

/// In the child of a fork: the thread that held the lock does not exist.
pub(crate) fn reset_after_fork() {
    REGISTRY.reset();
    MOVES.store(0, Relaxed);
}

/// How often figures began or ended to move from one record to another: odd while they do.
static MOVES: AtomicU64 = AtomicU64::new(0);

/// Runs `f`, which moves figures from one record to another. The registry's lock is held.
pub(crate) fn moving<T>(f: impl FnOnce() -> T) -> T {
    MOVES.store(MOVES.load(Relaxed) + 1, Relaxed);
    fence(Release);
    let value = f();
    MOVES.store(MOVES.load(Relaxed) + 1, Release);
    value
}

/// A slot for the calling thread. None where there is no space. The registry is locked.
pub(crate) fn take_slot() -> Option<&'static Thread> {
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
    let (pages, cached_stack) =
        unsafe { ((&raw const (*state).pages).read(), (&raw const (*state).cached_stack).read()) };
    // SAFETY: null, or a cached stack that was an earlier thread's alone, and is this one's now.
    if let Some(stack) = unsafe { cached_stack.get().as_mut() } {
        stack.reset(); // Another stack stood there.
    }
    let new = Thread { pages, cached_stack, ..Thread::new(record, slot) };
    // SAFETY: the slot belongs to no thread, and whoever writes to the limits of all holds the registry's lock, too.
    unsafe { state.write(new) };
    record.name_now();
    record.name_thread();
    record.threads.store(1, Relaxed);
    if u64::from(slot) >= count.load(Relaxed) {
        count.store(u64::from(slot) + 1, Release);
    }
    // SAFETY: it was just written, and the registry hands the slot to nobody else until the thread ends.
    unsafe { state.as_ref() }
}

fn next_free(slot: u32) -> &'static AtomicU32 {
    // SAFETY: there are `SLOTS` words in the reservation, made before any slot was handed out.
    unsafe { &*NEXT_FREE.load(Relaxed).add(slot as usize) }
}

/// Has every thread flush at its next event. The flush threshold depends on how many threads there are: they are asked
/// whenever that number has doubled, or is one. The registry's lock is held.
pub(crate) fn renew_limits() {
    for_each_state(|thread| {
        thread.limit.store(i64::MIN, SeqCst);
        thread.floor.store(i64::MAX, SeqCst);
    });
}

/// Calls `f` for the state of every slot, of which it may use what any thread may. The registry's lock is held.
pub(crate) fn for_each_state(f: impl Fn(&Thread)) {
    let count = spool::header()[header::COUNTS + Section::THREADS.0].load(Relaxed) as usize;
    let states = STATES.load(Relaxed);
    for slot in 0..count {
        // SAFETY: slots below the count were written, and nobody writes a whole state without the lock.
        f(unsafe { &*states.add(slot) });
    }
}

/// Hands a slot back, for the next thread to take. The registry is locked, and the thread has let go of its state.
pub(crate) fn release_slot(thread: &Thread) {
    if thread.slot >= MANY {
        thread.release_cached_stack();
    }
    next_free(thread.slot).store(FREE.load(Relaxed), Relaxed);
    FREE.store(thread.slot + 1, Relaxed);
}

/// The record of ended threads of a name, found or made, and its number. The registry's lock is held.
pub(crate) fn ended_record(name: &[AtomicU64; 2]) -> Option<(usize, &'static Record)> {
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
    count.store(used as u64 + 1, Release);
    Some((used, new))
}

/// Runs `f`, which only reads, until no thread has ended meanwhile, so that nobody's figures are seen twice, or not at
/// all. No thread waits for it, but where one after the other ends: then they wait for the last attempt.
pub(crate) fn while_none_ends<T>(mut f: impl FnMut() -> T) -> T {
    const ATTEMPTS: u32 = 8;
    for _ in 0..ATTEMPTS {
        let before = MOVES.load(Acquire);
        if before % 2 == 0 {
            let value = f();
            fence(Acquire);
            if MOVES.load(Relaxed) == before {
                return value;
            }
        }
        std::thread::yield_now();
    }
    let _held = REGISTRY.lock();
    f()
}

/// The figures of every thread, alive or ended. To be called while none ends.
pub(crate) fn for_each_record(mut f: impl FnMut(&Record)) {
    for section in [Section::THREADS, Section::ENDED] {
        // Whoever sees an entry counted sees where the section is, too.
        let count = spool::header()[header::COUNTS + section.0].load(Acquire) as usize;
        for index in 0..count {
            // SAFETY: entries below the count have memory, at addresses that stay.
            f(unsafe { &*spool::base(section).cast::<Record>().add(index) });
        }
    }
}

/// Reads the names of the live threads anew: a thread is often named after its first allocation.
pub(crate) fn refresh_names() {
    let count = spool::header()[header::COUNTS + Section::THREADS.0].load(Acquire) as usize;
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
        let mut name = os::ThreadName::default();
        name[..length].copy_from_slice(&comm[..length]);
        record.set_name(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// While figures move from one record to another, whoever adds up sees each of them once.
    #[test]
    fn what_moves_is_seen_once() {
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 20_000 };
        static HERE: AtomicU64 = AtomicU64::new(100);
        static THERE: AtomicU64 = AtomicU64::new(0);
        let mover = std::thread::spawn(|| {
            for (from, to) in [(&HERE, &THERE), (&THERE, &HERE)].into_iter().cycle().take(ROUNDS) {
                let _held = lock();
                moving(|| {
                    to.store(to.load(Relaxed) + from.load(Relaxed), Relaxed);
                    from.store(0, Relaxed);
                });
            }
        });
        while !mover.is_finished() {
            assert_eq!(while_none_ends(|| HERE.load(Relaxed) + THERE.load(Relaxed)), 100);
        }
        mover.join().unwrap();
    }
}

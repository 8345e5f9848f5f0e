//! The hook: what the program's allocations pass through.
//!
//! Each of the four methods forwards to the same method of the inner allocator, with the same arguments, exactly
//! once. What is recorded happens before or after that call, never instead of it.

use crate::capture::Registers;
use crate::lifecycle::config::{Program, Settings};
use crate::lifecycle::{fork, start, threads};
use crate::mode::{self, State};
use crate::os::arena::{self, Signals};
use crate::record::{count, failures, full, sample, site};
use crate::scope::{inherit, record};
use crate::shared::mode::Mode;
use crate::thread::{self, Activity, Thread};
use std::alloc::{GlobalAlloc, Layout, System};
use std::time::Duration;

/// A global allocator that records what passes through it to another.
///
/// ```
/// use alloc_probe::AllocProbe;
///
/// #[global_allocator]
/// static ALLOC: AllocProbe = AllocProbe::system();
///
/// fn main() {
///     let text = String::from("counted");
///     assert!(alloc_probe::stats().live_bytes >= text.len() as u64);
/// }
/// ```
///
/// It wraps any allocator: `AllocProbe::new(tikv_jemallocator::Jemalloc)`. The macro [`install!`](crate::install) declares
/// the static, and lets dumps name the crate that it stands in. A process has one profile, even with several statics.
#[derive(Debug)]
pub struct AllocProbe<A = System> {
    inner: A,
    settings: Settings,
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
        let program = Program { name: "", version: "", debug_assertions: cfg!(debug_assertions), panic: "" };
        AllocProbe {
            inner,
            settings: Settings {
                program,
                mode: None,
                out: None,
                long_lived_ns: None,
                sample_bytes: None,
                memory_bytes: None,
            },
        }
    }

    /// How much to record if `ALLOC_PROBE` is not set. By default [`Mode::Full`] with an output path, else
    /// [`Mode::Count`].
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> AllocProbe<A> {
        self.settings.mode = Some(mode);
        self
    }

    /// The path of dumps if `ALLOC_PROBE_OUT` is not set. `%p`, `%e` and `%n` stand for the process's id, the program's
    /// name, and the number of the dump. Without a path no file is ever written.
    #[must_use]
    pub const fn with_output(mut self, path: &'static str) -> AllocProbe<A> {
        self.settings.out = Some(path);
        self
    }

    /// The age from which a live block counts as long-lived, if `ALLOC_PROBE_LONG_LIVED` is not set. One second by
    /// default.
    #[must_use]
    pub const fn with_long_lived(mut self, age: Duration) -> AllocProbe<A> {
        let nanos = age.as_nanos();
        self.settings.long_lived_ns = Some(if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 });
        self
    }

    /// The mean number of bytes from one sampled block to the next in [`Mode::Sample`], if `ALLOC_PROBE` does not give
    /// it. 512 KiB by default.
    #[must_use]
    pub const fn with_sample_bytes(mut self, bytes: u64) -> AllocProbe<A> {
        self.settings.sample_bytes = Some(bytes);
        self
    }

    /// The most memory that the spool may take, in bytes, if `ALLOC_PROBE_MEMORY` is not set: at least 1 MiB; no limit by
    /// default. What no longer fits is missing from the profile. The dump and one line on standard error say so.
    #[must_use]
    pub const fn with_memory(mut self, bytes: u64) -> AllocProbe<A> {
        self.settings.memory_bytes = Some(bytes);
        self
    }

    /// Names the program in dumps. [`install!`](crate::install) fills this in.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_program(
        mut self,
        name: &'static str,
        version: &'static str,
        debug_assertions: bool,
        panic: &'static str,
    ) -> AllocProbe<A> {
        self.settings.program = Program { name, version, debug_assertions, panic };
        self
    }

    /// The calling thread's state, to record under the state of recording. None where nothing is recorded, or where
    /// the thread could not be given a state.
    #[inline(always)]
    fn recorder(&self) -> Option<(&'static Thread, State)> {
        let state = mode::state();
        if state == State::OFF {
            return None;
        }
        match thread::current() {
            Some(thread) => Some((thread, state)),
            None => self.new_recorder(),
        }
    }

    #[cold]
    #[inline(never)]
    fn new_recorder(&self) -> Option<(&'static Thread, State)> {
        if mode::state() == State::UNSTARTED {
            start::start(&self.settings, std::any::type_name::<A>());
        }
        let state = mode::state();
        if matches!(state, State::OFF | State::UNSTARTED) {
            return None;
        }
        let thread = threads::attach();
        if thread.is_none() {
            site::lose_block(0);
            if state.has_scopes() {
                inherit::lose_event();
            }
        }
        Some((thread?, state))
    }
}

impl<A: GlobalAlloc> AllocProbe<A> {
    /// Reallocates a block of the arena.
    ///
    /// # Safety
    ///
    /// As for `GlobalAlloc::realloc`, for a block of the arena.
    #[cold]
    unsafe fn realloc_own(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the contract.
        let new = unsafe { arena::realloc(block, layout, size, signals()) };
        if !new.is_null() {
            return new;
        }
        // SAFETY: by the contract, `size` is one that a layout with this alignment may have, and not zero. The new
        // block is at least as long as the lesser of the two sizes, and another than the old one, which is the
        // caller's until it is taken back.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(size));
                arena::dealloc(block, layout, signals());
            }
            new
        }
    }
}

impl<A: GlobalAlloc> AllocProbe<A> {
    /// A block from the inner allocator, by the method that `by` calls, in mode `count` or in `sample`.
    #[inline(never)]
    fn allocate_counted<const SAMPLES: bool>(
        &self,
        layout: Layout,
        by: impl FnOnce(&A, Layout) -> *mut u8,
    ) -> *mut u8 {
        let Some(thread) = thread::idle() else { return self.allocate_recorded(layout, by) };
        let block = by(&self.inner, layout);
        let size = layout.size() as u64;
        let counted = !block.is_null()
            && if SAMPLES { sample::try_alloc(thread, size) } else { count::try_alloc(thread, size) };
        if counted {
            return block;
        }
        let state = if SAMPLES { State::SAMPLE } else { State::COUNT };
        allocated_with_more(thread, state, block, layout.size(), Registers::here())
    }

    /// The same in any state.
    #[inline(never)]
    fn allocate_recorded(&self, layout: Layout, by: impl FnOnce(&A, Layout) -> *mut u8) -> *mut u8 {
        match self.recorder() {
            Some((thread, state)) if thread.activity.get() == Activity::Idle => {
                let block = by(&self.inner, layout);
                if state == State::FULL && !block.is_null() {
                    full::alloc(thread, block as u64, layout.size() as u64, Registers::here());
                } else {
                    allocated(thread, state, block, layout.size(), Registers::here());
                }
                block
            }
            Some((thread, state)) => {
                alloc_inside(thread, state, layout, Registers::here(), || by(&self.inner, layout))
            }
            None => by(&self.inner, layout),
        }
    }

    /// Frees a block in any state, and where something is to be noted before or after it.
    ///
    /// # Safety
    ///
    /// As for `GlobalAlloc::dealloc`.
    #[inline(never)]
    unsafe fn dealloc_recorded(&self, block: *mut u8, layout: Layout) {
        if arena::owns(block) {
            // SAFETY: it is a block of the arena, and the caller does not use it any more.
            return unsafe { arena::dealloc(block, layout, signals()) };
        }
        if let Some((thread, state)) = self.recorder() {
            let (address, size) = (block as u64, layout.size() as u64);
            if thread.activity.get() == Activity::Recording {
                interrupted_dealloc(thread, state, address, size);
            } else if state.looks_up_ends() {
                full::dealloc(thread, address, size);
            } else if state == State::COUNT {
                count::dealloc(thread, size);
            } else if state == State::SAMPLE {
                sample::dealloc(thread, address, size);
            } else {
                dealloc_otherwise(thread, state, address, size);
            }
        }
        // SAFETY: the caller's promises about the block and the layout are the ones asked for; it came from the
        // inner allocator, as all that are not the arena's do.
        unsafe { self.inner.dealloc(block, layout) };
    }
}

// PERF: what each state does is a function of its own, which needs few registers and is reached by a jump. The closures
// capture nothing, so that nothing has to lie in memory for them. The methods are small enough to be inlined into the
// functions that allocate, which must not be left out of their stacks: so what takes the registers that a stack begins at
// never is. `alloc` and `alloc_zeroed` are the same but for one call: in a build that is not optimised, a function that both
// were made of would be one more frame of each stack.
//
// SAFETY: every method hands its arguments to the inner allocator's method of the same name and returns what that
// returned, so the inner allocator's promises are this one's; only for blocks of the arena, which never came from
// the inner allocator, the arena answers instead, under the same contract, as long as it has room. Nothing here
// unwinds: no code on these paths panics or calls back into the program.
unsafe impl<A: GlobalAlloc> GlobalAlloc for AllocProbe<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about the layout are the ones asked for.
        let by = |inner: &A, layout| unsafe { inner.alloc(layout) };
        match mode::state() {
            State::OFF => by(&self.inner, layout),
            State::COUNT => self.allocate_counted::<false>(layout, by),
            State::SAMPLE => self.allocate_counted::<true>(layout, by),
            _ => self.allocate_recorded(layout, by),
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let by = |inner: &A, layout| unsafe { inner.alloc_zeroed(layout) };
        match mode::state() {
            State::OFF => by(&self.inner, layout),
            State::COUNT => self.allocate_counted::<false>(layout, by),
            State::SAMPLE => self.allocate_counted::<true>(layout, by),
            _ => self.allocate_recorded(layout, by),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let (address, size) = (block as u64, layout.size() as u64);
        let done = !arena::owns(block)
            && match mode::state() {
                State::OFF => true,
                State::COUNT => thread::idle().is_some_and(|thread| count::try_dealloc(thread, size)),
                State::SAMPLE => {
                    thread::idle().is_some_and(|thread| sample::try_dealloc(thread, address, size))
                }
                _ => false,
            };
        // SAFETY: as for `dealloc_recorded`, or the caller's promises.
        unsafe {
            if done {
                self.inner.dealloc(block, layout);
            } else {
                self.dealloc_recorded(block, layout);
            }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if arena::owns(block) {
            // SAFETY: it is a block of the arena; the caller's promises are the ones asked for.
            return unsafe { self.realloc_own(block, layout, new_size) };
        }
        // SAFETY: as for `dealloc`.
        let inner = || unsafe { self.inner.realloc(block, layout, new_size) };
        let Some((thread, state)) = self.recorder() else { return inner() };
        let (old_size, size) = (layout.size() as u64, new_size as u64);
        let event = (block as u64, old_size, size);
        if thread.activity.get() == Activity::Recording {
            return reallocate(thread, state, event, Registers::here(), inner);
        }
        match state {
            State::COUNT => {
                let new = inner();
                if new.is_null() {
                    failures::note(thread, size, Some(Registers::here()));
                } else {
                    count::realloc(thread, old_size, size);
                }
                new
            }
            State::SAMPLE => sample::realloc(thread, event, Registers::here(), inner),
            State::FULL => full::realloc(thread, event, Registers::here(), inner),
            _ => reallocate(thread, state, event, Registers::here(), inner),
        }
    }
}

/// Reallocates by `inner`, and records it in whichever state. The event is the block's address, its old size and its new
/// one.
#[inline(never)]
fn reallocate(
    thread: &'static Thread,
    state: State,
    event: (u64, u64, u64),
    registers: Registers,
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let (address, old_size, size) = event;
    if state.without_scopes() == State::UNSTARTED {
        fork::notice();
        return inner();
    }
    if state.has_scopes() {
        let old = record::detach(thread, address, old_size);
        let new = reallocate(thread, state.without_scopes(), event, registers, inner);
        record::realloc(thread, old, (new as u64, size), registers);
        return new;
    }
    let interrupted = thread.activity.get() == Activity::Recording;
    match state {
        State::OFF => inner(),
        _ if interrupted => full::interrupted_realloc(thread, state, event, inner),
        State::COUNT => {
            let new = inner();
            if new.is_null() {
                failures::note(thread, size, Some(registers));
            } else {
                count::realloc(thread, old_size, size);
            }
            new
        }
        State::SAMPLE => sample::realloc(thread, event, registers, inner),
        State::FULL => full::realloc(thread, event, registers, inner),
        _ => full::realloc_mixed(thread, state, event, registers, inner),
    }
}

/// Records a block in whose allocation there is more to do than to count it, and returns it.
///
/// PERF: so what calls it has nothing to keep until it returns.
#[cold]
#[inline(never)]
fn allocated_with_more(
    thread: &'static Thread,
    state: State,
    block: *mut u8,
    size: usize,
    registers: Registers,
) -> *mut u8 {
    allocated(thread, state, block, size, registers);
    block
}

/// Records a block that the inner allocator has handed out, or that it has none.
#[inline(never)]
fn allocated(thread: &'static Thread, state: State, block: *mut u8, size: usize, registers: Registers) {
    let (address, size) = (block as u64, size as u64);
    if block.is_null() {
        return failures::note(thread, size, Some(registers));
    }
    match state {
        State::COUNT | State::COUNT_MIXED => count::alloc(thread, size),
        State::SAMPLE | State::SAMPLE_MIXED => sample::alloc(thread, address, size, registers),
        State::FULL => full::alloc(thread, address, size, registers),
        State::UNSTARTED => fork::notice(),
        _ if state.has_scopes() => {
            alloc_with_scopes(thread, state.without_scopes(), address, size, registers)
        }
        _ => {}
    }
}

/// The same while a scope is open. `state` is what it would be otherwise.
#[inline(never)]
fn alloc_with_scopes(thread: &'static Thread, state: State, address: u64, size: u64, registers: Registers) {
    match state {
        State::COUNT | State::COUNT_MIXED => count::alloc(thread, size),
        State::SAMPLE | State::SAMPLE_MIXED => sample::alloc(thread, address, size, registers),
        State::FULL => full::alloc(thread, address, size, registers),
        State::UNSTARTED => return fork::notice(),
        _ => {}
    }
    record::alloc(thread, address, size, registers);
}

/// Records that a block is about to be freed while a scope is open, or leaves it where the state was wiped.
#[inline(never)]
fn dealloc_otherwise(thread: &'static Thread, state: State, address: u64, size: u64) {
    let state = state.without_scopes();
    if state == State::UNSTARTED {
        return fork::notice();
    }
    record::dealloc(thread, address, size);
    match state {
        State::COUNT => count::dealloc(thread, size),
        State::SAMPLE => sample::dealloc(thread, address, size),
        State::OFF => {}
        _ => full::dealloc(thread, address, size),
    }
}

/// A signal handler that interrupted the probe allocated a block.
#[cold]
#[inline(never)]
fn interrupted_alloc(thread: &'static Thread, state: State, address: u64, size: u64, registers: Registers) {
    if !matches!(state.without_scopes(), State::OFF | State::UNSTARTED) {
        full::interrupted_alloc(thread, state.without_scopes(), address, size);
    }
    if state.has_scopes() {
        record::alloc(thread, address, size, registers);
    }
}

/// Such a handler is about to free a block.
#[cold]
#[inline(never)]
fn interrupted_dealloc(thread: &'static Thread, state: State, address: u64, size: u64) {
    if state.has_scopes() {
        record::dealloc(thread, address, size);
    }
    if !matches!(state.without_scopes(), State::OFF | State::UNSTARTED) {
        full::interrupted_dealloc(thread, state.without_scopes(), address, size);
    }
}

/// An allocation while the thread is in the probe: the probe's own, which the arena serves as long as it has room, or
/// one of a signal handler that interrupted it.
#[cold]
#[inline(never)]
fn alloc_inside(
    thread: &'static Thread,
    state: State,
    layout: Layout,
    registers: Registers,
    inner: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let own = thread.activity.get() == Activity::InProbe;
    let block = if own { arena::alloc(layout, Signals::Blocked) } else { std::ptr::null_mut() };
    if !block.is_null() {
        return block;
    }
    let block = inner();
    if own {
        allocated(thread, state, block, layout.size(), registers);
    } else if block.is_null() {
        failures::note(thread, layout.size() as u64, None);
    } else {
        interrupted_alloc(thread, state, block as u64, layout.size() as u64, registers);
    }
    block
}

/// Whether signals are blocked on the calling thread: they are while it is in the probe.
fn signals() -> Signals {
    let in_probe = thread::current().is_some_and(|thread| thread.activity.get() == Activity::InProbe);
    if in_probe { Signals::Blocked } else { Signals::Open }
}

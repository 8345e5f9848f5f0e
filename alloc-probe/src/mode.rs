//! How much is recorded now.
//!
//! ```text
//!            first allocation                      set_mode
//! Unstarted ─────────────────► Off, Count, Sample ─────────► CountMixed, SampleMixed, Full, Paused
//! ```
//!
//! Once there are records of blocks, their ends are always looked for, whatever is recorded of new blocks:
//! otherwise a record could outlive its block, and another block at the same address would be taken for it. So a
//! process that was switched over is in one of the states called *mixed*, which look every freed block up.

use alloc_probe_format::dump;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8};

/// How much the program records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing.
    Off,
    /// Totals for the process and for each thread, without stacks.
    Count,
    /// As `Count`, and some blocks with their whole stacks: drawn at random, by bytes.
    Sample,
    /// Every block with its whole stack.
    Full,
}

impl From<Mode> for dump::Mode {
    fn from(mode: Mode) -> dump::Mode {
        match mode {
            Mode::Off => dump::Mode::Off,
            Mode::Count => dump::Mode::Count,
            Mode::Sample => dump::Mode::Sample,
            Mode::Full => dump::Mode::Full,
        }
    }
}

/// What an event of the allocator has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Unstarted = 0,
    Off = 1,
    Count = 2,
    Sample = 3,
    Full = 4,
    /// Nothing new.
    Paused = 5,
    CountMixed = 6,
    SampleMixed = 7,
}

static STATE: AtomicU8 = AtomicU8::new(State::Unstarted as u8);

/// Whether every block of the process's life was counted, so that a block without a record is one that was counted
/// without a stack.
static SINCE_START: AtomicBool = AtomicBool::new(false);
static HAD_COUNT: AtomicBool = AtomicBool::new(false);

#[inline(always)]
pub(crate) fn state() -> State {
    match STATE.load(Relaxed) {
        1 => State::Off,
        2 => State::Count,
        3 => State::Sample,
        4 => State::Full,
        5 => State::Paused,
        6 => State::CountMixed,
        7 => State::SampleMixed,
        _ => State::Unstarted,
    }
}

/// Lets recording begin, everything being prepared.
pub(crate) fn begin(state: State) {
    SINCE_START.store(matches!(state, State::Count | State::Sample | State::Full), Relaxed);
    HAD_COUNT.store(matches!(state, State::Count | State::Sample), Relaxed);
    STATE.store(state as u8, Release);
}

/// Records as a mode says from now on. `recorded` tells whether there may be records of blocks.
pub(crate) fn switch(mode: Mode, recorded: bool) {
    change(match mode {
        Mode::Full => State::Full,
        Mode::Sample if recorded => State::SampleMixed,
        Mode::Sample => State::Sample,
        Mode::Count if recorded => State::CountMixed,
        Mode::Count => State::Count,
        Mode::Off if recorded => State::Paused,
        Mode::Off => State::Off,
    });
}

/// Whether stacks are taken now, and so the time of events matters.
pub(crate) fn takes_stacks() -> bool {
    !matches!(state(), State::Count | State::CountMixed)
}

pub(crate) fn change(state: State) {
    match state {
        State::Count | State::CountMixed | State::Sample | State::SampleMixed => HAD_COUNT.store(true, Relaxed),
        State::Off | State::Paused => SINCE_START.store(false, Relaxed),
        State::Unstarted | State::Full => {}
    }
    STATE.store(state as u8, Release);
}

pub(crate) fn unrecorded_blocks_are_counted() -> bool {
    SINCE_START.load(Acquire) && HAD_COUNT.load(Relaxed)
}

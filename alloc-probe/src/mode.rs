//! How much is recorded now.
//!
//! ```text
//!            first allocation                      set_mode
//! UNSTARTED ─────────────────► OFF, COUNT, SAMPLE ─────────► COUNT_MIXED, SAMPLE_MIXED, FULL, PAUSED
//! ```
//!
//! Once there are records of blocks, their ends are always looked for, whatever is recorded of new blocks:
//! otherwise a record could outlive its block, and another block at the same address would be taken for it. So a
//! process that was switched over is in one of the states called *mixed*, which look every freed block up.
//!
//! While a [scope](crate::Scope) is open, a bit is added to the state, whichever it is. So the comparisons by which the
//! hook finds its way fail until they come to the last, and nothing has to be asked where no scope is open.

use crate::shared::mode::Mode;
use alloc_probe_format::dump;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8};

/// Whether stacks are taken, or were: all that they need is there.
static HAS_STACKS: AtomicBool = AtomicBool::new(false);

/// Whether this process is the forked child of one that records.
static FORKED: AtomicBool = AtomicBool::new(false);

/// Everything that taking stacks needs is there from now on.
pub(crate) fn set_has_stacks() {
    HAS_STACKS.store(true, Relaxed);
}

/// Whether stacks are taken, or were.
pub(crate) fn has_stacks() -> bool {
    HAS_STACKS.load(Relaxed)
}

/// In the child of a fork: nothing is recorded any more.
pub(crate) fn set_forked() {
    FORKED.store(true, Relaxed);
    change(State::OFF);
}

/// Whether this process is the forked child of one that records: what it could see of the profile is its parent's.
pub(crate) fn is_forked() -> bool {
    FORKED.load(Relaxed)
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

/// What an event of the allocator has to do. A number, so that the hot path compares it without taking it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(u8);

impl State {
    pub(crate) const UNSTARTED: State = State(0);
    pub(crate) const OFF: State = State(1);
    pub(crate) const COUNT: State = State(2);
    pub(crate) const SAMPLE: State = State(3);
    pub(crate) const FULL: State = State(4);
    /// Nothing new.
    pub(crate) const PAUSED: State = State(5);
    pub(crate) const COUNT_MIXED: State = State(6);
    pub(crate) const SAMPLE_MIXED: State = State(7);

    /// Whether a scope is open.
    #[inline(always)]
    pub(crate) fn has_scopes(self) -> bool {
        self.0 & SCOPES != 0
    }

    /// The state that it would be if no scope were open.
    #[inline(always)]
    pub(crate) fn without_scopes(self) -> State {
        State(self.0 & !SCOPES)
    }
}

/// The bit of a state that says that a scope is open.
const SCOPES: u8 = 0x80;

static STATE: AtomicU8 = AtomicU8::new(State::UNSTARTED.0);

/// Whether every block of the process's life was counted, so that a block without a record is one that was counted
/// without a stack.
static SINCE_START: AtomicBool = AtomicBool::new(false);
static HAD_COUNT: AtomicBool = AtomicBool::new(false);

/// What was prepared for a state is there for whoever sees the state: a plain load on x86-64, and one that waits for
/// nothing on aarch64.
#[inline(always)]
pub(crate) fn state() -> State {
    State(STATE.load(Acquire))
}

/// Lets recording begin, everything being prepared.
pub(crate) fn begin(state: State) {
    SINCE_START.store(matches!(state, State::COUNT | State::SAMPLE | State::FULL), Relaxed);
    HAD_COUNT.store(matches!(state, State::COUNT | State::SAMPLE), Relaxed);
    STATE.store(state.0, Release);
}

/// Records as a mode says from now on. `recorded` tells whether there may be records of blocks.
pub(crate) fn switch(mode: Mode, recorded: bool) {
    change(match mode {
        Mode::Full => State::FULL,
        Mode::Sample if recorded => State::SAMPLE_MIXED,
        Mode::Sample => State::SAMPLE,
        Mode::Count if recorded => State::COUNT_MIXED,
        Mode::Count => State::COUNT,
        Mode::Off if recorded => State::PAUSED,
        Mode::Off => State::OFF,
    });
}

/// Whether stacks are taken now, and so the time of events matters.
pub(crate) fn takes_stacks() -> bool {
    !matches!(state().without_scopes(), State::COUNT | State::COUNT_MIXED)
}

fn change(state: State) {
    match state {
        State::COUNT | State::COUNT_MIXED | State::SAMPLE | State::SAMPLE_MIXED => {
            HAD_COUNT.store(true, Relaxed)
        }
        State::OFF | State::PAUSED => SINCE_START.store(false, Relaxed),
        _ => {}
    }
    let _ = STATE.fetch_update(Release, Relaxed, |now| Some(now & SCOPES | state.0));
}

/// Sets or clears the scopes bit.
pub(crate) fn set_has_scopes(open: bool) {
    if open {
        STATE.fetch_or(SCOPES, Release)
    } else {
        STATE.fetch_and(!SCOPES, Release)
    };
}

pub(crate) fn unrecorded_blocks_are_counted() -> bool {
    SINCE_START.load(Acquire) && HAD_COUNT.load(Relaxed)
}

//! How much is recorded now.
//!
//! ```text
//!            first allocation                      set_mode
//! UNSTARTED ─────────────────► OFF, COUNT, SAMPLE ─────────► COUNT_MIXED, SAMPLE_MIXED, FULL, PAUSED
//! ```
//!
//! A child that a fork made is in UNSTARTED again, until it notices and is OFF.
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
use std::sync::atomic::{AtomicBool, AtomicU32};

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
    FORKED.load(Relaxed) || is_wiped()
}

/// Whether the state was wiped: this is a child that has not been told.
pub(crate) fn is_wiped() -> bool {
    BEGUN.load(Acquire) && state().without_scopes() == State::UNSTARTED
}

/// The page that a child has to find wiped.
pub(crate) fn state_page() -> std::ops::Range<*const u8> {
    let start = (&raw const STATE_PAGE).cast::<u8>();
    start..start.wrapping_add(STATE_PAGE_BYTES)
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
pub(crate) struct State(u32);

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

    /// Whether the ends of blocks are looked up, and no scope is open. Only for states that are not `OFF`, `COUNT` or `SAMPLE`.
    #[inline(always)]
    pub(crate) fn looks_up_ends(self) -> bool {
        // PERF: one comparison with a sign leaves out both the scopes' bit and the state of a child that was not told.
        self.0 as i32 >= State::FULL.0 as i32
    }

    /// The state that it would be if no scope were open.
    #[inline(always)]
    pub(crate) fn without_scopes(self) -> State {
        State(self.0 & !SCOPES)
    }
}

/// The bit of a state that says that a scope is open.
const SCOPES: u32 = 1 << 31;

/// The state, alone in its page, which is zeros in the file: so the kernel can be told to give a child zeros in its place,
/// by whichever call it was made. Then a child is in the state *unstarted* though its threads have begun, and no call has
/// to ask whether it is one.
#[repr(C, align(4096))]
struct StatePage {
    state: AtomicU32,
    rest: [u8; STATE_PAGE_BYTES - 4],
}

const STATE_PAGE_BYTES: usize = 4096;

static STATE_PAGE: StatePage =
    StatePage { state: AtomicU32::new(State::UNSTARTED.0), rest: [0; STATE_PAGE_BYTES - 4] };

/// Whether every block of the process's life was counted, so that a block without a record is one that was counted
/// without a stack.
static SINCE_START: AtomicBool = AtomicBool::new(false);
/// Whether there was a state other than *unstarted*.
static BEGUN: AtomicBool = AtomicBool::new(false);
static HAD_COUNT: AtomicBool = AtomicBool::new(false);

/// What was prepared for a state is there for whoever sees the state: a plain load on x86-64, and one that waits for
/// nothing on aarch64.
#[inline(always)]
pub(crate) fn state() -> State {
    State(STATE_PAGE.state.load(Acquire))
}

/// Lets recording begin, everything being prepared.
pub(crate) fn begin(state: State) {
    SINCE_START.store(matches!(state, State::COUNT | State::SAMPLE | State::FULL), Relaxed);
    HAD_COUNT.store(matches!(state, State::COUNT | State::SAMPLE), Relaxed);
    STATE_PAGE.state.store(state.0, Release);
    BEGUN.store(true, Release);
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
    let _ = STATE_PAGE.state.fetch_update(Release, Relaxed, |now| Some(now & SCOPES | state.0));
}

/// Sets or clears the scopes bit.
pub(crate) fn set_has_scopes(open: bool) {
    if open {
        STATE_PAGE.state.fetch_or(SCOPES, Release)
    } else {
        STATE_PAGE.state.fetch_and(!SCOPES, Release)
    };
}

pub(crate) fn unrecorded_blocks_are_counted() -> bool {
    SINCE_START.load(Acquire) && HAD_COUNT.load(Relaxed)
}

//! When a snapshot is taken, and how long a tick of the recording clock is.

use crate::dump::{Clock, Ended};
use crate::spool::block;
use crate::spool::{Spool, header};

/// What the spool does not know of itself at the moment of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The recording clock.
    pub ticks: u64,
    /// The monotonic clock at the same instant, in nanoseconds.
    pub mono_ns: u64,
    /// Why the dump is taken.
    pub ended: Ended,
    /// The signal that ends the process.
    pub signal: Option<i32>,
    /// Whether another program reads the spool.
    pub from_spool: bool,
}

/// The length of a tick, from two instants on both clocks.
pub(super) struct ClockScale {
    pub(super) start_ticks: u64,
    pub(super) now_ticks: u64,
    pub(super) tick_ns: f64,
}

impl ClockScale {
    pub(super) fn of(spool: &impl Spool, now: Now) -> ClockScale {
        let start_ticks = spool.header(header::START_TICKS);
        let ticks = now.ticks.wrapping_sub(start_ticks);
        let nanos = now.mono_ns.wrapping_sub(spool.header(header::START_MONO_NS));
        let tick_ns =
            if spool.header(header::CLOCK) == 2 || ticks == 0 { 1.0 } else { nanos as f64 / ticks as f64 };
        ClockScale { start_ticks, now_ticks: now.ticks, tick_ns }
    }

    pub(super) fn nanos(&self, ticks: u64) -> u64 {
        // A tick from another processor may lie just before the start.
        if ticks > i64::MAX as u64 { 0 } else { (ticks as f64 * self.tick_ns) as u64 }
    }

    pub(super) fn unit_ns(&self) -> f64 {
        self.tick_ns * (1u64 << block::UNIT_SHIFT) as f64
    }
}

/// How the dump says it.
impl Clock {
    pub(super) fn of(spool: &impl Spool, clock: &ClockScale) -> Clock {
        Clock {
            source: if spool.header(header::CLOCK) == 1 { "counter" } else { "monotonic" }.to_owned(),
            unit_ns: clock.unit_ns(),
        }
    }
}

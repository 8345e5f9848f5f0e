//! The allocations that failed.

use super::clock::ClockScale;
use super::tree::Rows;
use super::words::load;
use crate::dump::{Failure, Failures};
use crate::spool::{FAILURE_WORDS, FAILURES, Section, Spool, header};

/// The allocations that failed: how many, and the last few of them, oldest first.
pub(super) fn failures(spool: &impl Spool, rows: &Rows, clock: &ClockScale) -> Failures {
    let count = spool.header(header::FAILED);
    let sites = spool.words(Section::SITES);
    let last = (count.saturating_sub(FAILURES)..count).map(|number| {
        let start = header::FAILURES + (number % FAILURES) as usize * FAILURE_WORDS;
        let [bytes, site, ticks] = [0, 1, 2].map(|word| spool.header(start + word));
        let stack = if site == 0 { 0 } else { rows.row(load(sites, site as usize) as usize) };
        Failure { bytes, stack, time_ns: clock.nanos(ticks) }
    });
    Failures { count, last: last.collect() }
}

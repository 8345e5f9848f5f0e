//! What a program can ask and tell the probe while it runs.

use crate::lifecycle::{fork, threads};
use crate::mode::{self, State};
use crate::os::lock::Lock;
use crate::profile::totals::Sum;
use crate::record::prepare::prepare_stacks;
use crate::shared::mode::Mode;
use crate::shared::stats::Stats;
use crate::spool;
use crate::thread;
use alloc_probe_format::snapshot::mode_number;
use alloc_probe_format::spool::header;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

/// The figures of the process so far, over all its threads. They are zero if nothing was recorded, as without
/// [`install!`](crate::install).
///
/// ```
/// alloc_probe::install!();
///
/// fn main() {
///     let before = alloc_probe::stats();
///     let block = vec![0u8; 1000];
///     let after = alloc_probe::stats();
///     assert_eq!(after.live_bytes - before.live_bytes, 1000);
///     drop(block);
/// }
/// ```
pub fn stats() -> Stats {
    if !prepared() {
        return Stats::of(mode(), (0, 0), (0, 0), (0, 0), 0);
    }
    let sum = Sum::of_process();
    // Below zero where blocks that were never counted were freed, as after a pause in mode `count`.
    let live = (sum.live.0.max(0), sum.live.1.max(0));
    Stats::of(mode(), sum.total, live, sum.at_peak, sum.reallocs)
}

/// The figures of the calling thread. Its peak is the thread's own, not its share of the process's.
pub fn thread_stats() -> Stats {
    fork::notice();
    let Some(thread) = thread::current() else { return Stats::of(mode(), (0, 0), (0, 0), (0, 0), 0) };
    let record = thread.record;
    let own_peak = (&record.own_peak_bytes, &record.own_peak_blocks);
    let own_peak = (own_peak.0.load(Relaxed) as i64, own_peak.1.load(Relaxed) as i64);
    let live = record.figures.live();
    // A peak is noted when it is over.
    let own_peak = if live.0 > own_peak.0 { live } else { own_peak };
    Stats::of(mode(), record.figures.total(), live, own_peak, record.reallocs.load(Relaxed))
}

/// How much is recorded now.
pub fn mode() -> Mode {
    match mode::state().without_scopes() {
        State::COUNT | State::COUNT_MIXED => Mode::Count,
        State::SAMPLE | State::SAMPLE_MIXED => Mode::Sample,
        State::FULL => Mode::Full,
        _ => Mode::Off,
    }
}

/// Changes how much is recorded, for the whole process, from now on.
///
/// What was recorded stays. Frees of blocks that were counted earlier still count, with one exception: a process that
/// was only ever in [`Mode::Count`] and [`Mode::Off`] can't tell blocks apart, so a block freed while recording is off
/// stays live in the figures. Blocks allocated while recording is off never count, not even when they are freed.
///
/// The dump of a process that was ever in [`Mode::Full`] says `full`. Blocks that were only counted have no stack in it.
///
/// # Errors
///
/// If the process started with recording off, or the system has no memory for stacks.
pub fn set_mode(mode: Mode) -> io::Result<()> {
    if !prepared() {
        return Err(io::Error::other(NOTHING));
    }
    // One after the other: whether there may be records of blocks is known only while nobody else switches.
    static SWITCHING: Lock = Lock::new();
    let _held = SWITCHING.lock();
    let recorded = mode::has_stacks();
    if matches!(mode, Mode::Sample | Mode::Full) && !threads::in_probe(prepare_stacks) {
        return Err(io::Error::from(io::ErrorKind::OutOfMemory));
    }
    // The dump speaks of the most that was ever recorded.
    spool::header()[header::MODE].fetch_max(mode_number(mode.into()), Relaxed);
    mode::switch(mode, recorded);
    Ok(())
}

/// Records every block with its stack from now on: [`set_mode`] with [`Mode::Full`].
///
/// # Errors
///
/// As for [`set_mode`].
pub fn start() -> io::Result<()> {
    set_mode(Mode::Full)
}

/// Records no new blocks from now on: [`set_mode`] with [`Mode::Off`].
///
/// # Errors
///
/// As for [`set_mode`].
pub fn stop() -> io::Result<()> {
    set_mode(Mode::Off)
}

/// Writes a dump of what was recorded so far. It replaces the file at the path once it is whole.
///
/// Other threads go on: what they do meanwhile may be in the dump or not.
///
/// # Errors
///
/// If nothing is recorded, or the file can't be written.
pub fn dump(path: impl AsRef<Path>) -> io::Result<()> {
    if !prepared() {
        return Err(io::Error::other(NOTHING));
    }
    let path = path.as_ref();
    threads::in_probe(|| crate::dump::write(path, false))
}

/// Why there is nothing, for those who want something.
pub(super) const NOTHING: &str = "nothing is recorded here: alloc_probe::install!() is missing, or the process was started with \
     ALLOC_PROBE=off, or forked from one that records";

/// Whether recording was ever prepared in this process. Asking has the first allocation made, if there was none.
pub(crate) fn prepared() -> bool {
    fork::notice();
    if mode::state() == State::UNSTARTED {
        drop(std::hint::black_box(Box::new(0u8)));
    }
    !spool::base(alloc_probe_format::spool::Section::HEADER).is_null() && !mode::is_forked()
}

//! Points that the program says it passes, by name, in a table of fixed size in the spool.

use crate::mode::{self, State};
use crate::os::clock;
use crate::profile::names::{self, Places};
use crate::profile::{resident, timeline};
use crate::spool;
use alloc_probe_format::spool::{MARKS, Section, header, mark as word};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Tells the profile that the program passes a point, by a name for it.
///
/// A dump has, for each name, how often it was passed, when first and last, and how much was live and resident the first
/// time. `alloc-probe show` prints it. A mark that is passed once for each unit of work, such as a request, lets
/// `alloc-probe diff` compare runs that did different amounts of work.
///
/// ```
/// alloc_probe::install!();
///
/// fn main() {
///     let routes: Vec<String> = (0..100).map(|n| format!("/{n}")).collect();
///     alloc_probe::mark("ready");
///     for route in &routes {
///         alloc_probe::mark("request");
///         assert!(route.starts_with('/'));
///     }
/// }
/// ```
///
/// It takes some tens of nanoseconds (the first time some microseconds), allocates nothing, and may be called from any
/// thread and any signal handler. There is room for 256 names; what is passed by others is counted as lost, and the dump
/// says so. It keeps the first 48 bytes of a name.
///
/// Does nothing where nothing is recorded: without [`install!`](crate::install), with recording off, and in the forked
/// child of a process that records.
pub fn mark(name: &str) {
    if records() {
        pass(name);
    }
}

/// Whether anything is recorded now.
#[inline]
pub(super) fn records() -> bool {
    let mut state = mode::state();
    if state == State::UNSTARTED {
        start_if_installed();
        state = mode::state();
    }
    !matches!(state.without_scopes(), State::UNSTARTED | State::OFF | State::PAUSED)
}

/// Has the first allocation made, if there was none, which starts recording. It is tried once: where the probe is not
/// installed, nothing comes of it.
#[cold]
#[inline(never)]
fn start_if_installed() {
    static TRIED: AtomicBool = AtomicBool::new(false);
    if !TRIED.swap(true, Relaxed) {
        drop(std::hint::black_box(Box::new(0u8)));
    }
}

fn pass(name: &str) {
    let ticks = clock::ticks();
    let first = |place: &names::Place<{ word::WORDS }>| {
        let now = timeline::sample_at(ticks, resident::now());
        place[word::FIRST..].iter().zip(now).for_each(|(to, value)| to.store(value, Relaxed));
        names::write(place, word::NAME..word::WORDS, word::LENGTH, name);
    };
    let passed = places().and_then(|places| names::find(places, name, first)).map(|(_, place)| {
        let start = spool::header()[header::START_TICKS].load(Relaxed);
        place[word::LAST].store(ticks.wrapping_sub(start), Relaxed);
        place[word::COUNT].fetch_add(1, Relaxed);
    });
    if passed.is_none() {
        spool::header()[header::LOST_MARKS].fetch_add(1, Relaxed);
    }
}

/// The table, made when it is first needed.
fn places() -> Option<&'static Places<{ word::WORDS }>> {
    names::places(Section::MARKS, MARKS)
}

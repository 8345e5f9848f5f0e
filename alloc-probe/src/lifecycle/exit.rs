//! The normal end of the process.

use super::{fork, signals, threads};
use crate::dump;
use crate::dump::output::OUTPUT;
use crate::spool;
use alloc_probe_format::dump::Ended;
use alloc_probe_format::spool::header;
use std::sync::atomic::Ordering::Relaxed;

/// Has the dump written when the process ends. Called once.
///
/// The handler is registered at the first allocation, so it runs after those that the program registers later.
pub(crate) fn install() {
    // SAFETY: it takes a function that lives as long as the program.
    unsafe { libc::atexit(at_exit) };
    if OUTPUT.get().is_some() {
        signals::install();
    }
}

extern "C" fn at_exit() {
    fork::notice();
    if OUTPUT.get().is_some() {
        spool::header()[header::ENDING].store(1, Relaxed);
        threads::in_probe(|| dump::leave_dump(Ended::Exit, None));
    }
}

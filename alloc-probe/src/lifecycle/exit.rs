//! The end of the process, and its forks.

use super::{signals, triggers};
use crate::dump::output::OUTPUT;
use crate::mode::{self, State};
use crate::os::arena;
use crate::spool;
use crate::{dump, thread};
use alloc_probe_format::dump::Ended;
use alloc_probe_format::spool::header;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Has the dump written when the process ends, and makes forks safe. Called once.
///
/// The handler is registered at the first allocation, so it runs after those that the program registers later.
pub(crate) fn arrange() {
    // SAFETY: both take functions that live as long as the program.
    unsafe {
        libc::atexit(at_exit);
        libc::pthread_atfork(None, None, Some(in_child));
    }
    if OUTPUT.get().is_some() {
        signals::arrange();
    }
}

extern "C" fn at_exit() {
    if OUTPUT.get().is_some() {
        spool::header()[header::ENDING].store(1, Relaxed);
        thread::as_own(|| leave_dump(Ended::Exit, None));
    }
}

/// Writes the last dump and removes the spool, which has told all; or says why not. On a thread of the probe's own.
pub(crate) fn leave_dump(ended: Ended, signal: Option<i32>) {
    let Some(path) = OUTPUT.get() else { return };
    match dump::write_last(path.as_path(), ended, signal) {
        Ok(()) => OUTPUT.give_up_spool(),
        Err(reason) => {
            let consequence = match OUTPUT.spool() {
                Some(_) => "what was recorded stays in the file with `.spool` added to its name",
                None => "what was recorded is lost",
            };
            crate::lifecycle::start::complain_of(path.bytes(), &reason, consequence);
        }
    }
}

/// The child of a fork has its parent's memory but none of its other threads: it stops recording into what is the
/// parent's spool.
extern "C" fn in_child() {
    FORKED.store(true, Relaxed);
    mode::change(State::OFF);
    signals::give_back();
    triggers::give_back();
    spool::leave_to_parent();
    arena::reset_lock();
    dump::reset_lock();
    thread::forget();
}

/// Whether this process is such a child: what it could see of the profile is its parent's.
pub(crate) fn is_forked() -> bool {
    FORKED.load(Relaxed)
}

static FORKED: AtomicBool = AtomicBool::new(false);

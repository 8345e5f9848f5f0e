//! Forks. The child has its parent's memory but none of its other threads: it stops recording into what is the parent's
//! spool.

use super::{signals, threads, triggers};
use crate::os::arena;
use crate::{dump, mode, spool};

/// Makes forks safe. Called once.
pub(crate) fn install() {
    // SAFETY: it takes functions that live as long as the program.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

extern "C" fn in_child() {
    mode::set_forked();
    signals::restore();
    triggers::restore();
    spool::reset_after_fork();
    arena::reset_after_fork();
    dump::reset_after_fork();
    threads::reset_after_fork();
}

//! Forks. The child has its parent's memory but none of its other threads: it stops recording into what is the parent's
//! spool.
//!
//! The C library tells of a fork that it makes itself. A child of `_Fork`, or of a system call of the program's own, finds the
//! state wiped at its first call of the allocator or of the API, or at its end.

use super::{signals, threads, triggers};
use crate::os::arena;
use crate::{dump, mode, os, spool};

/// Makes forks safe. Called once.
pub(crate) fn install() {
    // SAFETY: it takes a function that lives as long as the program.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    // Where the kernel does not do so, a child that nobody tells of records into its parent's profile.
    os::wipe_on_fork(mode::state_page());
}

/// Has a child find out that it is one, if its state was wiped and nobody has told it.
#[inline]
pub(crate) fn notice() {
    // Its process id tells nothing: in a namespace of its own it may be the parent's.
    if mode::is_wiped() {
        in_child();
    }
}

#[cold]
extern "C" fn in_child() {
    mode::set_forked();
    signals::restore();
    triggers::restore();
    spool::reset_after_fork();
    arena::reset_after_fork();
    dump::reset_after_fork();
    threads::reset_after_fork();
}

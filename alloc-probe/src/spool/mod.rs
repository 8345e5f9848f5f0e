//! The spool: the region of memory that the profile lives in.
//!
//! * [`sections`] grow at their end and never move.
//! * [`file`] is what lies behind them, so that they outlive the process.
//! * [`facts`] is the section of records of any length.

mod facts;
mod file;
mod sections;

pub(crate) use facts::add_fact;
pub(crate) use file::{Naming, Refusal, file_bytes, has_file, no_room, path, remove_file};
pub(crate) use sections::{LiveSpool, add_entry, base, create, ensure, header, leave_to_parent, taken_bytes};

/// In the child of a fork: the spool is the parent's.
pub(crate) fn reset_after_fork() {
    leave_to_parent();
    facts::reset_after_fork();
}

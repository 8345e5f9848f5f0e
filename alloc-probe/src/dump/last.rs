//! The dump at the end of the process.

use super::output::OUTPUT;
use super::write::write_last;
use crate::os::message::complain_of_path;
use crate::spool;
use alloc_probe_format::dump::Ended;

/// Writes the last dump and removes the spool, which has told all; or says why not. On a thread of the probe's own.
pub(crate) fn leave_dump(ended: Ended, signal: Option<i32>) {
    let Some(path) = OUTPUT.get() else { return };
    match write_last(path.as_path(), ended, signal) {
        Ok(()) => spool::remove_file(),
        Err(reason) => {
            let consequence = match spool::path() {
                Some(_) => "what was recorded stays in the file with `.spool` added to its name",
                None => "what was recorded is lost",
            };
            complain_of_path(path.bytes(), &reason, consequence);
        }
    }
}

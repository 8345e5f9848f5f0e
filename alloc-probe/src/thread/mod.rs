//! The threads: each has a record in the spool for its figures, and private state beside it.
//!
//! * [`record`] is what a thread counts, of which [`figures`] are a part.
//! * [`state`] is what only the thread itself touches.
//! * [`registry`] has the slots for both.

pub(crate) mod figures;
pub(crate) mod record;
pub(crate) mod registry;
mod state;

pub(crate) use state::{Activity, Thread, as_probe_thread, current, idle, recording, set_current};

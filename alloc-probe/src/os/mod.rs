//! What comes from the operating system: memory, locks, clocks and messages.
//!
//! Nothing here ever comes from the wrapped allocator, and nothing here knows what the probe records.

pub(crate) mod arena;
pub(crate) mod barrier;
pub(crate) mod clock;
pub(crate) mod executable;
pub(crate) mod lock;
pub(crate) mod message;
pub(crate) mod path;
pub(crate) mod single_writer;
mod system;

pub(crate) use executable::{executable, without_mark};
pub(crate) use system::*;

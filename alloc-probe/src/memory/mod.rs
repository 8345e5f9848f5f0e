//! The probe's own memory, which comes from the operating system and never from the wrapped allocator.
//!
//! * [`os`]: mappings.
//! * [`spool`]: the region that the profile lives in.
//! * [`arena`]: what library code gets while the probe itself runs it (writing a dump).
//! * [`barrier`]: a fence whose cost only the rare side bears.
//! * [`lock`]: the one lock, held only where memory grows and threads come and go.

pub(crate) mod arena;
pub(crate) mod barrier;
pub(crate) mod lock;
pub(crate) mod os;
pub(crate) mod spool;

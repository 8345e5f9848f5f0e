//! The probe's own memory, which comes from the operating system and never from the wrapped allocator.
//!
//! * [`os`] has mappings.
//! * [`spool`] has the region that the profile lives in.
//! * [`arena`] has what library code gets while the probe itself runs it (writing a dump).
//! * [`barrier`] has a fence whose cost only the rare side bears.
//! * [`lock`] has the one lock, held only where memory grows and threads come and go.

pub(crate) mod arena;
pub(crate) mod barrier;
pub(crate) mod lock;
pub(crate) mod os;
pub(crate) mod spool;

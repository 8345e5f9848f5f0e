//! The crate on platforms that it has nothing of its own for, by `std` alone: it forwards, and counts. `--cfg
//! alloc_probe_portable` makes Linux such a platform, so that the tests run this.
//!
//! There are totals of the process and of each thread, scopes, and assertions on scopes. There are no stacks, dumps or
//! marks: who asks for them is told once that this platform has none, and goes on.

#[cfg(feature = "assertions")]
pub(crate) mod check;
pub(crate) mod count;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod operation;
#[cfg(feature = "pprof")]
pub(crate) mod pprof;
pub(crate) mod scope;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
pub(crate) mod state;

//! What a program can ask the probe, and tell it, while it runs.

pub(crate) mod control;
pub(crate) mod future;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod operation;
#[cfg(feature = "pprof")]
pub(crate) mod pprof;
pub(crate) mod report;
pub(crate) mod scope;
#[cfg(feature = "tracing")]
pub(crate) mod spans;

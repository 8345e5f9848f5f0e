//! What every platform has: the figures that a program reads of itself, and what an assertion says. By `std` alone.

#[cfg(feature = "metrics")]
pub(crate) mod exposition;
pub(crate) mod mode;
#[cfg(feature = "assertions")]
pub(crate) mod statement;
pub(crate) mod stats;
pub(crate) mod usage;

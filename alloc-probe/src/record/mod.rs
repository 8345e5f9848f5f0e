//! What happens at each event of the allocator, by mode.

pub(crate) mod count;
pub(crate) mod failures;
pub(crate) mod full;
pub(crate) mod prepare;
pub(crate) mod sample;
pub(crate) mod site;
#[cfg(feature = "truth")]
#[doc(hidden)]
pub mod truth;
mod usdt;

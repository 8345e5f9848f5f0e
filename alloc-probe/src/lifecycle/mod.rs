//! When recording starts and ends, and when dumps are written.

pub(crate) mod config;
pub(crate) mod exit;
pub(crate) mod fork;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod threads;
pub(crate) mod triggers;

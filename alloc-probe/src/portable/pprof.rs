//! Profiles, of which this platform has none.

use std::convert::Infallible;
use std::io::{self, ErrorKind};

const NO_PROFILES: &str = "this platform has no stacks, so there is no profile";

/// The heap profile of the process, which this platform does not have.
///
/// # Errors
///
/// Always.
pub fn pprof() -> io::Result<Vec<u8>> {
    Err(io::Error::new(ErrorKind::Unsupported, NO_PROFILES))
}

/// A moment from which on a profile is to show what happened. This platform has none.
#[derive(Debug)]
pub struct PprofStart(Infallible);

impl PprofStart {
    /// Now.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn now() -> io::Result<PprofStart> {
        Err(io::Error::new(ErrorKind::Unsupported, NO_PROFILES))
    }
}

/// What happened since a moment, which can't be had on this platform.
///
/// # Errors
///
/// There is no moment to ask with.
pub fn pprof_since(start: &PprofStart) -> io::Result<Vec<u8>> {
    match start.0 {}
}

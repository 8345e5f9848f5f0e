//! A build with all that was measured of it.

use super::cargo::Built;
use super::measure::Measured;
use crate::profile::Profile;
use std::path::PathBuf;

/// What was measured.
pub(super) struct Compared {
    pub(super) built: Built,
    pub(super) dump_path: PathBuf,
    pub(super) measured: Measured,
    /// From which resident memory on the system's figure of a run is the run's own.
    pub(super) rss_floor_bytes: u64,
    /// None where the program does not hold the probe, or left no dump.
    pub(super) profile: Option<Profile>,
    /// Where its files are.
    pub(super) files: Vec<PathBuf>,
}

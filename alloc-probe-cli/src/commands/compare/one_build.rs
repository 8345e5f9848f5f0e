//! A build with all that was measured of it.

use super::cargo::Built;
use crate::commands::watch::Ended;
use crate::profile::Profile;
use std::path::PathBuf;

/// What was measured.
pub(super) struct Compared {
    pub(super) built: Built,
    pub(super) dump_path: PathBuf,
    /// Runs without recording.
    pub(super) runs: Vec<Ended>,
    /// From the start to the mark `ready`, or to the first allocation: of runs that only counted.
    pub(super) startups: Vec<u64>,
    /// The run that was recorded.
    pub(super) recorded: Option<Ended>,
    /// From which resident memory on the system's figure of a run is the run's own.
    pub(super) rss_floor_bytes: u64,
    /// The most resident memory of a run that only counted, as the process itself saw it.
    pub(super) counted_rss_bytes: u64,
    /// None where the program does not hold the probe.
    pub(super) profile: Option<Profile>,
    /// Where its files are.
    pub(super) files: Vec<PathBuf>,
}

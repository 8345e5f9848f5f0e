//! Where symbols are looked for.

use super::cache::Cache;
#[cfg(feature = "debuginfod")]
use super::debuginfod::Servers;
use std::path::PathBuf;

/// Where symbols are looked for, besides the files that a dump names.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files that belong to images of the dump, wherever these were when it was taken.
    pub binaries: Vec<PathBuf>,
    /// Directories of debug files, searched before the system's.
    pub debug_dirs: Vec<PathBuf>,
    /// Whether files of another build are used.
    pub force: bool,
    /// What was found before; none where nothing is to be kept.
    pub cache: Option<Cache>,
    /// Servers that have debug info by build id.
    #[cfg(feature = "debuginfod")]
    pub debuginfod: Option<Servers>,
}

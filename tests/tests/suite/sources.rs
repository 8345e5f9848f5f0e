//! Input that no one here wrote: the sources of the workspace's own dependencies.

use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A file that lists so many of them, and the folder that it's in.
pub(crate) fn list(count: usize) -> (TempDir, PathBuf) {
    let sources = alloc_probe_bench::list::sources(count);
    assert_eq!(sources.len(), count, "the dependencies have too few sources");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("list");
    let lines = sources.iter().map(|path| format!("{}\n", path.display())).collect::<String>();
    fs::write(&list, lines).expect("the list is written");
    (folder, list)
}

//! Input that no one here wrote: the sources of the workspace's own dependencies.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Bytes of the largest file that is taken: a few are generated tables of megabytes.
const LARGEST: u64 = 100_000;

/// The first source files of the dependencies, in order.
fn sources(count: usize) -> Vec<PathBuf> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        // Those of other platforms have not been downloaded.
        .args(["--filter-platform", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)])
        .output()
        .expect("cargo runs");
    let metadata = serde_json::from_slice::<Value>(&metadata.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let dependencies = packages.iter().filter(|package| !package["source"].is_null());
    let mut manifests =
        dependencies.filter_map(|package| package["manifest_path"].as_str()).collect::<Vec<_>>();
    manifests.sort_unstable();
    let mut files = Vec::new();
    for folder in manifests.into_iter().filter_map(|manifest| Path::new(manifest).parent()) {
        rust_files(&folder.join("src"), &mut files);
        if files.len() >= count {
            break;
        }
    }
    files.truncate(count);
    assert_eq!(files.len(), count, "the dependencies have too few sources");
    files
}

/// Adds the sources below a folder, in order. A folder that isn't there has none.
fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST)
        {
            files.push(path);
        }
    }
}

/// A file that lists so many of them, and the folder that it's in.
pub(crate) fn list(count: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("list");
    let lines = sources(count).iter().map(|path| format!("{}\n", path.display())).collect::<String>();
    fs::write(&list, lines).expect("the list is written");
    (folder, list)
}

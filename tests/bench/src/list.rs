//! The sources of the workspace's own dependencies: input that no one here wrote.

use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::NamedTempFile;

/// Bytes of the largest file that is taken: a few are generated tables of megabytes.
const LARGEST: u64 = 100_000;

/// The first source files of the dependencies, in order: no more than so many.
///
/// # Panics
///
/// If cargo does not tell the dependencies.
pub fn sources(most: usize) -> Vec<PathBuf> {
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
    let mut manifests: Vec<&str> =
        dependencies.filter_map(|package| package["manifest_path"].as_str()).collect();
    manifests.sort_unstable();
    let mut files = Vec::new();
    for folder in manifests.into_iter().filter_map(|manifest| Path::new(manifest).parent()) {
        add_sources(&folder.join("src"), &mut files);
        if files.len() >= most {
            break;
        }
    }
    files.truncate(most);
    files
}

/// A file with the paths of all of them, one in each line: what the workload `syn` parses.
///
/// # Panics
///
/// If there are none to be had, or the file can't be written.
pub fn of_sources() -> NamedTempFile {
    let mut list = NamedTempFile::new().expect("a temporary file");
    for path in sources(usize::MAX) {
        writeln!(list, "{}", path.display()).expect("a temporary file can be written");
    }
    list
}

/// Adds the sources below a folder, in order. A folder that isn't there has none.
fn add_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST)
        {
            files.push(path);
        }
    }
}

//! Files that comments and documents cite are there.

use crate::{expect_none, files, prose};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

#[test]
fn cited_files_exist() {
    let files = files();
    let parents = files.iter().filter_map(|file| Path::new(&file.path).parent());
    let folders = parents.flat_map(Path::iter).filter(|folder| *folder != "src").collect::<HashSet<_>>();
    let mut broken = Vec::new();
    for file in &files {
        for (number, text) in prose(file) {
            for cited in text.split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c))) {
                let cited = cited.trim_end_matches('.');
                let is_source = (cited.ends_with(".rs") || cited.ends_with(".md")) && cited.len() > 3;
                let known = || files.iter().any(|file| Path::new(&file.path).ends_with(cited));
                if is_source && is_ours(&folders, cited) && !known() {
                    broken.push(format!("{}:{number}: {cited}", file.path));
                }
            }
        }
    }
    expect_none("a file that a comment or a document cites is there", broken);
}

/// Whether a cited path is meant to be in the repository: a bare name is, and one that starts with a folder that
/// it has. Other paths, as of the standard library, are examples.
fn is_ours(folders: &HashSet<&OsStr>, cited: &str) -> bool {
    match cited.split_once('/') {
        Some((first, _)) => folders.contains(OsStr::new(first)),
        None => true,
    }
}

//! Links lead somewhere.

use crate::{File, expect_none, files, prose, root};
use std::path::{Component, Path, PathBuf};

#[test]
fn local_links_resolve() {
    let files = files();
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        for (number, line) in prose(file) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if !target.contains("://")
                    && !target.starts_with("mailto:")
                    && !resolves(&files, file, target)
                {
                    broken.push(format!("{}:{number}: {target}", file.path));
                }
            }
        }
    }
    expect_none("a link to a file, or to a heading, leads there", broken);
}

fn resolves(files: &[File], from: &File, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => from.path.clone(),
        _ => normal(&Path::new(&from.path).with_file_name("").join(path)),
    };
    let exists = root().join(&path).exists();
    let heading = |file: &File| file.text.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
    exists && (anchor.is_empty() || files.iter().any(|file| file.path == path && heading(file)))
}

/// A path without `..`.
fn normal(path: &Path) -> String {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = normal.pop(),
            component => normal.push(component),
        }
    }
    normal.to_string_lossy().into_owned()
}

/// The anchor that a heading has on the web.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

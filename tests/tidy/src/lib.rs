//! The rules of the repository that no compiler holds: each is a test, and lists every place that breaks it.
#![cfg(test)]

mod cited_files;
mod figures;
mod format;
mod layers;
mod left_overs;
mod length;
mod links;
mod packages;
mod subjects;
mod unsafe_code;

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies in the repository")
}

/// A text file of the repository.
struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// The lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All text files, in order. Built things and what hides behind a dot are left out, but for the two folders
/// that are part of the project.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci" && name != ".cargo";
                if !hidden && !name.starts_with("target") {
                    folders.push(path);
                }
            } else if let (Ok(text), Ok(relative)) = (fs::read_to_string(&path), path.strip_prefix(root())) {
                files.push(File { path: relative.to_string_lossy().into_owned(), text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.iter().any(|file| file.path == "tests/tidy/src/lib.rs"), "the repository was not found");
    files
}

/// Fails where a rule is broken, with all the places.
fn expect_none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// The lines meant for people: comments of sources, and documents without their code.
fn prose(file: &File) -> Vec<(usize, &str)> {
    if file.is("rs") {
        return file.lines().filter_map(|(number, line)| Some((number, line.split_once("//")?.1))).collect();
    }
    if !file.is("md") {
        return Vec::new();
    }
    let mut in_code = false;
    let mut outside = |line: &str| {
        in_code ^= line.trim_start().starts_with("```");
        !in_code
    };
    file.lines().filter(|(_, line)| outside(line)).collect()
}

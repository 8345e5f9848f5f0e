//! Where an assertion stands: its function, its package, and the folders around it.

use crate::shared::statement::Origin;
use std::path::{Path, PathBuf};

impl Origin {
    /// The path of the function, without the crate: `tests::parse_stays_small`.
    pub(super) fn test(&self) -> String {
        let path = self.function.split_once("::").map_or(self.function, |(_, path)| path);
        let closure = ["::{{closure}}", "::{closure"].iter().filter_map(|closure| path.find(closure)).min();
        without_parameters(&path[..closure.unwrap_or(path.len())])
    }

    pub(super) fn crate_name(&self) -> &'static str {
        self.function.split("::").next().unwrap_or_default()
    }

    /// The folder of the package: where it is now, and else where it was compiled.
    pub(super) fn package(&self) -> Option<PathBuf> {
        std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or(self.package.map(PathBuf::from))
    }
}

/// Cargo's target folder: what lies above the running program and is marked by cargo, or the package's.
pub(super) fn target_folder(origin: &Origin) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(|| origin.package().unwrap_or_default().join("target"), Path::to_owned)
}

/// A path as people would type it: from the workspace, the package or the current folder, where it lies in one.
pub(super) fn shown(path: &Path, origin: &Origin) -> String {
    let target = target_folder(origin);
    let package = origin.package();
    let current = std::env::current_dir().ok();
    // The target folder is in the workspace, unless it was put elsewhere.
    let workspace =
        target.parent().filter(|root| package.as_ref().is_some_and(|package| package.starts_with(root)));
    let roots = [package.as_deref(), current.as_deref(), workspace];
    let short = roots.into_iter().flatten().find_map(|root| path.strip_prefix(root).ok());
    short.unwrap_or(path).display().to_string()
}

/// A path without what is between `<` and `>`.
pub(super) fn without_parameters(path: &str) -> String {
    let (mut plain, mut depth, mut before) = (String::with_capacity(path.len()), 0u32, ' ');
    for letter in path.chars() {
        match letter {
            '<' => depth += 1,
            // Not the arrow of a function's type.
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
        before = letter;
    }
    plain.replace("::::", "::").trim_end_matches("::").to_owned()
}

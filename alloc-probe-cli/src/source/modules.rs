//! The module that a file is.

use super::paths::{self, Origin};

/// The module that a file of the standard library is, such as `alloc::vec`; none of other files.
pub fn module_of_std(path: &str) -> Option<String> {
    let source = paths::source(path);
    let (of_crate, inside) = source.path.split_once("/src/").filter(|_| source.origin == Origin::Std)?;
    Some(module_path(last_part(of_crate), inside))
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `orders` and `cache/mod.rs` are `orders::cache`.
pub fn module_path(of_crate: &str, file: &str) -> String {
    let file = file.strip_suffix(".rs").unwrap_or(file);
    let file = ["/mod", "lib", "main"]
        .iter()
        .find_map(|end| {
            let rest = file.strip_suffix(end)?;
            (end.starts_with('/') || rest.is_empty()).then_some(rest)
        })
        .unwrap_or(file);
    let mut module = of_crate.replace('-', "_");
    for part in file.split('/').filter(|part| !part.is_empty()) {
        module.push_str("::");
        module.push_str(part);
    }
    module
}

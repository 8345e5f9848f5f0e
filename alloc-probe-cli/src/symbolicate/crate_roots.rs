//! The module a bare function name belongs to.
//!
//! With `debug = "line-tables-only"`, debug info calls an inlined function `insert<u64>`, without crate or
//! module. But it knows the file, and each compilation unit tells which crate's root it was compiled from:
//! `src/main.rs/@/orders.7b1c-cgu.03`. A file's path from there is its module, as Rust has it.

use crate::source::modules::{module_of_std, module_path};
use crate::source::paths::{self, Origin};
use gimli::{Dwarf, Reader};
use std::collections::BTreeMap;

/// The roots of the crates in a binary.
#[derive(Default)]
pub(super) struct CrateRoots {
    /// Root file to crate.
    crates: BTreeMap<String, String>,
}

impl CrateRoots {
    /// What the compilation units of a binary tell.
    pub(super) fn of<R: Reader>(dwarf: &Dwarf<R>) -> CrateRoots {
        let mut crates = BTreeMap::new();
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let text = |part: &Option<R>| Some(part.as_ref()?.to_string_lossy().ok()?.into_owned());
            if let Some((root, name)) = text(&unit.name).as_deref().and_then(crate_of_unit) {
                let directory = text(&unit.comp_dir).unwrap_or_default();
                crates.entry(join(&directory, root)).or_insert_with(|| name.to_owned());
            }
        }
        CrateRoots { crates }
    }

    /// The module that the file `path` is, such as `orders::cache`; none where it can't be known.
    pub(super) fn module(&self, path: &str) -> Option<String> {
        let source = paths::source(path);
        if source.origin == Origin::Std {
            return module_of_std(path);
        }
        if let Some(name) = self.crates.get(path) {
            return Some(name.clone());
        }
        // Of crates that share a directory, modules in files are most likely the library's.
        let of_directory = |directory: &str| {
            let roots = self.crates.range(format!("{directory}/")..format!("{directory}0"));
            let roots = roots.filter(|(root, _)| !root[directory.len() + 1..].contains('/'));
            roots.max_by_key(|(root, _)| root.ends_with("/lib.rs")).map(|(_, name)| name)
        };
        let mut directory = path;
        while let Some((parent, _)) = directory.rsplit_once('/') {
            directory = parent;
            if let Some(name) = of_directory(directory) {
                return Some(module_path(name, &path[directory.len() + 1..]));
            }
        }
        // A crate of generic code alone has no unit of its own.
        let Origin::Package(package) = source.origin else { return None };
        let name = package.rsplit_once('-').map_or(package, |(name, _version)| name);
        Some(module_path(&name.replace('-', "_"), source.path.strip_prefix("src/")?))
    }
}

/// Root file and crate of a Rust compilation unit's name. Incremental builds have a hash where the crate would be.
fn crate_of_unit(name: &str) -> Option<(&str, &str)> {
    let (root, unit) = name.split_once("/@/")?;
    let (of_crate, _) = unit.split_once('.')?;
    Some((root, of_crate))
}

fn join(directory: &str, path: &str) -> String {
    if path.starts_with('/') || directory.is_empty() {
        path.to_owned()
    } else {
        format!("{directory}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_follow_from_the_crates_roots() {
        let registry = "/root/.cargo/registry/src/index-0123456789abcdef";
        let units = [
            ("/w/orders", "src/main.rs/@/orders.7b1c-cgu.03"),
            ("/w/orders", "src/lib.rs/@/orders_core.7b1c-cgu.0"),
            ("/w/orders", "src/bin/load.rs/@/load.7b1c-cgu.0"),
            ("/w/orders", "examples/src/lib.rs/@/ey2jz9t3c87x2g3vhxjz8gobs"),
            (
                "/r",
                "/root/.cargo/registry/src/index-0123456789abcdef/serde_json-1.0.140/src/lib.rs/@/serde_json.2-cgu.0",
            ),
        ];
        let crates = units
            .iter()
            .filter_map(|(directory, unit)| {
                let (root, name) = crate_of_unit(unit)?;
                Some((join(directory, root), name.to_owned()))
            })
            .collect();
        let roots = CrateRoots { crates };
        let check =
            |path: &str, module: Option<&str>| assert_eq!(roots.module(path).as_deref(), module, "{path}");
        check("/w/orders/src/main.rs", Some("orders"));
        check("/w/orders/src/lib.rs", Some("orders_core"));
        check("/w/orders/src/cache.rs", Some("orders_core::cache"));
        check("/w/orders/src/cache/mod.rs", Some("orders_core::cache"));
        check("/w/orders/src/cache/lru.rs", Some("orders_core::cache::lru"));
        check("/w/orders/src/bin/load.rs", Some("load"));
        check("/w/orders/examples/src/a.rs", None);
        check(&format!("{registry}/serde_json-1.0.140/src/value/de.rs"), Some("serde_json::value::de"));
        check(&format!("{registry}/small-vec-1.0.0/src/lib.rs"), Some("small_vec"));
        check("/rustc/59/library/alloc/src/vec/mod.rs", Some("alloc::vec"));
        check(
            "/rustc/59/library/compiler-builtins/compiler-builtins/src/mem.rs",
            Some("compiler_builtins::mem"),
        );
        check("/usr/include/c++/vector", None);
    }
}

//! Paths of source files, as short as they can be understood.
//!
//! What debug info has is the path on the machine that built the file: a home directory, a registry's cache, a
//! commit of the compiler. None of it says anything about the program.

/// Where a source file is from, and its path in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source<'a> {
    /// Whose file it is.
    pub origin: Origin<'a>,
    /// The path inside its package (`src/main.rs`), or inside the standard library (`alloc/src/vec/mod.rs`).
    pub path: &'a str,
}

/// Whose file a source file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin<'a> {
    /// The standard library's.
    Std,
    /// A dependency's, from a registry (`serde_json-1.0.140`) or a git checkout (`serde_json`).
    Package(&'a str),
    /// The program's own, or a path dependency's: the directory of its package, such as `/home/me/orders`.
    Project(&'a str),
}

/// Directories of a package that hold its sources.
const SOURCE_DIRS: [&str; 4] = ["src", "tests", "examples", "benches"];

/// Tells whose file a source file is.
pub fn source(path: &str) -> Source<'_> {
    if let Some(path) = in_std(path) {
        return Source { origin: Origin::Std, path };
    }
    if let Some((package, path)) = in_dependency(path) {
        return Source { origin: Origin::Package(package), path };
    }
    // The package begins before the innermost directory of sources: `/home/src/orders/src/main.rs`.
    let is_source_dir = |slash: &usize| {
        let rest = &path[slash + 1..];
        SOURCE_DIRS.iter().any(|dir| rest.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/')))
    };
    let source_dir = path.match_indices('/').map(|(slash, _)| slash).rfind(is_source_dir);
    match source_dir {
        Some(slash) => Source { origin: Origin::Project(&path[..slash]), path: &path[slash + 1..] },
        None => Source { origin: Origin::Project(""), path },
    }
}

/// The path for people: `src/main.rs`, `serde_json-1.0.140 src/value.rs`, `std alloc/src/vec/mod.rs`.
///
/// Where `home` is the directory that holds the program's packages, they are told apart by their path in it.
pub fn short_path(path: &str, home: &str) -> String {
    let source = source(path);
    match source.origin {
        Origin::Std => format!("std {}", source.path),
        Origin::Package(package) => format!("{package} {}", source.path),
        Origin::Project(package) => match path.strip_prefix(home).and_then(|path| path.strip_prefix('/')) {
            Some(path) if !home.is_empty() => path.to_owned(),
            _ => match package.rsplit('/').next() {
                Some(package) if !package.is_empty() => format!("{package}/{}", source.path),
                _ => source.path.to_owned(),
            },
        },
    }
}

/// The directory that all of the program's packages are in; of a single one, its own. Empty where there is
/// nothing that deserves the name.
pub fn home<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
    let mut packages = paths.into_iter().filter_map(|path| match source(path).origin {
        Origin::Project(package) if package.starts_with('/') => Some(package),
        _ => None,
    });
    let Some(mut home) = packages.next() else {
        return String::new();
    };
    for package in packages {
        while package.strip_prefix(home).is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            home = home.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }
    // `/home` or `/` would leave whole paths.
    if home.matches('/').count() < 2 { String::new() } else { home.to_owned() }
}

fn in_std(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("/rustc/") {
        return rest.split_once("/library/").map(|(_, path)| path);
    }
    path.split_once("/lib/rustlib/src/rust/library/").map(|(_, path)| path)
}

fn in_dependency(path: &str) -> Option<(&str, &str)> {
    // The standard library's own dependencies.
    if let Some(rest) = path.strip_prefix("/rust/deps/") {
        return rest.split_once('/');
    }
    if let Some((_, rest)) = path.split_once("/registry/src/") {
        return rest.split_once('/')?.1.split_once('/');
    }
    let (_, rest) = path.split_once("/git/checkouts/")?;
    let (repository, rest) = rest.split_once('/')?;
    let (_revision, path) = rest.split_once('/')?;
    Some((repository.rsplit_once('-').map_or(repository, |(name, _hash)| name), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_by_owner() {
        let cases = [
            ("/rustc/59807616e1/library/alloc/src/vec/mod.rs", "std alloc/src/vec/mod.rs"),
            (
                "/root/.rustup/toolchains/x/lib/rustlib/src/rust/library/core/src/lib.rs",
                "std core/src/lib.rs",
            ),
            ("/rust/deps/hashbrown-0.16.1/src/raw.rs", "hashbrown-0.16.1 src/raw.rs"),
            (
                "/root/.cargo/registry/src/index-0123456789abcdef/serde_json-1.0.140/src/value.rs",
                "serde_json-1.0.140 src/value.rs",
            ),
            ("/root/.cargo/git/checkouts/tokio-a1b2c3/9f8e7d/tokio/src/lib.rs", "tokio tokio/src/lib.rs"),
            ("/home/me/orders/src/main.rs", "src/main.rs"),
            ("/home/me/other/src/main.rs", "other/src/main.rs"),
            ("src/main.rs", "src/main.rs"),
            ("/build/glibc/csu/libc-start.c", "/build/glibc/csu/libc-start.c"),
        ];
        for (path, short) in cases {
            assert_eq!(short_path(path, "/home/me/orders"), short);
        }
    }

    #[test]
    fn home_is_what_all_packages_are_in() {
        let check = |paths: &[&str], expected: &str| assert_eq!(home(paths.iter().copied()), expected);
        check(&["/home/me/orders/src/main.rs", "/home/me/orders/src/cache/lru.rs"], "/home/me/orders");
        check(&["/w/x/a/src/lib.rs", "/w/x/ab/src/lib.rs", "/rustc/1/library/core/src/lib.rs"], "/w/x");
        check(&["/w/a/src/lib.rs", "/x/b/src/lib.rs"], "");
        check(&["src/main.rs"], "");
        check(&[], "");
    }

    #[test]
    fn packages_of_a_workspace_are_told_apart() {
        assert_eq!(short_path("/w/x/a/src/lib.rs", "/w/x"), "a/src/lib.rs");
        assert_eq!(short_path("/w/x/tests/a.rs", "/w/x"), "tests/a.rs");
        assert_eq!(short_path("/w/x/a/src/lib.rs", ""), "a/src/lib.rs");
    }
}

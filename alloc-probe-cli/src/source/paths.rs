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

/// How paths are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStyle {
    /// As the debug info has them.
    Full,
    /// As short as they can be understood. `home` is the directory that holds the program's packages, which are told
    /// apart by their path in it; empty where there is none.
    Short {
        /// The directory.
        home: String,
    },
}

impl PathStyle {
    /// The style for a profile with these files.
    pub fn of<'a>(files: impl IntoIterator<Item = Source<'a>>, is_full: bool) -> PathStyle {
        if is_full { PathStyle::Full } else { PathStyle::Short { home: home(files) } }
    }

    /// The path for people: `src/main.rs`, `serde_json 1.0.140 src/value.rs`, `std alloc/src/vec/mod.rs`.
    pub fn show(&self, path: &str, source: Source<'_>) -> String {
        match self {
            PathStyle::Full => path.to_owned(),
            PathStyle::Short { home } => short_path(path, source, home),
        }
    }
}

fn short_path(path: &str, source: Source<'_>, home: &str) -> String {
    match source.origin {
        Origin::Std => format!("std {}", source.path),
        Origin::Package(package) => match name_and_version(package) {
            (name, Some(version)) => format!("{name} {version} {}", source.path),
            (name, None) => format!("{name} {}", source.path),
        },
        Origin::Project(package) => match path.strip_prefix(home).and_then(|path| path.strip_prefix('/')) {
            Some(path) if !home.is_empty() => path.to_owned(),
            _ => match package.rsplit('/').next() {
                Some(package) if !package.is_empty() => format!("{package}/{}", source.path),
                _ => source.path.to_owned(),
            },
        },
    }
}

/// Splits `serde_json-1.0.140`, and `x-1.0.0-rc.1` too, but not `small-vec`.
pub fn name_and_version(package: &str) -> (&str, Option<&str>) {
    let is_version = |dash: &usize| {
        let rest = package[dash + 1..].trim_start_matches(|letter: char| letter.is_ascii_digit());
        rest.len() < package.len() - dash - 1 && rest.starts_with('.')
    };
    match package.match_indices('-').map(|(dash, _)| dash).find(is_version) {
        Some(dash) => (&package[..dash], Some(&package[dash + 1..])),
        None => (package, None),
    }
}

/// Files below one directory that are now below another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remap {
    from: String,
    to: String,
}

impl Remap {
    /// Where a file is now, if it was below the directory. Directories end at a slash: `/w/a` is not above `/w/ab`.
    pub fn apply(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.from)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{rest}", self.to))
    }
}

impl std::str::FromStr for Remap {
    type Err = String;

    fn from_str(text: &str) -> Result<Remap, String> {
        match text.split_once('=') {
            Some((from, to)) if !from.is_empty() => {
                let part = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
                Ok(Remap { from: part(from), to: part(to) })
            }
            _ => Err("it is of the form FROM=TO, such as /build/orders=/home/me/orders".to_owned()),
        }
    }
}

/// The directory that all of the program's packages are in; of a single one, its own. Empty where there is
/// nothing that deserves the name.
pub fn home<'a>(files: impl IntoIterator<Item = Source<'a>>) -> String {
    let mut packages = files.into_iter().filter_map(|file| match file.origin {
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
    let installed = path.split_once("/lib/rustlib/src/rust/library/").map(|(_, path)| path);
    // As Valgrind has them, without the compiler's directory.
    let alone = || {
        let path = path.strip_prefix("library/")?;
        ["alloc/src/", "core/src/", "std/src/"]
            .iter()
            .any(|of_crate| path.starts_with(of_crate))
            .then_some(path)
    };
    installed.or_else(alone)
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
            ("library/alloc/src/vec/mod.rs", "std alloc/src/vec/mod.rs"),
            ("library/books/src/vec/mod.rs", "books/src/vec/mod.rs"),
            ("/rust/deps/hashbrown-0.16.1/src/raw.rs", "hashbrown 0.16.1 src/raw.rs"),
            (
                "/root/.cargo/registry/src/index-0123456789abcdef/serde_json-1.0.140/src/value.rs",
                "serde_json 1.0.140 src/value.rs",
            ),
            ("/root/.cargo/git/checkouts/tokio-a1b2c3/9f8e7d/tokio/src/lib.rs", "tokio tokio/src/lib.rs"),
            ("/home/me/orders/src/main.rs", "src/main.rs"),
            ("/home/me/other/src/main.rs", "other/src/main.rs"),
            ("src/main.rs", "src/main.rs"),
            ("/build/glibc/csu/libc-start.c", "/build/glibc/csu/libc-start.c"),
        ];
        for (path, short) in cases {
            assert_eq!(short_path(path, source(path), "/home/me/orders"), short);
        }
    }

    #[test]
    fn home_is_what_all_packages_are_in() {
        let check = |paths: &[&str], expected: &str| {
            assert_eq!(home(paths.iter().map(|path| source(path))), expected)
        };
        check(&["/home/me/orders/src/main.rs", "/home/me/orders/src/cache/lru.rs"], "/home/me/orders");
        check(&["/w/x/a/src/lib.rs", "/w/x/ab/src/lib.rs", "/rustc/1/library/core/src/lib.rs"], "/w/x");
        check(&["/w/a/src/lib.rs", "/x/b/src/lib.rs"], "");
        check(&["src/main.rs"], "");
        check(&[], "");
    }

    #[test]
    fn packages_have_a_name_and_a_version() {
        let check = |package, expected| assert_eq!(name_and_version(package), expected);
        check("serde_json-1.0.140", ("serde_json", Some("1.0.140")));
        check("sha-1-0.10.1", ("sha-1", Some("0.10.1")));
        check("x-1.0.0-rc.1", ("x", Some("1.0.0-rc.1")));
        check("small-vec", ("small-vec", None));
    }

    #[test]
    fn files_are_found_where_they_are_now() {
        let remap: Remap = "/build/orders/=/home/me/orders".parse().unwrap();
        assert_eq!(remap.apply("/build/orders/src/main.rs").as_deref(), Some("/home/me/orders/src/main.rs"));
        assert_eq!(remap.apply("/build/orders2/src/main.rs"), None);
        assert_eq!(remap.apply("src/main.rs"), None);
        assert!("orders".parse::<Remap>().is_err() && "=x".parse::<Remap>().is_err());
    }

    #[test]
    fn packages_of_a_workspace_are_told_apart() {
        let check = |path, home, expected: &str| assert_eq!(short_path(path, source(path), home), expected);
        check("/w/x/a/src/lib.rs", "/w/x", "a/src/lib.rs");
        check("/w/x/tests/a.rs", "/w/x", "tests/a.rs");
        check("/w/x/a/src/lib.rs", "", "a/src/lib.rs");
    }
}

//! Whose code it is that a build script wrote.
//!
//! It lies in the directory of the build, `…/target/release/build/html5ever-af7bff25d40dee6a/out/rules.rs`, whoever's
//! script wrote it. The directory names the package, and not where that is from: other files of it say so.

use super::paths::{Origin, name_and_version, source};
use std::collections::HashMap;

/// Digits of the hash behind the package's name.
const HASH: usize = 16;

/// The package whose build script wrote a file, and the path of that in the build's directory: `html5ever` and
/// `out/rules.rs`.
pub fn written_by_script(path: &str) -> Option<(&str, &str)> {
    path.match_indices("/build/").find_map(|(at, build)| {
        let (directory, path) = path[at + build.len()..].split_once('/')?;
        let (package, hash) = directory.rsplit_once('-')?;
        let is_hash = hash.len() == HASH && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        (is_hash && !package.is_empty() && path.starts_with("out/")).then_some((package, path))
    })
}

/// The dependencies that a dump has files of, by their packages' names.
#[derive(Debug, Default)]
pub struct Dependencies<'a> {
    by_name: HashMap<&'a str, &'a str>,
}

impl<'a> Dependencies<'a> {
    /// Those that files of a dump are of, as far as a script may have written some of these files.
    pub fn of(files: impl Iterator<Item = &'a str> + Clone) -> Dependencies<'a> {
        let mut by_name = HashMap::new();
        if files.clone().any(|file| written_by_script(file).is_some()) {
            for file in files {
                let source = source(file);
                let Origin::Package(package) = source.origin else { continue };
                let (name, version) = name_and_version(package);
                by_name.insert(name, package);
                // A checkout has the name of its repository, and may hold several packages in directories.
                if let (None, Some((directory, _))) = (version, source.path.rsplit_once("/src/")) {
                    by_name.insert(directory.rsplit('/').next().unwrap_or(directory), package);
                }
            }
        }
        Dependencies { by_name }
    }

    /// The dependency whose build script wrote a file, as [`Origin::Package`] has it; none of code that the program's own
    /// script wrote.
    pub fn author(&self, file: &str) -> Option<&'a str> {
        if self.by_name.is_empty() {
            return None;
        }
        self.by_name.get(written_by_script(file)?.0).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripts_files_lie_in_the_builds_directory() {
        let cases = [
            (
                "/w/a/target/release/build/html5ever-af7bff25d40dee6a/out/rules.rs",
                Some(("html5ever", "out/rules.rs")),
            ),
            (
                "/home/build/a/target/debug/build/serde-json-af7bff25d40dee6a/out/x/y.rs",
                Some(("serde-json", "out/x/y.rs")),
            ),
            ("/w/build/a-af7bff25d40dee6a/src/main.rs", None),
            ("/w/build/-af7bff25d40dee6a/out/a.rs", None),
            ("/w/build/a-0123/out/a.rs", None),
            ("/w/build/a/out/a.rs", None),
            ("/build/glibc/csu/libc-start.c", None),
        ];
        for (path, expected) in cases {
            assert_eq!(written_by_script(path), expected, "{path}");
        }
    }

    #[test]
    fn only_a_dependencys_script_is_told_by_its_other_files() {
        let files = [
            "/root/.cargo/registry/src/index-0123456789abcdef/html5ever-0.25.1/src/tree_builder/mod.rs",
            "/root/.cargo/git/checkouts/prost-a1b2c3/9f8e7d/prost-types/src/lib.rs",
            "/w/htmlq/src/main.rs",
            "/w/htmlq/target/release/build/htmlq-af7bff25d40dee6a/out/rules.rs",
        ];
        let dependencies = Dependencies::of(files.into_iter());
        let author = |package: &str| {
            dependencies.author(&format!("/t/release/build/{package}-af7bff25d40dee6a/out/rules.rs"))
        };
        assert_eq!(author("html5ever"), Some("html5ever-0.25.1"));
        assert_eq!(author("prost-types"), Some("prost"));
        assert_eq!(author("htmlq"), None, "it is the program's own");
        assert_eq!(author("markup5ever"), None, "nothing else is known of it");
        assert_eq!(dependencies.author("/w/html5ever/src/rules.rs"), None);
    }
}

//! Which frames are of one function, in one build and in several.
//!
//! A function is known by its own name and its file: that is all that line tables know of one that was inlined, so it is
//! what every build agrees on. Types, generic arguments and the numbers of closures differ from build to build, or are
//! not known. Functions of one name in one file, as of a trait that several types implement there, are told apart by
//! the lines from which they call.

mod function;
mod name;
mod types;

use crate::profile::Frame;
use crate::source::paths::{self, Origin};
pub use function::{Function, FunctionId};
use name::Name;
use rustc_hash::{FxHashMap, FxHashSet};

/// The functions of some profiles' frames.
#[derive(Debug, Default)]
pub struct Functions {
    /// For each profile, the function of each of its frames.
    pub of_frames: Vec<Vec<FunctionId>>,
    /// What is known of each function.
    pub functions: Vec<Function>,
    /// For each profile, a number of each of its frames that only those have which may be of one function: of functions of one
    /// name in one file, those of several types are told apart, by their paths or else by the lines from which they call.
    pub by_type: Vec<Vec<u32>>,
    /// How many of these numbers there are.
    pub types: usize,
}

/// What makes a function: its own name and its file, or else all of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Identity<'s> {
    InFile(&'s str, u32),
    Path(&'s str),
}

/// What builds agree on about a file: its package, and its path in there.
type File<'a> = (&'a str, &'a str);

impl Functions {
    /// Numbers the functions of frames. `is_one_code`: a line of one profile is the same line of the others.
    pub fn of(profiles: &[&[Frame]], is_one_code: bool) -> Functions {
        let all = || profiles.iter().flat_map(|frames| frames.iter());
        let known = profiles.iter().map(|frames| Known::of(frames)).min().unwrap_or(Known::Package);
        let mut texts: FxHashMap<&str, usize> = FxHashMap::default();
        let mut names: Vec<Name> = Vec::new();
        let mut files: FxHashMap<&str, u32> = FxHashMap::default();
        let mut file_numbers: FxHashMap<File<'_>, u32> = FxHashMap::default();
        // For each file, its package.
        let mut packages: Vec<&str> = Vec::new();
        for frame in all() {
            texts.entry(&frame.function).or_insert_with(|| {
                names.push(Name::of(&frame.function));
                names.len() - 1
            });
            if let Some(file) = &frame.file {
                files.entry(file).or_insert_with(|| {
                    let key = file_key(file, known);
                    *file_numbers.entry(key).or_insert_with(|| {
                        packages.push(key.0);
                        packages.len() as u32 - 1
                    })
                });
            }
        }
        // A function whose file is not known here may be known by its whole path elsewhere.
        let mut by_path: FxHashMap<&str, Option<u32>> = FxHashMap::default();
        for frame in all().filter(|frame| !frame.path_guessed && frame.line.is_some()) {
            let name = &names[texts[frame.function.as_str()]];
            if let Some(file) = frame.file.as_ref().filter(|_| name.qualified) {
                let file = files[file.as_str()];
                let known = by_path.entry(&name.path).or_insert(Some(file));
                if *known != Some(file) {
                    *known = None;
                }
            }
        }
        // One that was inlined, by its own name: the only file of its package that has it.
        let mut in_package: FxHashMap<(&str, &str), Option<u32>> = FxHashMap::default();
        let mut in_file: FxHashSet<(&str, u32)> = FxHashSet::default();
        for frame in all().filter(|frame| is_one_code && frame.line.is_some()) {
            let name = &names[texts[frame.function.as_str()]];
            if let Some(file) = frame.file.as_ref().map(|file| files[file.as_str()]).filter(|_| name.known) {
                in_file.insert((name.leaf(), file));
                let only = in_package.entry((packages[file as usize], name.leaf())).or_insert(Some(file));
                *only = only.filter(|only| *only == file);
            }
        }
        let mut numbers: FxHashMap<Identity<'_>, FunctionId> = FxHashMap::default();
        let mut functions = Vec::new();
        let mut number = |frame: &Frame| {
            let name = &names[texts[frame.function.as_str()]];
            let file = frame.file.as_ref().map(|file| files[file.as_str()]);
            // Of merged code without a line, the compiler says another file at times: that of the code before it.
            let of_path = || by_path.get(name.path.as_str()).copied().flatten();
            let of_package = || {
                let file =
                    file.filter(|file| frame.path_guessed && !in_file.contains(&(name.leaf(), *file)))?;
                in_package.get(&(packages[file as usize], name.leaf())).copied().flatten()
            };
            let file = match frame.line {
                Some(_) => file.or_else(of_path),
                None => of_path().or_else(of_package).or(file),
            };
            let identity = match file {
                Some(file) => Identity::InFile(name.leaf(), file),
                None => Identity::Path(&name.path),
            };
            *numbers.entry(identity).or_insert_with(|| {
                functions.push(Function {
                    file,
                    is_named: name.known && !name.leaf().starts_with('{'),
                    is_known: name.known,
                });
                FunctionId(functions.len() as u32 - 1)
            })
        };
        let of_frames: Vec<Vec<FunctionId>> =
            profiles.iter().map(|frames| frames.iter().map(&mut number).collect()).collect();
        let path = |frame: &Frame| {
            let name = &names[texts[frame.function.as_str()]];
            (name.qualified && !frame.path_guessed).then_some(name.path.as_str())
        };
        let (by_type, types) = types::by_type(profiles, &of_frames, &functions, path, is_one_code);
        Functions { of_frames, functions, by_type, types }
    }
}

/// Whether a frame may be of the function of this whole name.
pub fn may_be_of(frame: &Frame, name: &str) -> bool {
    let (ours, theirs) = (Name::of(&frame.function), Name::of(name));
    let is_whole = ours.qualified && !frame.path_guessed;
    if is_whole { ours.path == theirs.path } else { ours.leaf() == theirs.leaf() }
}

/// The path of a function that some profile names in whole, as builds can be expected to agree on it; none where only the
/// last part of it may be known.
pub fn whole_path(function: &str) -> Option<String> {
    let name = Name::of(function);
    (name.qualified && name.known).then_some(name.path)
}

/// How much of the files' paths a profile tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// Their names alone, as DHAT of Valgrind.
    Name,
    /// Where they lie in their packages, but not in which, as heaptrack.
    Tail,
    /// All.
    Package,
}

impl Known {
    fn of(frames: &[Frame]) -> Known {
        let (mut files, mut whole, mut bare) = (0_usize, 0, 0);
        for file in frames.iter().filter_map(|frame| frame.file.as_deref()) {
            files += 1;
            whole += usize::from(
                file.starts_with('/') || matches!(paths::source(file).origin, Origin::Package(_)),
            );
            bare += usize::from(!file.contains(['/', '\\']));
        }
        // There is always a file of C's or of the compiler's own that is told otherwise.
        match (whole * 2 >= files, bare * 2 > files) {
            (true, _) => Known::Package,
            (false, true) => Known::Name,
            (false, false) => Known::Tail,
        }
    }
}

/// The key of a file, wherever its package lay and whichever version it is of. Of the program's own files, the last two
/// parts of the path: who built it may have called the directory as he liked. Less where a profile does not tell as much.
fn file_key(file: &str, known: Known) -> File<'_> {
    let tail = |parts: usize| {
        let first = file.rmatch_indices(['/', '\\']).nth(parts - 1);
        ("", first.map_or(file, |(at, _)| &file[at + 1..]))
    };
    let source = paths::source(file);
    match source.origin {
        _ if known == Known::Name => tail(1),
        _ if known == Known::Tail => tail(2),
        Origin::Std => ("std", source.path),
        Origin::Package(package) => (package.rsplit_once('-').map_or(package, |(name, _)| name), source.path),
        Origin::Project(_) => tail(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice;

    fn frame(function: &str, file: &str) -> Frame {
        Frame {
            function: function.to_owned(),
            file: (!file.is_empty()).then(|| file.to_owned()),
            line: (!file.is_empty()).then_some(1),
            ..Frame::default()
        }
    }

    #[track_caller]
    fn check(base: (&str, &str), new: (&str, &str), same: bool) {
        let functions = Functions::of(&[&[frame(base.0, base.1)], &[frame(new.0, new.1)]], false);
        assert_eq!(functions.of_frames[0] == functions.of_frames[1], same, "{base:?} and {new:?}");
    }

    #[test]
    fn a_function_is_its_name_in_its_file() {
        let own = "/home/a/orders/src/cache.rs";
        check(("orders::cache::Cache<K>::insert", own), ("insert<u8>", "src/cache.rs"), true);
        check(("orders::cache::Cache<K>::insert", own), ("orders::cache::insert<u8>", own), true);
        check(("orders::cache::Cache<K>::insert", own), ("insert", "/home/a/orders/src/other.rs"), false);
        check(("orders::cache::insert", own), ("orders::cache::insert.1312", own), true);
        check(("m::day::{{closure}}::{{closure}}", "/b/m/src/m.rs"), ("{closure#1}", "/b/m/src/m.rs"), true);
        check(("deep", ""), ("deep", ""), true);
        check(("a::deep", ""), ("deep", ""), false);
    }

    #[test]
    fn files_are_as_much_as_both_profiles_tell() {
        let whole = "/home/a/.cargo/registry/src/index.crates.io-0123456789abcdef/regex-automata-0.4.7/src/dfa/dense.rs";
        let std = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/rt.rs";
        for file in ["dense.rs", "src/dfa/dense.rs", whole] {
            check(("regex_automata::dfa::dense::add", whole), ("add", file), true);
        }
        check(("std::rt::lang_start", std), ("lang_start", "library/std/src/rt.rs"), true);
        check(("a::add", "/home/a/orders/src/cache.rs"), ("add", "dense.rs"), false);
        // Who tells of any file where it is, would tell it of this one, too.
        let frames = [frame("regex_automata::add", whole)];
        let others = [frame("add", "dense.rs"), frame("main", "/home/a/orders/src/main.rs")];
        let functions = Functions::of(&[&frames, &others], false);
        assert_ne!(functions.of_frames[0][0], functions.of_frames[1][0]);
    }

    #[test]
    fn a_whole_path_finds_its_file() {
        let base = [frame("a::f", "src/a.rs"), frame("a::g", "src/a.rs"), frame("a::g", "src/b.rs")];
        let new = [frame("a::f", ""), frame("a::g", "")];
        let functions = Functions::of(&[&base, &new], false);
        assert_eq!(functions.of_frames[1][0], functions.of_frames[0][0]);
        assert!(!functions.of_frames[0].contains(&functions.of_frames[1][1]), "it is in two files");
    }

    #[test]
    fn of_merged_code_the_file_is_the_one_that_has_the_function() {
        let unoptimised = |others: &[&str]| -> Vec<Frame> {
            let of = |file: &&str| frame("tree::next", file);
            [
                frame("tree::cursor::next", "/w/tree/src/cursor.rs"),
                frame("tree::other", "/w/tree/src/other.rs"),
            ]
            .into_iter()
            .chain(others.iter().map(of))
            .collect()
        };
        let merged =
            Frame { line: None, path_guessed: true, ..frame("tree::other::next", "/w/tree/src/other.rs") };
        let is_it = |others: &[&str], is_one_code| {
            let functions = Functions::of(&[&unoptimised(others), slice::from_ref(&merged)], is_one_code);
            functions.of_frames[0][0] == functions.of_frames[1][0]
        };
        assert!(is_it(&[], true));
        assert!(!is_it(&[], false), "either may lack what the other has");
        assert!(!is_it(&["/w/tree/src/other.rs"], true), "it has one");
        assert!(!is_it(&["/w/tree/src/third.rs"], true), "it may be this one");
        let elsewhere = "/home/a/.cargo/registry/src/index.crates.io-0123456789abcdef/list-0.4.7/src/list.rs";
        assert!(is_it(&[elsewhere], true), "another package's");
    }

    #[test]
    fn closures_have_no_name_of_their_own() {
        let functions =
            Functions::of(&[&[frame("a::f::{closure#0}", "src/a.rs"), frame("a::f", "src/a.rs")]], false);
        assert_eq!(functions.functions.iter().map(|it| it.is_named).collect::<Vec<_>>(), [false, true]);
    }
}

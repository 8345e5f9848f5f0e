//! What a name that lost its path may stand for.
//!
//! Debug info of the kind `line-tables-only`, usual in release builds, knows inlined functions by their last name
//! alone: what one build calls `orders::cache::Cache::insert` is `insert` in the other, or `orders::cache::insert`
//! with a path guessed from the file. The file tells which one it is, and where it has several of that name, the
//! line does, or the column.

use super::name::Name;
use crate::profile::Frame;
use crate::source::paths::{self, Origin};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// What a function is known by: its whole name, or its last with the file it is in.
pub(super) type Meaning<'s> = (&'s str, &'s str, &'s str);

/// All names there are, and which whole ones stand behind each short one.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    names: Vec<Name>,
    /// The place in `names` of what the symbols say.
    by_text: FxHashMap<&'a str, usize>,
    /// The last names' numbers, and that of each of `names`.
    leaves: (FxHashMap<String, u32>, Vec<u32>),
    /// By paths of files, what builds agree on about them.
    files: FxHashMap<&'a str, File<'a>>,
    /// By the number of the last name and the file, the functions known by their whole name.
    known: FxHashMap<(u32, File<'a>), Vec<Known>>,
}

/// What two builds agree on about a file: its package, and its path in there.
type File<'a> = (&'a str, &'a str);

/// A function known by its whole name, in one file.
#[derive(Debug)]
struct Known {
    /// The place of its name in [`Names::names`].
    name: usize,
    lines: BTreeSet<u32>,
    /// The lines with their columns.
    places: FxHashSet<(u32, u32)>,
}

impl<'a> Names<'a> {
    /// Learns from a frame. Only then can the frame be asked for.
    pub(super) fn learn(&mut self, frame: &'a Frame) {
        let name = self.read(&frame.function);
        let Some(file) = &frame.file else { return };
        let file = *self.files.entry(file).or_insert_with(|| file_key(file));
        if !self.names[name].qualified || frame.path_guessed {
            return;
        }
        let known = self.known.entry((self.leaves.1[name], file)).or_default();
        // The spelling of a function may differ in its generic arguments.
        let is_same =
            |known: &Known| known.name == name || self.names[known.name].path == self.names[name].path;
        let at = known.iter().position(is_same).unwrap_or_else(|| {
            known.push(Known { name, lines: BTreeSet::new(), places: FxHashSet::default() });
            known.len() - 1
        });
        if let Some(line) = frame.line {
            known[at].lines.insert(line);
            known[at].places.extend(frame.column.map(|column| (line, column)));
        }
    }

    /// The place in `names` of what the symbols say; each is read once.
    fn read(&mut self, function: &'a str) -> usize {
        if let Some(name) = self.by_text.get(function) {
            return *name;
        }
        let name = Name::of(function);
        let (leaves, numbers) = &mut self.leaves;
        let next = leaves.len() as u32;
        let number = leaves.get(name.leaf()).copied().unwrap_or_else(|| {
            leaves.insert(name.leaf().to_owned(), next);
            next
        });
        numbers.push(number);
        self.names.push(name);
        self.by_text.insert(function, self.names.len() - 1);
        self.names.len() - 1
    }

    /// The functions that are known by their whole name, and have the last name and the file of a frame.
    fn known(&self, frame: &Frame) -> Option<&[Known]> {
        let file = self.files[frame.file.as_deref()?];
        let leaf = self.leaves.1[self.by_text[frame.function.as_str()]];
        self.known.get(&(leaf, file)).map(Vec::as_slice)
    }

    /// Whether a frame's whole name is known.
    pub(super) fn is_whole(&self, frame: &Frame) -> bool {
        !frame.path_guessed && self.name(frame).qualified
    }

    /// Whether nothing is known of a frame but its last name: of code that was merged from several places, the compiler
    /// keeps neither the line nor, at times, the file.
    pub(super) fn is_nowhere(&self, frame: &Frame) -> bool {
        frame.path_guessed && frame.line.is_none() && self.known(frame).is_none()
    }

    /// What a frame's function may be: one name, or several that its place does not tell apart.
    pub(super) fn meanings<'s>(&'s self, frame: &Frame) -> Vec<Meaning<'s>> {
        let name = self.name(frame);
        if self.is_whole(frame) {
            let mut meanings: Vec<Meaning<'s>> = vec![(&name.path, "", "")];
            meanings.extend(self.at_the_same_place(frame));
            return meanings;
        }
        let Some(file) = &frame.file else { return vec![(&name.path, "", "")] };
        let known = self.known(frame).unwrap_or_default();
        let distances = known.iter().map(|known| known.distance(frame));
        match distances.min() {
            Some(least) if known.len() == 1 || least < Distance::UNKNOWN => {
                let nearest = known.iter().filter(|known| known.distance(frame) == least);
                nearest.map(|known| (self.names[known.name].path.as_str(), "", "")).collect()
            }
            _ => {
                let (package, path) = self.files[file.as_str()];
                vec![(name.leaf(), package, path)]
            }
        }
    }

    /// The functions of a macro that are at the very place of one of them: optimised builds know them by that place, and
    /// may merge them into one, since they are often the same code.
    fn at_the_same_place(&self, frame: &Frame) -> impl Iterator<Item = Meaning<'_>> {
        let place = frame.line.zip(frame.column);
        let known = place.and_then(|_| self.known(frame)).unwrap_or_default().iter();
        let same = known.filter(move |known| place.is_some_and(|place| known.places.contains(&place)));
        same.map(|known| (self.names[known.name].path.as_str(), "", ""))
    }

    fn name(&self, frame: &Frame) -> &Name {
        &self.names[self.by_text[frame.function.as_str()]]
    }
}

/// How far a place is from those known of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    /// 0 for the very place, 1 for the line of one, 2 for lines near by, 3 where no line is known.
    rank: u8,
    /// How many lines it is outside of the function's.
    lines: u32,
    /// How many lines the function is long: of functions inside each other, the innermost is meant.
    length: u32,
}

impl Distance {
    const UNKNOWN: Distance = Distance { rank: 3, lines: 0, length: 0 };
}

impl Known {
    fn distance(&self, frame: &Frame) -> Distance {
        let (Some(line), Some(first), Some(last)) = (frame.line, self.lines.first(), self.lines.last())
        else {
            return Distance::UNKNOWN;
        };
        if frame.column.is_some_and(|column| self.places.contains(&(line, column))) {
            return Distance { rank: 0, lines: 0, length: 0 };
        }
        if self.lines.contains(&line) {
            return Distance { rank: 1, lines: 0, length: 0 };
        }
        Distance {
            rank: 2,
            lines: first.saturating_sub(line).max(line.saturating_sub(*last)),
            length: last - first,
        }
    }
}

/// What two builds agree on about a file, wherever its package lay and whichever version it is of. Of the program's
/// own files, the last two parts of the path: who built it may have called the directory as he liked.
fn file_key(file: &str) -> File<'_> {
    let source = paths::source(file);
    match source.origin {
        Origin::Std => ("std", source.path),
        Origin::Package(package) => (package.rsplit_once('-').map_or(package, |(name, _)| name), source.path),
        Origin::Project(_) => {
            let second = file.rmatch_indices(['/', '\\']).nth(1);
            ("", second.map_or(file, |(at, _)| &file[at + 1..]))
        }
    }
}

//! What differs between two builds of a program.

use object::{Object, ObjectSection};
use regex_lite::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// What building a project twice showed.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// Each program with how its two builds differ; none where they are the same to the byte.
    pub programs: Vec<(String, Option<Difference>)>,
    /// Packages whose build scripts made something else the second time.
    pub scripts: Vec<String>,
}

/// How two builds of a program differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Sections of the file whose contents are not the same.
    pub sections: Vec<String>,
    /// Paths of the folder it was built in, below that folder, by the section that has them.
    pub paths: BTreeMap<String, BTreeSet<String>>,
    /// Texts with a date or a time, of one build and of the other.
    pub times: Vec<(String, String)>,
}

/// One build: the folder, and the program's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// Where it was built.
    pub folder: &'a str,
    /// The file.
    pub bytes: &'a [u8],
}

/// Texts of a binary are at least so long; shorter runs of letters are chance.
const SHORTEST_TEXT: usize = 8;

/// How two builds of a program differ; none where they don't.
pub fn difference(one: Build<'_>, other: Build<'_>) -> Option<Difference> {
    if one.bytes == other.bytes {
        return None;
    }
    let mut difference = Difference::default();
    let (first, second) = (sections(one.bytes), sections(other.bytes));
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let mut only = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        let (here, there) = (first.get(name), second.get(name));
        if here == there {
            continue;
        }
        difference.sections.push(name.clone());
        let (here, there) = (texts(here), texts(there));
        for text in here.iter().filter(|text| text.contains(one.folder)) {
            let paths = difference.paths.entry(name.clone()).or_default();
            paths.extend(text.split(one.folder).skip(1).map(path_at_start).filter(|path| !path.is_empty()));
        }
        let neutral = |text: &String, folder: &str| text.replace(folder, "");
        let here: BTreeSet<String> = here.iter().map(|text| neutral(text, one.folder)).collect();
        let there: BTreeSet<String> = there.iter().map(|text| neutral(text, other.folder)).collect();
        only.0.extend(here.difference(&there).cloned());
        only.1.extend(there.difference(&here).cloned());
    }
    difference.times = times(&only.0, &only.1);
    Some(difference)
}

/// The contents of a file's sections, by name.
fn sections(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let Ok(file) = object::File::parse(bytes) else { return BTreeMap::new() };
    let contents = file.sections().filter_map(|section| {
        let name = section.name().ok().filter(|name| !name.is_empty())?;
        Some((name.to_owned(), section.uncompressed_data().ok()?.into_owned()))
    });
    contents.collect()
}

/// The texts in bytes.
fn texts(bytes: Option<&Vec<u8>>) -> BTreeSet<String> {
    let bytes = bytes.map_or(&[][..], Vec::as_slice);
    let runs = bytes.split(|byte| !(0x20..0x7f).contains(byte));
    runs.filter(|run| run.len() >= SHORTEST_TEXT)
        .map(|run| String::from_utf8_lossy(run).into_owned())
        .collect()
}

/// The path that a text goes on with.
fn path_at_start(text: &str) -> String {
    let is_of_path = |letter: &char| letter.is_alphanumeric() || "/._-+@".contains(*letter);
    let path: String = text.chars().take_while(is_of_path).collect();
    path.trim_start_matches('/').to_owned()
}

/// Texts that are the same but for their digits, and have what looks like a time.
fn times(one: &BTreeSet<String>, other: &BTreeSet<String>) -> Vec<(String, String)> {
    let Ok(stamp) = Regex::new(r"\d{4}-\d\d-\d\d[T ]?|\d\d:\d\d(:\d\d)?(\.\d+)?|\b1\d{9,18}\b") else {
        return Vec::new();
    };
    let shape = |text: &String| text.replace(|letter: char| letter.is_ascii_digit(), "0");
    let mut found = Vec::new();
    for text in one.iter().filter(|text| stamp.is_match(text)) {
        if let Some(twin) = other.iter().find(|twin| shape(twin) == shape(text)) {
            let cut = |text: &String, match_of: Option<regex_lite::Match<'_>>| {
                match_of.map_or_else(String::new, |found| {
                    text[found.start()..].chars().take(30).collect::<String>().trim_end().to_owned()
                })
            };
            found.push((cut(text, stamp.find(text)), cut(twin, stamp.find(twin))));
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn texts_that_differ_by_a_time_are_time_stamps() {
        let one = set(&["built 2026-11-29 20:01:02 here", "1764446462", "a thing", "2026-11-29"]);
        let other = set(&["built 2026-11-29 20:04:59 here", "1764446699", "another thing"]);
        assert_eq!(
            times(&one, &other),
            [
                ("1764446462".to_owned(), "1764446699".to_owned()),
                ("2026-11-29 20:01:02 here".to_owned(), "2026-11-29 20:04:59 here".to_owned())
            ]
        );
    }

    #[test]
    fn equal_files_do_not_differ_and_what_is_no_program_has_no_sections() {
        let build = |folder, bytes| Build { folder, bytes };
        assert_eq!(difference(build("/a", b"x"), build("/b", b"x")), None);
        assert_eq!(difference(build("/a", b"x"), build("/b", b"y")), Some(Difference::default()));
        assert_eq!(path_at_start("/src/main.rs: panicked"), "src/main.rs");
    }
}

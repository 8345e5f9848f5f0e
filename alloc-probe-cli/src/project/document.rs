//! A TOML file that knows the line of each of its keys.

use crate::error::{Error, io_reason};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; none where the whole file is meant.
    pub line: Option<usize>,
}

impl Place {
    /// A line of a file.
    pub fn at(path: &Path, line: usize) -> Place {
        Place { path: path.to_owned(), line: Some(line) }
    }

    /// A whole file.
    pub fn file(path: &Path) -> Place {
        Place { path: path.to_owned(), line: None }
    }
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it is.
    pub path: PathBuf,
    root: Entry,
}

/// A value with the line of its key.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub item: Item,
}

/// A value, as far as a project's settings need it.
#[derive(Clone, Debug)]
pub enum Item {
    /// A table, in the order of its keys.
    Table(Vec<(String, Entry)>),
    /// An array.
    List(Vec<Entry>),
    /// A string; also a number or a date as it is written.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it can't be read or is no TOML.
    pub fn read(path: &Path) -> Result<Document, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::read(path, io_reason(&error)))?;
        Document::parse(path, &text)
    }

    /// Reads a file that need not be there.
    ///
    /// # Errors
    ///
    /// Where it is there, and can't be read or is no TOML.
    pub fn read_if_there(path: &Path) -> Result<Option<Document>, Error> {
        if path.is_file() { Document::read(path).map(Some) } else { Ok(None) }
    }

    /// Takes the text of a file.
    ///
    /// # Errors
    ///
    /// Where it is no TOML.
    pub fn parse(path: &Path, text: &str) -> Result<Document, Error> {
        let lines = Lines::of(text);
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| lines.line(span.start));
            Error::read(path, format!("line {line}: {}", error.message()))
        })?;
        let item = table_of(table.get_ref(), &lines);
        Ok(Document { path: path.to_owned(), root: Entry { line: 1, item } })
    }

    /// What stands under a path of keys.
    pub fn get(&self, keys: &[&str]) -> Option<&Entry> {
        keys.iter().try_fold(&self.root, |entry, key| entry.get(key))
    }

    /// The keys and values of a table; none where there is no such table.
    pub fn table(&self, keys: &[&str]) -> &[(String, Entry)] {
        self.get(keys).map_or(&[], Entry::table)
    }

    /// The place of an entry.
    pub fn place(&self, entry: &Entry) -> Place {
        Place::at(&self.path, entry.line)
    }
}

impl Entry {
    /// What stands under a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.table().iter().find(|(name, _)| name == key).map(|(_, entry)| entry)
    }

    /// The keys and values, if it is a table.
    pub fn table(&self) -> &[(String, Entry)] {
        match &self.item {
            Item::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The values, if it is an array.
    pub fn list(&self) -> &[Entry] {
        match &self.item {
            Item::List(entries) => entries,
            _ => &[],
        }
    }

    /// A word, number or flag as text.
    pub fn text(&self) -> Option<String> {
        match &self.item {
            Item::Text(text) => Some(text.clone()),
            Item::Flag(flag) => Some(flag.to_string()),
            Item::Table(_) | Item::List(_) => None,
        }
    }

    /// The words of a string or of an array of strings, as settings of flags are written.
    pub fn words(&self) -> Vec<String> {
        match &self.item {
            Item::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            Item::List(entries) => entries.iter().filter_map(Entry::text).collect(),
            _ => Vec::new(),
        }
    }
}

fn table_of(table: &DeTable<'_>, lines: &Lines) -> Item {
    let entries = table.iter().map(|(key, value)| {
        let entry = Entry { line: lines.line(key.span().start), item: item(value.get_ref(), lines) };
        (key.get_ref().to_string(), entry)
    });
    Item::Table(entries.collect())
}

fn item(value: &DeValue<'_>, lines: &Lines) -> Item {
    match value {
        DeValue::String(text) => Item::Text(text.to_string()),
        DeValue::Integer(number) => Item::Text(number.as_str().to_owned()),
        DeValue::Float(number) => Item::Text(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Item::Flag(*flag),
        DeValue::Datetime(date) => Item::Text(date.to_string()),
        DeValue::Table(table) => table_of(table, lines),
        DeValue::Array(values) => {
            let entry = |value: &toml::Spanned<DeValue<'_>>| Entry {
                line: lines.line(value.span().start),
                item: item(value.get_ref(), lines),
            };
            Item::List(values.iter().map(entry).collect())
        }
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let starts = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Lines(std::iter::once(0).chain(starts).collect())
    }

    /// The number of the line that a byte lies in, from 1.
    fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_knows_its_line() {
        let text = "[profile.release]\nlto = \"fat\" # whole\nopt-level = 3\n\n[profile]\n# more\nx.y = [1,\n  true]\n";
        let document = Document::parse(Path::new("Cargo.toml"), text).unwrap();
        let seen = |keys: &[&str]| document.get(keys).map(|entry| (entry.line, entry.text()));
        assert_eq!(seen(&["profile", "release", "lto"]), Some((2, Some("fat".to_owned()))));
        assert_eq!(seen(&["profile", "release", "opt-level"]), Some((3, Some("3".to_owned()))));
        assert_eq!(seen(&["profile", "release", "panic"]), None);
        let list = document.get(&["profile", "x", "y"]).unwrap();
        assert_eq!((list.list()[1].line, list.words()), (8, vec!["1".to_owned(), "true".to_owned()]));
    }

    #[test]
    fn a_file_that_is_no_toml_names_the_line() {
        let error = Document::parse(Path::new("Cargo.toml"), "[a]\nb = \n").unwrap_err().to_string();
        assert!(error.starts_with("cannot read `Cargo.toml`: line 2: "), "{error}");
    }
}

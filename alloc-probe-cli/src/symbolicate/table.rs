//! The table of symbols while it is filled.

use super::binary::RawFrame;
use alloc_probe_format::dump::{MergedFunctions, MissingImage, SymbolFrame, SymbolRows, Symbols, TailCalls};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Symbols of a dump, with a way to find a string that is there already.
pub(super) struct Table {
    strings: Vec<String>,
    ids: HashMap<String, u32>,
    /// For each row of the stacks, its frames.
    frames: SymbolRows,
    /// For rows of the stacks, those of functions between them and their parents that left none.
    tail_calls: BTreeMap<u32, Vec<SymbolFrame>>,
    /// The strings that are names whose path was made from a file.
    guessed: BTreeSet<u32>,
    /// By strings that are names of functions, those of others that have the same code.
    merged: BTreeMap<u32, BTreeSet<u32>>,
    /// The images whose symbols are missing.
    pub(super) missing: Vec<MissingImage>,
    /// Whether the dump carried none.
    pub(super) is_new: bool,
}

impl Table {
    /// What a dump of so many rows carries.
    pub(super) fn new(symbols: Option<Symbols>, rows: usize) -> Table {
        let is_new = symbols.is_none();
        let symbols = symbols.unwrap_or_default();
        let mut frames = symbols.frames;
        frames.resize(rows);
        Table {
            ids: (0..).zip(&symbols.strings).map(|(id, text)| (text.clone(), id)).collect(),
            strings: symbols.strings,
            frames,
            tail_calls: symbols.tail_calls.into_iter().map(|lost| (lost.row, lost.frames)).collect(),
            guessed: symbols.guessed.into_iter().collect(),
            merged: symbols
                .merged
                .into_iter()
                .map(|it| (it.shown, it.others.into_iter().collect()))
                .collect(),
            missing: symbols.missing,
            is_new,
        }
    }

    /// The frames of a row.
    pub(super) fn frames(&self, row: usize) -> &[SymbolFrame] {
        &self.frames[row]
    }

    /// Gives rows of one address its frames.
    pub(super) fn set(&mut self, rows: &[u32], raw: &[RawFrame]) {
        let frames = self.frames_of(raw);
        self.frames.set(rows, &frames);
    }

    /// Gives rows the frames of functions between them and their parents.
    pub(super) fn set_tail_calls(&mut self, rows: &[u32], raw: &[RawFrame]) {
        let frames = self.frames_of(raw);
        self.tail_calls.extend(rows.iter().map(|row| (*row, frames.clone())));
    }

    fn frames_of(&mut self, raw: &[RawFrame]) -> Vec<SymbolFrame> {
        raw.iter()
            .map(|raw| {
                let function = self.id(raw.function.as_deref().unwrap_or_default());
                if raw.path_guessed {
                    self.guessed.insert(function);
                }
                for other in raw.merged_with.iter() {
                    let other = self.id(other);
                    self.merged.entry(function).or_default().insert(other);
                }
                SymbolFrame {
                    function,
                    file: raw.file.as_deref().map(|file| self.id(file)),
                    line: raw.line,
                    column: raw.column,
                }
            })
            .collect()
    }

    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        // There are at most as many as there are addresses and inlined calls in a file of limited size.
        let id = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        self.strings.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }

    /// The table as a dump carries it.
    pub(super) fn into_symbols(self) -> Symbols {
        Symbols {
            strings: self.strings,
            frames: self.frames,
            guessed: self.guessed.into_iter().collect(),
            merged: MergedFunctions::list(self.merged),
            tail_calls: self.tail_calls.into_iter().map(|(row, frames)| TailCalls { row, frames }).collect(),
            missing: self.missing,
        }
    }
}

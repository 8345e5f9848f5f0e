//! The frames of the rows of the stacks. There are millions of rows, and a hundredth of it in different frames.

use super::symbol_frame::SymbolFrame;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Index;

/// For each row of the stacks, its frames, inlined ones first. Rows with the same frames share them.
#[derive(Clone, Debug, Default)]
pub struct SymbolRows {
    /// For each row, the number of its frames.
    rows: Vec<u32>,
    /// The different frames of rows.
    runs: Vec<Box<[SymbolFrame]>>,
    /// PERF: nearly all are one frame, which is in the table itself.
    numbers: HashMap<Few, u32, BuildHasherDefault<WordHasher>>,
}

type Few = SmallVec<[SymbolFrame; 1]>;

impl SymbolRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The frames of a row; none where there is no such row.
    pub fn get(&self, row: usize) -> Option<&[SymbolFrame]> {
        self.rows.get(row).map(|run| &*self.runs[*run as usize])
    }

    /// The frames of each row.
    pub fn iter(&self) -> impl Iterator<Item = &[SymbolFrame]> {
        self.rows.iter().map(|run| &*self.runs[*run as usize])
    }

    /// The number of a row's frames, which only rows with the same ones have.
    pub fn run(&self, row: usize) -> Option<u32> {
        self.rows.get(row).copied()
    }

    /// The frames of these numbers, each once.
    pub fn runs(&self) -> &[Box<[SymbolFrame]>] {
        &self.runs
    }

    /// Adds a row.
    pub fn push(&mut self, frames: &[SymbolFrame]) {
        let run = self.number(frames);
        self.rows.push(run);
    }

    /// Gives some rows, which are there, other frames.
    pub fn set(&mut self, rows: &[u32], frames: &[SymbolFrame]) {
        let run = self.number(frames);
        rows.iter().for_each(|row| self.rows[*row as usize] = run);
    }

    /// Makes it so many rows; those that are new have no frames.
    pub fn resize(&mut self, rows: usize) {
        let none = self.number(&[]);
        self.rows.resize(rows, none);
    }

    fn number(&mut self, frames: &[SymbolFrame]) -> u32 {
        if let Some(number) = self.numbers.get(frames) {
            return *number;
        }
        // There are at most as many as there are rows.
        let number = self.runs.len() as u32;
        self.runs.push(frames.into());
        self.numbers.insert(frames.into(), number);
        number
    }
}

impl Index<usize> for SymbolRows {
    type Output = [SymbolFrame];

    fn index(&self, row: usize) -> &[SymbolFrame] {
        &self.runs[self.rows[row] as usize]
    }
}

impl PartialEq for SymbolRows {
    fn eq(&self, other: &SymbolRows) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SymbolRows {}

impl<Frames: AsRef<[SymbolFrame]>> Extend<Frames> for SymbolRows {
    fn extend<Rows: IntoIterator<Item = Frames>>(&mut self, rows: Rows) {
        rows.into_iter().for_each(|frames| self.push(frames.as_ref()));
    }
}

impl<Frames: AsRef<[SymbolFrame]>> FromIterator<Frames> for SymbolRows {
    fn from_iter<Rows: IntoIterator<Item = Frames>>(rows: Rows) -> SymbolRows {
        let mut all = SymbolRows::default();
        all.extend(rows);
        all
    }
}

impl Serialize for SymbolRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for SymbolRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SymbolRows, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = SymbolRows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows of frames")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SymbolRows, A::Error> {
                let mut rows = SymbolRows::default();
                while let Some(SymbolRow(frames)) = seq.next_element()? {
                    rows.push(&frames);
                }
                Ok(rows)
            }
        }
        deserializer.deserialize_seq(Rows)
    }
}

/// The frames of one row, as a file has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SymbolRow(pub SmallVec<[SymbolFrame; 1]>);

/// A hash of words: what is hashed here are numbers of a table, which nobody chooses.
#[derive(Clone, Debug, Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: u32) -> SymbolFrame {
        SymbolFrame { function, ..SymbolFrame::default() }
    }

    #[test]
    fn rows_share_what_they_have_in_common_and_read_as_if_they_did_not() {
        let text = "[[],[[7]],[[7],[8,1,2]],[[7]]]";
        let mut rows: SymbolRows = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rows).unwrap(), text);
        assert_eq!((rows.len(), rows.runs().len()), (4, 3));
        assert_eq!((rows.run(1), &rows[3]), (rows.run(3), &[frame(7)][..]));
        rows.set(&[0, 3], &[frame(9)]);
        rows.resize(5);
        let shown: Vec<usize> = rows.iter().map(<[_]>::len).collect();
        assert_eq!(shown, [1, 1, 2, 1, 0]);
        assert_eq!(rows.get(5), None);
        let other: SymbolRows = rows.iter().map(<[_]>::to_vec).collect();
        assert_eq!(rows, other);
    }
}

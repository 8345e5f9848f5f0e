//! The table of frames, and stacks as numbers of it.

use crate::profile::{Frame, FrameId, Profile, Role};
use serde::Serialize;
use std::collections::HashMap;

/// One frame, as every `--json` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) struct FrameRow<'a> {
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    inlined: bool,
    role: &'static str,
}

impl<'a> FrameRow<'a> {
    fn new(frame: &'a Frame) -> FrameRow<'a> {
        FrameRow {
            function: &frame.function,
            file: frame.file.as_deref(),
            line: frame.line,
            column: frame.column,
            inlined: frame.inlined,
            role: match frame.role {
                Role::Allocator => "allocator",
                Role::Runtime => "runtime",
                Role::Standard => "standard",
                Role::Program => "program",
                Role::Operation => "operation",
            },
        }
    }
}

/// The frames that are written, each once, in the order in which they were first met.
#[derive(Debug, Default)]
pub(super) struct FrameTable<'a> {
    rows: Vec<FrameRow<'a>>,
    numbers: HashMap<FrameRow<'a>, u32>,
}

impl<'a> FrameTable<'a> {
    /// Takes up the frames of a stack.
    pub(super) fn add(&mut self, of: &mut Numbers<'a>, stack: &[FrameId]) {
        for FrameId(id) in stack {
            let number = &mut of.numbers[*id as usize];
            if number.is_none() {
                let row = FrameRow::new(&of.profile.frames[*id as usize]);
                let next = self.rows.len() as u32;
                *number = Some(*self.numbers.entry(row).or_insert(next));
                if *number == Some(next) {
                    self.rows.push(row);
                }
            }
        }
    }

    /// The rows.
    pub(super) fn into_rows(self) -> Vec<FrameRow<'a>> {
        self.rows
    }
}

/// The numbers that a profile's frames have in a table.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    profile: &'a Profile,
    numbers: Vec<Option<u32>>,
}

impl<'a> Numbers<'a> {
    /// None of a profile's frames has a number yet.
    pub(super) fn of(profile: &'a Profile) -> Numbers<'a> {
        Numbers { profile, numbers: vec![None; profile.frames.len()] }
    }

    /// A stack as numbers. It must have been added to the table.
    pub(super) fn stack(&self, stack: &[FrameId]) -> Vec<u32> {
        stack.iter().filter_map(|FrameId(id)| self.numbers[*id as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_read_the_same_are_one_row_of_both_sides() {
        let profile = |lines: &[u32]| Profile {
            frames: lines
                .iter()
                .enumerate()
                .map(|(image, line)| Frame {
                    function: "f".to_owned(),
                    line: Some(*line),
                    image: Some(image as u32),
                    ..Frame::default()
                })
                .collect(),
            ..Profile::default()
        };
        let (base, new) = (profile(&[7, 8, 7]), profile(&[9, 8]));
        let ids = |ids: &[u32]| ids.iter().copied().map(FrameId).collect::<Vec<_>>();
        let mut table = FrameTable::default();
        let (mut one, mut other) = (Numbers::of(&base), Numbers::of(&new));
        table.add(&mut one, &ids(&[2, 1]));
        table.add(&mut other, &ids(&[1, 0]));
        table.add(&mut one, &ids(&[0]));
        assert_eq!(one.stack(&ids(&[0, 1, 2])), [0, 1, 0]);
        assert_eq!(other.stack(&ids(&[0, 1])), [2, 1]);
        assert_eq!(table.into_rows().len(), 3);
    }
}

//! One spelling for one function.
//!
//! Line tables know an inlined function by its last word, so its path is made from its file: `alloc::vec::push`. The
//! same function with code of its own is in the symbol table with its type: `alloc::vec::Vec<T,A>::push`. Both are in
//! one file, and where the same call of both is on a stack, they are known to be one.

use super::table::Table;
use crate::source::names;
use alloc_probe_format::dump::SymbolFrame;
use std::collections::{BTreeSet, HashMap};

/// A function's own name, and the file, line and column of a call in it.
type Place = (String, Option<u32>, Option<u32>, Option<u32>);

/// Replaces guessed names by whole ones, where exactly one is known at the same place.
pub(super) fn complete(table: &mut Table) {
    if table.guessed.is_empty() {
        return;
    }
    let frames = table.distinct();
    let place = |function: u32, frame: &SymbolFrame| -> Place {
        let name = names::short_name(table.text(function));
        (names::own_name(&name).to_owned(), frame.file, frame.line, frame.column)
    };
    // None where several functions are at one place.
    let mut whole: HashMap<Place, Option<u32>> = HashMap::new();
    for frame in
        frames.iter().filter(|frame| frame.line.is_some() && !table.guessed.contains(&frame.function))
    {
        let known = whole.entry(place(frame.function, frame)).or_insert(Some(frame.function));
        if *known != Some(frame.function) {
            *known = None;
        }
    }
    let mut completed = HashMap::new();
    for frame in frames.iter().filter(|frame| table.guessed.contains(&frame.function)) {
        if let Some(Some(function)) = whole.get(&place(frame.function, frame)) {
            completed.insert(*frame, *function);
        }
    }
    for frame in table.frames_mut() {
        if let Some(function) = completed.get(frame) {
            frame.function = *function;
        }
    }
    let left: BTreeSet<u32> = table.distinct().iter().map(|frame| frame.function).collect();
    table.guessed.retain(|function| left.contains(function));
}

#[cfg(test)]
mod tests {
    use super::super::binary::RawFrame;
    use super::*;

    /// The functions of frames, each given by its name, its line, and whether its path is guessed.
    fn completed(frames: &[(&str, Option<u32>, bool)]) -> Vec<(String, bool)> {
        let mut table = Table::new(None, frames.len());
        for (row, (function, line, path_guessed)) in frames.iter().enumerate() {
            let raw = RawFrame {
                function: Some((*function).into()),
                path_guessed: *path_guessed,
                file: Some("/rustc/1/library/alloc/src/vec/mod.rs".into()),
                line: *line,
                ..RawFrame::default()
            };
            table.set(&[row], &[raw]);
        }
        complete(&mut table);
        let names = (0..frames.len()).map(|row| {
            let function = table.frames(row)[0].function;
            (table.text(function).to_owned(), table.guessed.contains(&function))
        });
        names.collect()
    }

    #[test]
    fn the_same_call_of_a_function_gives_it_its_whole_name() {
        let whole = ("alloc::vec::Vec<T,A>::push", Some(7), false);
        let name = |text: &str, guessed: bool| (text.to_owned(), guessed);
        assert_eq!(
            completed(&[("alloc::vec::push<u8>", Some(7), true), whole]),
            [name("alloc::vec::Vec<T,A>::push", false), name("alloc::vec::Vec<T,A>::push", false)]
        );
        // Another line may be another type's function of that name; so may one without a line.
        for line in [Some(8), None] {
            let found = completed(&[("alloc::vec::push<u8>", line, true), whole]);
            assert_eq!(found[0], name("alloc::vec::push<u8>", true));
        }
        // Two at one place, as of a macro: nobody knows which.
        let other = ("alloc::vec::Other<T>::push", Some(7), false);
        let found = completed(&[("alloc::vec::push<u8>", Some(7), true), whole, other]);
        assert_eq!(found[0], name("alloc::vec::push<u8>", true));
    }
}

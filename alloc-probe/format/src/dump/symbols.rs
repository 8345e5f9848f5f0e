//! The symbols that a dump may carry, so that it can be read where its program's files are not.

use super::symbol_frame::SymbolFrame;
use super::symbol_rows::SymbolRows;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Symbols that a dump carries: for each row of [`Dump::stacks`](super::Dump::stacks), the frames it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbols {
    /// The strings that the rest refers to.
    pub strings: Vec<String>,
    /// For each row of the stacks, its frames, inlined ones first.
    pub frames: SymbolRows,
    /// The strings, in ascending order, that are names of functions whose path was made from their file: the module is
    /// right, but a type may be missing (`alloc::vec::push` for `alloc::vec::Vec::push`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guessed: Vec<u32>,
    /// The functions of which the optimiser or the linker made one, under the name of one of them; by this name, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<MergedFunctions>,
    /// What is not in the stacks, since its functions ended in a jump to the next, at most once for each row of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail_calls: Vec<TailCalls>,
    /// The images whose symbols could not be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingImage>,
}

/// Functions between a row of the stacks and its parent, which left no frame there: each ended in a jump to what it
/// called last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailCalls {
    /// The row of [`Dump::stacks`](super::Dump::stacks).
    pub row: u32,
    /// Their frames, from the row's function outwards.
    pub frames: Vec<SymbolFrame>,
}

/// A name that frames have, and those of other functions that have the same code in the binary: a frame may be of any of
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedFunctions {
    /// The name that frames have, as a string.
    pub shown: u32,
    /// Those of the others, as strings, in ascending order.
    pub others: Vec<u32>,
}

impl MergedFunctions {
    /// As a dump has them: by the name shown, the names of the others.
    pub fn list(merged: BTreeMap<u32, BTreeSet<u32>>) -> Vec<MergedFunctions> {
        let others = |others: BTreeSet<u32>| others.into_iter().collect();
        merged.into_iter().map(|(shown, of)| MergedFunctions { shown, others: others(of) }).collect()
    }
}

/// An image whose symbols could not be had, or only in part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingImage {
    /// The row of [`Dump::images`](super::Dump::images).
    pub image: u32,
    /// Why, in a clause.
    pub reason: String,
}

//! The symbols that a dump may carry, so that it can be read where its program's files are not.

use super::symbol_frame::SymbolFrame;
use super::symbol_rows::SymbolRows;
use serde::{Deserialize, Serialize};

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

/// An image whose symbols could not be had, or only in part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingImage {
    /// The row of [`Dump::images`](super::Dump::images).
    pub image: u32,
    /// Why, in a clause.
    pub reason: String,
}

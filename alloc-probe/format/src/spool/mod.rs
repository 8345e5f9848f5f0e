//! The spool: the memory that holds a profile while it grows.
//!
//! The probe only ever updates it in place, and everything that reads a profile reads this: the program
//! when it writes its dump, and a tool that finds the file of a process that was killed.
//!
//! A spool is a set of [`Section`]s, each an array of 64-bit little-endian words that grows at its end.
//! In a file, sections lie in extents, in the order they were needed; the table at [`header::EXTENTS`]
//! says where. The header is the first extent. Words that were never written are zero, and zero always
//! means nothing: a reader may look at any moment and sees at most the last few events half recorded.
//!
//! ```text
//! file:  | header 64 KiB | nodes | counters | nodes | ... |
//!           '- extents: (section, place in it, place in the file, length) ...
//! ```
//!
//! All words are read and written as relaxed atomics, so the live program and a copy in a file are read
//! by the same code.

pub mod block;
pub mod frame_key;
pub mod header;
mod layout;
mod records;

pub use frame_key::FrameKind;
pub use layout::*;
pub use records::*;

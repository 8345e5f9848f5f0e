//! `--json`: stable, versioned, and described in `docs/json.md`.
//!
//! Each frame stands once, in a table, and stacks are numbers of it, innermost first: written out, the frames of a deep
//! stack would be a thousand times the dump. Lists are written as they are made, row by row, and no text of the whole is
//! ever in memory.

pub mod compare;
pub mod diff;
pub mod doctor;
pub mod explain;
mod figures;
mod frames;
mod one_run;
mod operations;
mod rows;
pub mod show;

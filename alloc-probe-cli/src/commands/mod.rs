//! One file for each command: its arguments, and `run`, which loads what it needs, has it analysed, and has the result
//! rendered.

pub mod args;
pub mod check;
pub mod compare;
pub mod diff;
pub mod doctor;
pub mod dump;
mod dump_file;
pub mod explain;
pub mod export;
pub mod flamegraph;
pub mod merge;
mod open;
pub mod run;
pub mod show;
pub mod symbolize;
mod watch;

//! The commands that read one dump, from the command line to the last character of their output.

mod check;
mod export;
mod files;
mod flamegraph;
mod imports;
mod json;
mod merge;
mod outputs;
mod recursion;
mod run;
mod show;
mod support;
mod symbols;
mod trimming;

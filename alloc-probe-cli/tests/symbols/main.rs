//! Symbols of every kind of build, from every place where they may be kept: each gives the same frames.
//!
//! One small program is compiled in many ways. Every instruction of its functions is looked up, as if a block had been
//! allocated there, and the frames are compared one by one: with those of the unstripped binary, with `addr2line` of
//! binutils, and with the `backtrace` crate.

mod binary_alone;
mod cache;
mod chains;
mod command;
mod kept_apart;
mod merged;
mod refused;
mod split;
mod support;

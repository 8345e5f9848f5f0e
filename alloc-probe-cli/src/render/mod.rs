//! Text, JSON and pictures from figures that are already known.

pub mod between;
pub mod budget;
pub mod compare;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod flamegraph;
pub mod json;
pub mod merged;
pub mod operations;
mod sentence;
mod significant;
pub mod sites;
pub mod source;
pub mod sources;
pub mod summary;
pub mod trade_off;

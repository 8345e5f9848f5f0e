//! Figures from profiles: pure functions that open no files and print nothing.

pub mod account;
pub mod between;
pub mod budget;
pub mod compared;
pub mod diff;
pub mod doctor;
pub mod evidence;
pub mod explain;
pub mod filter;
pub mod fold;
pub mod folded;
pub mod functions;
pub mod growth;
pub mod merge;
mod operation_limits;
pub mod operations;
pub mod sampling;
mod signed;
pub mod sites;
pub mod timeline;
pub mod verdict;

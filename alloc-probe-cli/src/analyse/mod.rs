//! Figures from profiles: pure functions that open no files and print nothing.

pub mod budget;
pub mod diff;
pub mod filter;
pub mod fold;
pub mod folded;
pub mod functions;
pub mod sampling;
pub mod sites;
pub mod timeline;

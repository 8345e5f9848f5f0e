//! A module that functions can move to.

pub const PAGE: u64 = 1;

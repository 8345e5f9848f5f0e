//! The spool: the region of memory that the profile lives in.

mod sections;

pub(crate) use sections::*;

//! What names and paths of source code say: how functions are called for people, which module a file is, and whose code it
//! is.

pub mod generated;
pub mod modules;
pub mod names;
pub mod paths;
pub mod roles;

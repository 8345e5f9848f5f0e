//! `alloc-probe doctor`: for each check a project in which it finds something, and one in which it must not.

mod binaries;
mod command;
mod pinned;
mod probe;
mod profiles;
mod support;

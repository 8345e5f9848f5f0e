//! Why a process's memory is what it is, as text.

pub mod head;
pub mod page;

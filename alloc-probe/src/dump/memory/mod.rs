//! What the operating system and the allocator say of the process's memory, and what its resident pages hold. Library
//! code: it runs as the probe's own, when a dump is written.

mod allocators;
mod chunks;
pub(crate) mod facts;
mod heap;
mod malloc;
mod others;
mod pages;
mod self_memory;
mod thread_stacks;
mod weak_symbol;

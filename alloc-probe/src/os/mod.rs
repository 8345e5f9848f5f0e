//! What comes from the operating system: memory, locks, clocks and messages.
//!
//! Nothing here ever comes from the wrapped allocator, and nothing here knows what the probe records.

pub(crate) mod arena;
pub(crate) mod barrier;
pub(crate) mod clock;
mod clone;
mod errno;
pub(crate) mod executable;
pub(crate) mod lock;
mod memory;
pub(crate) mod message;
pub(crate) mod path;
mod proc;
mod process;
#[cfg(feature = "pprof")]
mod region;
mod signals;
pub(crate) mod single_writer;
mod time;

pub(crate) use clone::on_a_clone;
pub(crate) use errno::keeping_errno;
pub(crate) use executable::{ThreadName, executable, name_threads, without_mark, words_of_name};
pub(crate) use memory::{PAGE, for_each_own_range, keep, make_zero, replace, reserve, wipe_on_fork};
pub(crate) use proc::{PageMap, entry, for_each_task, read_small};
pub(crate) use process::{has_more_rights, limit};
#[cfg(feature = "pprof")]
pub(crate) use region::Region;
pub(crate) use signals::SignalsBlocked;
pub(crate) use time::{monotonic_ns, sleep_ns, thread_cpu_ns, unix_ns};

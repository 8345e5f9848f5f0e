//! The images: the executable and the libraries that the process has, or had, loaded.
//!
//! The list only grows, so any thread can read it at any time without a lock. An image that is unloaded is marked, not
//! removed, as stacks taken before still refer to it.

mod image;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod list;
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
#[path = "no_list.rs"]
mod list;
mod record;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod text;
#[cfg(native_unwinder)]
mod unlisted;
mod unloaded;

#[cfg(feature = "pprof")]
pub(crate) use image::Code;
#[cfg(any(test, feature = "pprof"))]
pub(crate) use list::each;
#[cfg(all(native_unwinder, target_arch = "x86_64"))]
pub(crate) use list::executable_has_no_table;
pub(crate) use list::refresh;
pub(crate) use record::record;
#[cfg(native_unwinder)]
pub(crate) use unlisted::{find_unlisted, generation};

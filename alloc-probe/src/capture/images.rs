//! The images: the executable and the libraries that the process has, or had, loaded.
//!
//! The list only grows, so it can be read at any time without a lock. An image that goes is marked, not removed, as
//! stacks taken before still refer to it.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod list;
#[cfg(native_unwinder)]
mod unlisted;

/// An image, as [`super::images`] tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageInfo<'a> {
    /// The path as the dynamic linker knows it, `/proc/self/exe`'s target for the executable, `[vdso]` for the
    /// kernel's; in the system's encoding.
    pub(crate) path: &'a [u8],
    /// The GNU build id; empty without one.
    pub(crate) build_id: &'a [u8],
    /// What must be added to an address in the file to get the one in the process.
    pub(crate) bias: u64,
    /// Its first address.
    #[cfg_attr(not(test), allow(dead_code, reason = "belongs to an image, whoever asks for it"))]
    pub(crate) start: u64,
    /// The address after its last.
    pub(crate) end: u64,
    /// Whether it was loaded when the list was last brought up to date.
    #[cfg_attr(not(test), allow(dead_code, reason = "belongs to an image, whoever asks for it"))]
    pub(crate) loaded: bool,
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(super) use list::{each, refresh};
#[cfg(native_unwinder)]
pub(super) use unlisted::{generation, met};

/// Elsewhere there's no list yet: stacks are recorded by addresses alone.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod none {
    pub(in super::super) fn refresh() -> bool {
        false
    }

    pub(in super::super) fn each(_: &mut dyn FnMut(super::ImageInfo<'_>)) {}
}
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(super) use none::{each, refresh};

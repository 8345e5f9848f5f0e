//! Stacks taken in every situation that comes to mind, compared frame by frame with the `backtrace` crate's, and
//! with a fresh walk that uses nothing kept.

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(feature = "portable-unwinder")))]
mod assembly;
mod callbacks;
mod calls;
mod check;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(feature = "portable-unwinder")))]
mod coroutines;
mod depth;
#[cfg(target_os = "linux")]
mod libraries;
mod random;
#[cfg(target_os = "linux")]
mod signals;

/// Whether stacks are taken by this crate's own unwinder.
const NATIVE: bool =
    cfg!(all(target_os = "linux", target_arch = "x86_64", not(feature = "portable-unwinder")));

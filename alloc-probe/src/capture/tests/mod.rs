//! Stacks taken in every situation that comes to mind, compared frame by frame with the `backtrace` crate's, and
//! with a fresh walk that uses nothing kept.

#[cfg(all(native_unwinder, target_arch = "x86_64"))]
mod assembly;
#[cfg(target_os = "linux")]
mod c_frames;
mod callbacks;
mod calls;
mod check;
#[cfg(native_unwinder)]
mod coroutines;
mod depth;
#[cfg(target_os = "linux")]
mod libraries;
mod random;
#[cfg(target_os = "linux")]
mod signals;
mod walk;

/// Whether stacks are taken by this crate's own unwinder.
const NATIVE: bool = cfg!(native_unwinder);

//! Taking the stack of an allocation: the whole of it, exactly, in some tens of nanoseconds.
//!
//! On Linux, on x86-64 and aarch64, that is [`native`]'s own unwinder, which needs neither frame pointers nor a special
//! build: it reads the tables that every executable carries for exceptions, once for each call site, and re-uses
//! whatever of the thread's last stack still stands. Elsewhere, and with the feature `portable-unwinder`, the
//! `backtrace` crate does the work, slowly.
//!
//! The code runs inside calls of the allocator: it doesn't allocate, panic, or wait for another thread, and takes no
//! system call but on its rarest paths. It assumes that the images (the executable and its libraries) carry sound
//! tables; of the stack it assumes nothing, and reads only what lies between the stack pointer and the stack's end.

mod captured;
mod chain;
#[cfg(any(test, feature = "checked-stacks"))]
mod checked;
mod frame;
#[cfg(native_unwinder)]
mod native;
pub(crate) mod own_stack;
#[cfg(not(native_unwinder))]
mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "checked-stacks", not(native_unwinder)))]
mod trace;

pub(crate) use captured::{CaptureFlags, Captured, OwnStack, Tree};
#[cfg(feature = "checked-stacks")]
pub(crate) use checked::{CachedStack, verdict};
pub(crate) use frame::FrameKey;
#[cfg(test)]
pub(crate) use frame::{FRAMES_RECORDED, FrameKind};
#[cfg(not(feature = "checked-stacks"))]
pub(crate) use unwinder::CachedStack;
pub(crate) use unwinder::Registers;

use crate::images;
#[cfg(native_unwinder)]
use native as unwinder;
#[cfg(not(native_unwinder))]
use portable as unwinder;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unwinder::{clear_rules, prepare};

/// Brings the list of images up to date. To be called before the first capture, which should be early, while there
/// is one thread: the dynamic linker's lock is taken. Then now and then: it's cheap where nothing changed.
///
/// Where an image was unloaded, all that is known of addresses is forgotten, as other code may stand there now.
/// A capture that meets code of an image not yet listed does that too, and goes on without the list.
pub(crate) fn refresh_images() {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    if !PREPARED.swap(true, Relaxed) {
        prepare();
    }
    if images::refresh() {
        clear_rules();
    }
}

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

mod chain;
#[cfg(any(test, feature = "checked-stacks"))]
mod checked;
#[cfg(native_unwinder)]
mod native;
pub(crate) mod own_stack;
#[cfg(not(native_unwinder))]
mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "checked-stacks", not(native_unwinder)))]
mod trace;

#[cfg(feature = "checked-stacks")]
pub(crate) use checked::{KeptStack, verdict};
#[cfg(not(feature = "checked-stacks"))]
pub(crate) use unwinder::KeptStack;
pub(crate) use unwinder::Registers;

use crate::images;
#[cfg(native_unwinder)]
use native as unwinder;
#[cfg(not(native_unwinder))]
use portable as unwinder;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unwinder::{forget_rules, prepare};

/// Frames of a stack that are recorded. Of a deeper one it's the outer half and the inner half less one, with
/// [`FrameKey::CUT`] between them.
pub(crate) const FRAMES_RECORDED: usize = 512;

/// Where frames become nodes: a tree of stacks that grows from the outermost frame inwards.
pub(crate) trait Tree {
    /// The node of the empty stack.
    const ROOT: u32;

    /// The child of `parent` for `frame`, found or added. `None` where there's no space for it.
    fn child(&self, parent: u32, frame: FrameKey) -> Option<u32>;

    /// The parent of a node other than the root, and its frame.
    #[cfg(any(test, feature = "checked-stacks"))]
    fn parent(&self, node: u32) -> (u32, FrameKey);
}

/// One frame as the tree knows it: an address of the process in the lower 48 bits, and above it what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameKey(pub(crate) u64);

/// What the address of a [`FrameKey`] means.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// It's a return address: the call is just before it.
    Call,
    /// It's the instruction that a signal interrupted.
    Exact,
    /// There's none: frames are missing here.
    Cut,
}

impl FrameKey {
    /// Stands where frames are missing: the stack was too deep, or couldn't be followed further out. Its kind is 2, that
    /// of calls is 0, and that of instructions which a signal interrupted is 1.
    pub(crate) const CUT: FrameKey = FrameKey(2 << Self::KIND_SHIFT);

    const KIND_SHIFT: u32 = 48;
    const ADDRESS: u64 = (1 << Self::KIND_SHIFT) - 1;

    /// A frame that is to go on at the return address `pc`.
    #[inline(always)]
    pub(crate) const fn call(pc: u64) -> FrameKey {
        FrameKey(pc & Self::ADDRESS)
    }

    /// A frame that a signal interrupted at `pc`.
    #[cfg(native_unwinder)]
    pub(crate) const fn exact(pc: u64) -> FrameKey {
        FrameKey(pc & Self::ADDRESS | 1 << Self::KIND_SHIFT)
    }

    /// Whether a signal interrupted the frame.
    #[cfg(native_unwinder)]
    pub(crate) const fn is_exact(self) -> bool {
        self.0 >> Self::KIND_SHIFT == 1
    }

    /// The address; 0 for [`FrameKey::CUT`].
    #[cfg(any(test, feature = "checked-stacks"))]
    pub(crate) const fn address(self) -> u64 {
        self.0 & Self::ADDRESS
    }

    /// What the address means.
    #[cfg(test)]
    pub(crate) const fn kind(self) -> FrameKind {
        match self.0 >> Self::KIND_SHIFT {
            0 => FrameKind::Call,
            1 => FrameKind::Exact,
            _ => FrameKind::Cut,
        }
    }
}

/// A stack taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// The node of its innermost frame; [`Tree::ROOT`] where the tree had no space for it.
    pub(crate) node: u32,
    pub(crate) remarks: Remarks,
}

/// What is to be said of a stack, which is nothing for nearly all.
// PERF: one byte beside the node, so that the two are returned in registers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remarks(u8);

impl Remarks {
    pub(crate) const NONE: Remarks = Remarks(0);

    #[inline(always)]
    fn new(truncated: bool, deepest: bool) -> Remarks {
        Remarks(u8::from(truncated) | u8::from(deepest) << 1)
    }

    /// Whether frames are missing.
    pub(crate) fn truncated(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether the thread's stack never reached as far at a capture: [`KeptStack::own_stack`] tells how far.
    pub(crate) fn deepest(self) -> bool {
        self.0 & 2 != 0
    }
}

/// The calling thread's own stack, and how far it has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnStack {
    /// Where it ends at the most: it grows downwards.
    pub(crate) low: u64,
    /// Where it begins.
    pub(crate) high: u64,
    /// The lowest stack pointer at any capture.
    pub(crate) lowest: u64,
}

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
        forget_rules();
    }
}

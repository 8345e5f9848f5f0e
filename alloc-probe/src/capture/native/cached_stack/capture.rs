//! Taking a stack, by what is kept of the last one where that still stands.

use super::state::{BLOCK, CachedStack, Word};
use super::unwind::Outcome;
use crate::capture::captured::{CaptureFlags, Captured, Tree};
use crate::capture::chain::{FRAMES_WALKED, Frames};
use crate::capture::frame::FrameKey;
use crate::capture::native::memory::Window;
use crate::capture::native::registers::Registers;
use crate::capture::native::slow_unwinder::{self, Extent, Walked};
use crate::capture::own_stack::{ask_for_thread_stack, own_stack};
use crate::images;
use crate::os::keeping_errno;

impl CachedStack {
    /// Takes the stack outwards from the function whose registers `start` are. That function's own frame isn't part
    /// of it: the innermost frame is the one that it returns to.
    ///
    /// # Safety
    ///
    /// `start` must be from [`Registers::here`] in a function that hasn't returned, on this thread, and `self` must
    /// be this thread's, at the address at which it was all zero.
    #[inline]
    pub(crate) unsafe fn capture<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        if start.sp.wrapping_sub(self.low) >= self.span || self.generation != images::generation() {
            // SAFETY: as for this function.
            return unsafe { self.prepare_and_capture(tree, start) };
        }
        let mut pending = 0;
        // SAFETY: as for this function, and the stack is the thread's own.
        match unsafe { self.unwind(start, &mut pending) } {
            Outcome::Joined(base) if pending == 0 => {
                // As deep as the last one.
                Captured {
                    node: self.frames[base - 1].node,
                    flags: CaptureFlags::new(self.window != 0, false),
                }
            }
            Outcome::Joined(base) => self.keep(tree, base, pending),
            Outcome::Unusual => self.capture_slowly(tree, start),
        }
    }

    /// The stack as the slow unwinder finds it, without the rule cache and whatever is kept.
    ///
    /// # Safety
    ///
    /// As for [`capture`](Self::capture), in a function that is called by the one in which that was.
    #[cfg(any(test, feature = "checked-stacks"))]
    #[inline(never)]
    pub(in crate::capture) unsafe fn walk_afresh(&mut self, start: Registers) -> Frames<'_> {
        // SAFETY: `frames_by` tells the stack's extent.
        let walk = |extent, keys: &mut _, window: &mut _| unsafe {
            slow_unwinder::walk_afresh(start, extent, keys, window)
        };
        self.frames_by(start, walk)
    }

    /// The first capture, one after images changed, or one on a stack that isn't the thread's own.
    ///
    /// # Safety
    ///
    /// As for [`CachedStack::capture`].
    #[cold]
    #[inline(never)]
    unsafe fn prepare_and_capture<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        if self.span == 0 {
            let mut bounds = keeping_errno(|| own_stack(start.sp));
            if bounds.is_none() {
                // A handler may have interrupted what there is to ask.
                let root = self.root;
                let frames = self.walk_slowly(start);
                if frames.keys.iter().any(|key| key.is_exact()) {
                    return frames.capture(tree, root);
                }
                bounds = keeping_errno(ask_for_thread_stack);
            }
            // Where the bounds can't be had, no stack pointer is within them.
            let (low, high) = bounds.unwrap_or((u64::MAX, u64::MAX));
            (self.low, self.span, self.lowest) = (low, (high - low).max(1), u64::MAX);
            for word in &mut self.words[..BLOCK] {
                *word = Word { slot: &raw const word.value as u64, value: 0 };
            }
        }
        let generation = images::generation();
        if (self.kept_generation, self.kept_root) != (generation, self.root) {
            (self.kept_generation, self.kept_root) = (generation, self.root);
            (self.len, self.plain, self.window) = (0, 0, 0);
        }
        self.generation = generation;
        if start.sp.wrapping_sub(self.low) < self.span {
            // SAFETY: as for this function.
            return unsafe { self.capture(tree, start) };
        }
        self.capture_slowly(tree, start)
    }

    /// Takes the stack by the slow unwinder. What is kept stays as it is: it's true until it's found not to be.
    #[cold]
    #[inline(never)]
    fn capture_slowly<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        #[cfg(test)]
        {
            self.slow_walks += 1;
        }
        let own = start.sp.wrapping_sub(self.low) < self.span;
        let deepest = own && self.deepens(start.sp);
        let root = self.root;
        let captured = self.walk_slowly(start).capture(tree, root);
        Captured { flags: CaptureFlags::new(captured.flags.truncated(), deepest), ..captured }
    }

    fn walk_slowly(&mut self, start: Registers) -> Frames<'_> {
        // SAFETY: `frames_by` tells the stack's extent.
        let walk = |extent, keys: &mut _, window: &mut _| unsafe {
            slow_unwinder::walk(start, extent, keys, window)
        };
        self.frames_by(start, walk)
    }

    /// Runs a walk, with the stack's extent, and with the pending states' memory for the frames' keys.
    fn frames_by(
        &mut self,
        start: Registers,
        walk: impl FnOnce(Extent, &mut [FrameKey], &mut Window) -> Walked,
    ) -> Frames<'_> {
        let own = start.sp.wrapping_sub(self.low) < self.span;
        let extent = if own { Extent::Own { high: self.low + self.span } } else { Extent::Foreign };
        // SAFETY: pending states are plain words, for which any bytes are valid, as they are for keys; and nothing
        // else refers to them while `self` is borrowed for it.
        let keys = unsafe { std::slice::from_raw_parts_mut(self.pending.as_mut_ptr().cast(), FRAMES_WALKED) };
        let Walked { depth, whole } = keeping_errno(|| walk(extent, keys, &mut self.scratch));
        Frames { keys: &keys[..depth.min(FRAMES_WALKED)], whole }
    }
}

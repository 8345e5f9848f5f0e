//! Verified incremental unwinding: a stack is taken by finding out what of the thread's last one still stands.
//!
//! # How it works
//!
//! A *state* is what locates a frame: pc, stack pointer, frame pointer. The rule of a state's pc tells how to compute
//! the caller's state from it and from a few *words* of the stack: always the return address, sometimes the caller's
//! frame pointer. So a state and the words determine all states further out.
//!
//! The last stack is kept as its states, and as the words that led from each to the next:
//!
//! ```text
//!              outermost                              innermost recorded    hook
//!  frames   │ 0          │ 1         │ 2                  │ …    │ n - 1     │ n  │
//!  words    │ RA         │ RA        │ RA, frame pointer  │ …    │ RA        │ -  │
//!             verified  ←──────────────────────── joined
//! ```
//!
//! A new stack is unwound until it comes to a state that equals a kept one: it *joins*. From there on the words are
//! only compared with what stands at their places now. They don't depend on each other and need no rules: that is
//! 0.2 ns each, where a step of unwinding is some 4 ns. Where a word differs, the states inward of it hold still;
//! unwinding goes on from there, and may join again further out. The frames that changed are looked up in the tree,
//! from the outermost of them inwards.
//!
//! # Why it's exact
//!
//! *Claim:* the states found are those which unwinding from the start would find. By induction from the inside:
//! unwound states are so by construction, and a state that equals a kept one is followed by the kept one's caller if
//! all that the step depends on is the same: the rule, which is as long as the images are (`generation`), and the
//! words, which were compared.
//!
//! A frame pointer is compared only where it *matters*: where some frame further out computes its caller's state
//! from it before a frame in between restores another from the stack. Elsewhere it can't change any pc or stack
//! pointer, and in code without frame pointers the register holds just any value. So kept frame pointers that don't
//! matter may be stale; where unwinding goes on from a kept state, its frame pointer is found anew (`leave`).
//!
//! That a stack ends is a matter of its outermost frame's rule, or of a return address of zero; that is then a word, the
//! first of all.
//!
//! Steps that don't depend on words alone aren't kept: stacks that couldn't be followed to their beginning, and
//! everything that the careful walker does.

mod keep;
mod unwind;

use super::careful::{self, Extent, Walked};
use super::memory::Window;
use super::registers::Registers;
use super::rule::Rule;
use crate::capture::chain::{FRAMES_WALKED, Frames};
use crate::capture::own_stack::{ask_for_thread_stack, own_stack};
use crate::capture::{Captured, FrameKey, OwnStack, Remarks, Tree};
use crate::images;
use crate::os::keeping_errno;

/// Frames that are kept. Of deeper stacks it's the outermost ones: what is further in is unwound each time.
const FRAMES: usize = 8192;
/// Words that are kept: two for each frame, as in code with frame pointers.
const WORDS: usize = 2 * FRAMES;
/// Words that are compared at once.
const BLOCK: usize = 8;

/// A word of the stack that a kept state was computed from.
#[derive(Clone, Copy)]
#[repr(C)]
struct Word {
    /// Where it stands.
    slot: u64,
    value: u64,
}

/// A kept state. Its pc is its first word. So is its stack pointer on x86-64: a return address stands just below the
/// stack pointer that it's returned to with.
#[derive(Clone, Copy)]
#[repr(C)]
struct Frame {
    /// Only up to date if it matters.
    bp: u64,
    #[cfg(target_arch = "aarch64")]
    sp: u64,
    node: u32,
    /// The index of its first word, in the upper 31 bits; whether the frame pointer matters, in the lowest.
    word_and_bp_matters: u32,
    /// The rule of its pc.
    rule: Rule,
}

impl Frame {
    #[inline(always)]
    fn word(&self) -> usize {
        (self.word_and_bp_matters >> 1) as usize
    }

    #[inline(always)]
    fn bp_matters(&self) -> bool {
        self.word_and_bp_matters & 1 != 0
    }
}

/// A state of the stack being taken that isn't kept yet, and the rule that leads on from it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Pending {
    state: Registers,
    rule: Rule,
}

/// What a thread keeps of the last stack it took. All-zero bytes are a valid one, which has nothing.
///
/// The arrays are far larger than most stacks: the memory should be such that pages nobody touches cost nothing.
#[repr(C)]
pub(crate) struct KeptStack {
    /// The thread's stack reaches from here…
    low: u64,
    /// … so far.
    span: u64,
    /// The lowest stack pointer that a stack was taken with, of those within.
    lowest: u64,
    /// The generation of images that all this is of.
    generation: u32,
    /// Frames kept, with the hook's as the innermost.
    len: u32,
    /// Frames from the outermost on whose nodes are those of the stack without a cut.
    plain: u32,
    /// The index of the frame inward of the cut, if the last stack was cut and all of it kept; else 0.
    window: u32,
    /// Where the return address of zero stands at which the stack ends; 0 where it ends otherwise.
    zero_slot: u64,
    /// Before the words there is a block of padding: words that are always as they were.
    words: [Word; BLOCK + WORDS],
    frames: [Frame; FRAMES],
    pending: [Pending; FRAMES],
    scratch: Window,
    /// How often the careful walker had to be used.
    #[cfg(test)]
    pub(in crate::capture) careful_walks: u32,
}

impl KeptStack {
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
                Captured { node: self.frames[base - 1].node, remarks: Remarks::new(self.window != 0, false) }
            }
            Outcome::Joined(base) => self.keep(tree, base, pending),
            Outcome::Unusual => self.capture_carefully(tree, start),
        }
    }

    /// The stack as the careful walker finds it, without the rule cache and whatever is kept.
    ///
    /// # Safety
    ///
    /// As for [`capture`](Self::capture), in a function that is called by the one in which that was.
    #[cfg(any(test, feature = "checked-stacks"))]
    #[inline(never)]
    pub(in crate::capture) unsafe fn walk_afresh(&mut self, start: Registers) -> Frames<'_> {
        // SAFETY: `frames_by` tells the stack's extent.
        let walk = |extent, keys: &mut _, window: &mut _| unsafe {
            careful::walk_afresh(start, extent, keys, window)
        };
        self.frames_by(start, walk)
    }

    /// The word of that index.
    #[inline(always)]
    fn word(&self, index: usize) -> &Word {
        &self.words[BLOCK + index]
    }

    /// The stack pointer of a frame, whose first word is given.
    #[inline(always)]
    #[allow(unused_variables, reason = "one of them tells it")]
    fn sp_of(frame: &Frame, word: &Word) -> u64 {
        #[cfg(target_arch = "aarch64")]
        return frame.sp;
        #[cfg(target_arch = "x86_64")]
        return word.slot + 8;
    }

    /// Whether this stack pointer, on the thread's own stack, is lower than any before.
    #[inline(always)]
    fn deepens(&mut self, sp: u64) -> bool {
        let deeper = sp < self.lowest;
        if deeper {
            self.lowest = sp;
        }
        deeper
    }

    /// The thread's own stack. None before the first capture, and where it can't be told.
    pub(crate) fn own_stack(&self) -> Option<OwnStack> {
        let own = OwnStack { low: self.low, high: self.low.wrapping_add(self.span), lowest: self.lowest };
        (self.span > 1).then_some(own)
    }

    /// Forgets everything. To be called before another thread uses it.
    pub(crate) fn reset(&mut self) {
        (self.low, self.span, self.len) = (0, 0, 0);
    }

    /// The first capture, one after images changed, or one on a stack that isn't the thread's own.
    ///
    /// # Safety
    ///
    /// As for [`KeptStack::capture`].
    #[cold]
    #[inline(never)]
    unsafe fn prepare_and_capture<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        if self.span == 0 {
            let mut bounds = keeping_errno(|| own_stack(start.sp));
            if bounds.is_none() {
                // A handler may have interrupted what there is to ask.
                let frames = self.walk_carefully(start);
                if frames.keys.iter().any(|key| key.is_exact()) {
                    return frames.capture(tree);
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
        if self.generation != generation {
            (self.generation, self.len) = (generation, 0);
        }
        if start.sp.wrapping_sub(self.low) < self.span {
            // SAFETY: as for this function.
            return unsafe { self.capture(tree, start) };
        }
        self.capture_carefully(tree, start)
    }

    /// Takes the stack by the careful walker. What is kept stays as it is: it's true until it's found not to be.
    #[cold]
    #[inline(never)]
    fn capture_carefully<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        #[cfg(test)]
        {
            self.careful_walks += 1;
        }
        let own = start.sp.wrapping_sub(self.low) < self.span;
        let deepest = own && self.deepens(start.sp);
        let captured = self.walk_carefully(start).capture(tree);
        Captured { remarks: Remarks::new(captured.remarks.truncated(), deepest), ..captured }
    }

    fn walk_carefully(&mut self, start: Registers) -> Frames<'_> {
        // SAFETY: `frames_by` tells the stack's extent.
        let walk =
            |extent, keys: &mut _, window: &mut _| unsafe { careful::walk(start, extent, keys, window) };
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

const _: () = assert!(FRAMES_WALKED * size_of::<FrameKey>() <= FRAMES * size_of::<Pending>());

/// Where unwinding came out.
enum Outcome {
    /// It joins the kept stack, of which as many frames stand; 0 where it came to the end without.
    Joined(usize),
    /// It met what only the careful walker can do.
    Unusual,
}

//! What a thread keeps of the last stack that it took.

use crate::capture::captured::OwnStack;
use crate::capture::chain::FRAMES_WALKED;
use crate::capture::frame::FrameKey;
use crate::capture::native::memory::Window;
use crate::capture::native::registers::Registers;
use crate::capture::native::rule::Rule;

/// Frames that are kept. Of deeper stacks it's the outermost ones: what is further in is unwound each time.
pub(super) const FRAMES: usize = 8192;
/// Words that are kept: two for each frame, as in code with frame pointers.
pub(super) const WORDS: usize = 2 * FRAMES;
/// Words that are compared at once.
pub(super) const BLOCK: usize = 8;

/// A word of the stack that a kept state was computed from.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Word {
    /// Where it stands.
    pub(super) slot: u64,
    pub(super) value: u64,
}

/// A kept state. Its pc is its first word. So is its stack pointer on x86-64: a return address stands just below the
/// stack pointer that it's returned to with.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Frame {
    /// Only up to date if it matters.
    pub(super) bp: u64,
    #[cfg(target_arch = "aarch64")]
    pub(super) sp: u64,
    pub(super) node: u32,
    /// The index of its first word, in the upper 31 bits; whether the frame pointer matters, in the lowest.
    pub(super) word_and_bp_matters: u32,
    /// The rule of its pc.
    pub(super) rule: Rule,
}

impl Frame {
    #[inline(always)]
    pub(super) fn word(&self) -> usize {
        (self.word_and_bp_matters >> 1) as usize
    }

    #[inline(always)]
    pub(super) fn bp_matters(&self) -> bool {
        self.word_and_bp_matters & 1 != 0
    }
}

/// A state of the stack being taken that isn't kept yet, and the rule that leads on from it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Pending {
    pub(super) state: Registers,
    pub(super) rule: Rule,
}

/// What a thread keeps of the last stack it took. All-zero bytes are a valid one, which has nothing.
///
/// The arrays are far larger than most stacks: the memory should be such that pages nobody touches cost nothing.
#[repr(C)]
pub(crate) struct CachedStack {
    /// The thread's stack reaches from here…
    pub(super) low: u64,
    /// … so far.
    pub(super) span: u64,
    /// The lowest stack pointer that a stack was taken with, of those within.
    pub(super) lowest: u64,
    /// The generation of images that all this is of; [`CachedStack::ANOTHER_ROOT`] to look at the root first.
    pub(super) generation: u32,
    /// The node that stacks begin at, and the one that those begin at which are kept.
    pub(super) root: u32,
    pub(super) kept_root: u32,
    /// The generation of images that what is kept is of.
    pub(super) kept_generation: u32,
    /// Frames kept, with the hook's as the innermost.
    pub(super) len: u32,
    /// Frames from the outermost on whose nodes are those of the stack without a cut.
    pub(super) plain: u32,
    /// The index of the frame inward of the cut, if the last stack was cut and all of it kept; else 0.
    pub(super) window: u32,
    /// Where the return address of zero stands at which the stack ends; 0 where it ends otherwise.
    pub(super) zero_slot: u64,
    /// Before the words there is a block of padding: words that are always as they were.
    pub(super) words: [Word; BLOCK + WORDS],
    pub(super) frames: [Frame; FRAMES],
    pub(super) pending: [Pending; FRAMES],
    pub(super) scratch: Window,
    /// How often the slow unwinder had to be used.
    #[cfg(test)]
    pub(in crate::capture) slow_walks: u32,
}

impl CachedStack {
    /// In the place of a generation: no images ever have this one.
    const ANOTHER_ROOT: u32 = u32::MAX;

    /// The word of that index.
    #[inline(always)]
    pub(super) fn word(&self, index: usize) -> &Word {
        &self.words[BLOCK + index]
    }

    /// The stack pointer of a frame, whose first word is given.
    #[inline(always)]
    #[allow(unused_variables, reason = "one of them tells it")]
    pub(super) fn sp_of(frame: &Frame, word: &Word) -> u64 {
        #[cfg(target_arch = "aarch64")]
        return frame.sp;
        #[cfg(target_arch = "x86_64")]
        return word.slot + 8;
    }

    /// Whether this stack pointer, on the thread's own stack, is lower than any before.
    #[inline(always)]
    pub(super) fn deepens(&mut self, sp: u64) -> bool {
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

    /// From now on, stacks begin at this node.
    // PERF: the hot path looks at the generation alone.
    pub(crate) fn set_root(&mut self, root: u32) {
        self.root = root;
        self.generation = CachedStack::ANOTHER_ROOT;
    }

    /// Forgets everything. To be called before another thread uses it.
    pub(crate) fn reset(&mut self) {
        (self.low, self.span, self.len) = (0, 0, 0);
        self.set_root(0);
    }
}

const _: () = assert!(FRAMES_WALKED * size_of::<FrameKey>() <= FRAMES * size_of::<Pending>());

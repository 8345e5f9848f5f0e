//! Keeping a stack that has been unwound, and finding its nodes.

use super::state::{BLOCK, CachedStack, FRAMES, Frame, Pending, WORDS, Word};
use super::unwind::bp_slot;
use crate::capture::captured::{CaptureFlags, Captured, Tree};
use crate::capture::chain::OUTER;
use crate::capture::frame::{FRAMES_RECORDED, FrameKey};
use crate::capture::native::registers::Registers;
use crate::capture::native::rule::Kind;
use crate::capture::native::step;

/// Of a stack that is cut, how many inner frames are recorded.
const INNER: usize = FRAMES_RECORDED - OUTER - 1;

/// The most words that one step depends on.
const WORDS_OF_A_STEP: usize = 3;

/// How far the kept frames have been written, from the outermost on.
struct Cursor {
    /// As many frames.
    frames: usize,
    /// As many words.
    words: usize,
    /// The state of the last frame, and whether its frame pointer matters.
    outer: Registers,
    bp_matters: bool,
}

impl CachedStack {
    /// Keeps the `base` outermost frames, and inward of them the pending ones. Looks up the nodes of these.
    #[inline(always)]
    pub(super) fn keep<T: Tree>(&mut self, tree: &T, base: usize, pending: usize) -> Captured {
        let depth = base + pending - 1;
        if depth > FRAMES_RECORDED || base > self.plain as usize {
            return self.keep_deep(tree, base, pending);
        }
        let mut cursor = self.cursor(base);
        let mut node = self.node_before(base);
        for i in (0..pending).rev() {
            let next = self.pending[i];
            // The innermost is the hook's frame, which isn't recorded.
            if i > 0 {
                match tree.child(node, FrameKey::call(next.state.pc)) {
                    Some(child) => node = child,
                    None => {
                        node = T::ROOT;
                        break;
                    }
                }
            }
            self.push_frame(&mut cursor, &next, node);
        }
        self.len = cursor.frames as u32;
        self.plain = self.len;
        self.window = 0;
        Captured { node, flags: CaptureFlags::new(false, self.deepens(self.pending[0].state.sp)) }
    }

    /// As [`keep`](Self::keep), where the stack, or the last one, is deeper than what is recorded.
    #[cold]
    #[inline(never)]
    fn keep_deep<T: Tree>(&mut self, tree: &T, base: usize, pending: usize) -> Captured {
        let depth = base + pending - 1;
        let mut cursor = self.cursor(base);
        for i in (0..pending).rev() {
            if cursor.frames == FRAMES || cursor.words + WORDS_OF_A_STEP > WORDS {
                break;
            }
            let next = self.pending[i];
            self.push_frame(&mut cursor, &next, T::ROOT);
        }
        self.len = cursor.frames as u32;
        let truncated = depth > FRAMES_RECORDED;
        let flags = CaptureFlags::new(truncated, self.deepens(self.pending[0].state.sp));
        let Some(node) = self.find_nodes(tree, base, depth) else {
            (self.len, self.plain, self.window) = (0, 0, 0);
            return Captured { node: T::ROOT, flags };
        };
        let whole = cursor.frames > depth;
        if whole {
            self.frames[depth].node = node;
        }
        self.plain = if truncated { OUTER as u32 } else { self.len };
        self.window = if truncated && whole { (depth - INNER) as u32 } else { 0 };
        Captured { node, flags }
    }

    /// Looks up the nodes that frames don't have yet, and tells the innermost one's. The stack is `depth` frames deep;
    /// those from `base` on inwards have none, the others those of the last stack.
    fn find_nodes<T: Tree>(&mut self, tree: &T, base: usize, depth: usize) -> Option<u32> {
        let outer = if depth > FRAMES_RECORDED { OUTER } else { depth };
        let found = outer.min(base).min(self.plain as usize);
        let mut node = self.node_before(found);
        for i in found..outer {
            node = self.find_node(tree, node, base, depth, i)?;
        }
        if depth <= FRAMES_RECORDED {
            return Some(node);
        }
        let window = depth - INNER;
        let mut found = window;
        if self.window as usize == window && base > window {
            // The last stack was cut at the same depth, so these frames' nodes are inward of the cut already.
            found = base;
            node = self.node_before(found);
        } else {
            node = tree.child(node, FrameKey::CUT)?;
        }
        for i in found..depth {
            node = self.find_node(tree, node, base, depth, i)?;
        }
        Some(node)
    }

    /// Looks up the node of frame `i`, whose caller has the node `parent`.
    fn find_node<T: Tree>(
        &mut self,
        tree: &T,
        parent: u32,
        base: usize,
        depth: usize,
        i: usize,
    ) -> Option<u32> {
        let pc =
            if i < base { self.word(self.frames[i].word()).value } else { self.pending[depth - i].state.pc };
        let node = tree.child(parent, FrameKey::call(pc))?;
        if i < self.len as usize {
            self.frames[i].node = node;
        }
        Some(node)
    }

    /// The node of what is outward of frame `i`.
    #[inline(always)]
    fn node_before(&self, i: usize) -> u32 {
        if i == 0 { self.root } else { self.frames[i - 1].node }
    }

    /// Where the frames that are kept end if it's `base` of them.
    #[inline(always)]
    fn cursor(&mut self, base: usize) -> Cursor {
        if base == 0 {
            let outer = Registers::new(0, 0, 0, 0);
            let mut cursor = Cursor { frames: 0, words: 0, outer, bp_matters: false };
            if self.zero_slot != 0 {
                self.push_word(&mut cursor, self.zero_slot, 0);
            }
            return cursor;
        }
        let last = &self.frames[base - 1];
        let word = self.word(last.word());
        Cursor {
            frames: base,
            words: last.word() + 1,
            outer: Registers::new(word.value, CachedStack::sp_of(last, word), last.bp, word.slot),
            bp_matters: last.bp_matters(),
        }
    }

    /// Adds a frame inward of the last, with the words that the step from it to the last depends on.
    #[inline(always)]
    fn push_frame(&mut self, cursor: &mut Cursor, next: &Pending, node: u32) {
        let Pending { state, rule } = *next;
        if step::restores_bp(rule) & cursor.bp_matters | (rule.kind() == Kind::Stored) {
            self.push_extra_words(cursor, next);
        }
        cursor.bp_matters = rule.uses_bp() | cursor.bp_matters & !step::restores_bp(rule);
        self.frames[cursor.frames] = Frame {
            bp: state.bp,
            #[cfg(target_arch = "aarch64")]
            sp: state.sp,
            node,
            word_and_bp_matters: (cursor.words as u32) << 1 | u32::from(cursor.bp_matters),
            rule,
        };
        self.push_word(cursor, state.pc_slot(), state.pc);
        cursor.frames += 1;
        cursor.outer = state;
    }

    #[inline(always)]
    fn push_extra_words(&mut self, cursor: &mut Cursor, next: &Pending) {
        let Pending { state, rule } = next;
        let cfa = cursor.outer.sp;
        if cursor.bp_matters && step::restores_bp(*rule) {
            self.push_word(cursor, bp_slot(*rule, state, cfa), cursor.outer.bp);
        }
        if rule.kind() == Kind::Stored {
            self.push_word(cursor, state.bp - rule.cfa_bytes(), cfa);
        }
    }

    #[inline(always)]
    fn push_word(&mut self, cursor: &mut Cursor, slot: u64, value: u64) {
        self.words[BLOCK + cursor.words] = Word { slot, value };
        cursor.words += 1;
    }
}

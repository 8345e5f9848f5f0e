//! Finding the states of a stack: joining what is kept, verifying it, and unwinding what isn't.

use super::state::{BLOCK, CachedStack, Pending, Word};
use crate::capture::native::memory::Memory;
use crate::capture::native::registers::Registers;
use crate::capture::native::rule::{Kind, Rule};
use crate::capture::native::{arch, frame_pointer, rule_cache, rules, step};
use crate::os::keeping_errno;

/// A step from a state to its caller's.
enum Step {
    Caller(Rule, Registers),
    /// There's no caller; or it's no state at all, as its pc is zero.
    End,
    /// Only the slow unwinder can do it.
    Unusual,
}

/// Where unwinding came out.
pub(super) enum Outcome {
    /// It joins the cached stack, of which as many frames stand; 0 where it came to the end without.
    Joined(usize),
    /// It met what only the slow unwinder can do.
    Unusual,
}

impl CachedStack {
    /// Unwinds from `state` until it joins what is kept, and writes the states that aren't kept to `pending`, from
    /// the innermost, which is the hook's, outwards.
    ///
    /// # Safety
    ///
    /// The state must be one of the thread's own stack, which must be the one that `self` has been used for.
    #[inline(always)]
    pub(super) unsafe fn unwind(&mut self, mut state: Registers, pending: &mut usize) -> Outcome {
        // How many of the kept frames, from the outermost on, may still be joined.
        let mut candidates = self.len as usize;
        loop {
            if let Some(joined) = self.join(&mut candidates, &state) {
                let end = self.frames[joined].word();
                // SAFETY: the kept words further out than the state's stack pointer are within the stack.
                let Some(word) = (unsafe { self.first_changed(end) }) else {
                    return Outcome::Joined(joined + 1);
                };
                // SAFETY: as above.
                match unsafe { self.leave(joined, word, &mut state, pending) } {
                    Some(left) => candidates = left,
                    None => return Outcome::Unusual,
                }
            }
            // SAFETY: the state is one of the thread's own stack.
            let (rule, caller) = match unsafe { self.step(&state) } {
                Some(step) => step,
                // SAFETY: likewise.
                None => match unsafe { self.unusual_step(state) } {
                    Step::Caller(rule, caller) => (rule, caller),
                    Step::End if state.pc == 0 => {
                        self.zero_slot = state.pc_slot();
                        return Outcome::Joined(0);
                    }
                    Step::End => {
                        self.zero_slot = 0;
                        let pushed = self.push(pending, state, Rule::END);
                        return if pushed { Outcome::Joined(0) } else { Outcome::Unusual };
                    }
                    Step::Unusual => return Outcome::Unusual,
                },
            };
            if !self.push(pending, state, rule) {
                return Outcome::Unusual;
            }
            state = caller;
        }
    }

    /// Adds a pending state. False if there are too many.
    #[inline(always)]
    fn push(&mut self, pending: &mut usize, state: Registers, rule: Rule) -> bool {
        let Some(place) = self.pending.get_mut(*pending) else { return false };
        *place = Pending { state, rule };
        *pending += 1;
        true
    }

    /// The kept frame whose state is `state`, among the candidates. Those that aren't further out cease to be any.
    #[inline(always)]
    fn join(&self, candidates: &mut usize, state: &Registers) -> Option<usize> {
        while *candidates > 0 {
            let i = *candidates - 1;
            let frame = &self.frames[i];
            let word = self.word(frame.word());
            let sp = CachedStack::sp_of(frame, word);
            if sp > state.sp {
                return None;
            }
            *candidates = i;
            if sp == state.sp {
                let same = word.value == state.pc && (!frame.bp_matters() || frame.bp == state.bp);
                return same.then_some(i);
            }
        }
        None
    }

    /// The innermost of the first `end` words that isn't what it was.
    ///
    /// # Safety
    ///
    /// These words must be within the part of the thread's stack that is in use.
    #[inline(always)]
    unsafe fn first_changed(&self, mut end: usize) -> Option<usize> {
        // PERF: one branch for each block of words, where one for each word would cost as much as the comparison.
        // The outermost block may reach into the padding.
        while end > 0 {
            let block: &[Word; BLOCK] = self.words[end..].first_chunk()?;
            // SAFETY: the caller's promise; the padding refers to itself.
            let changed = |word: &Word| unsafe { read(word.slot) } ^ word.value;
            if opaque(block.iter().fold(0, |any, word| any | changed(word))) != 0 {
                // SAFETY: likewise.
                return Some(end + unsafe { last_changed(block) } - BLOCK);
            }
            end = end.saturating_sub(BLOCK);
        }
        None
    }

    /// Goes on from where the stack leaves the kept one again: the word of that index, further out than the frame
    /// `joined`, isn't what it was. The states in between stand; they become pending, as their callers are others.
    /// Tells how many frames may still be joined; `None` if too many are pending.
    ///
    /// # Safety
    ///
    /// As for [`first_changed`](Self::first_changed), and `state` must be that of the joined frame.
    #[inline(always)]
    unsafe fn leave(
        &mut self,
        joined: usize,
        changed: usize,
        state: &mut Registers,
        pending: &mut usize,
    ) -> Option<usize> {
        let mut i = joined;
        // Of the words that a step depends on the return address is the first. If it's the changed one, the step
        // itself is as it was, and leads to where the stack goes on now; else the step has to be taken anew.
        while i > 0 && changed <= self.frames[i - 1].word() {
            let rule = self.frames[i].rule;
            if !self.push(pending, *state, rule) {
                return None;
            }
            i -= 1;
            let word = self.frames[i].word();
            let cfa = CachedStack::sp_of(&self.frames[i], self.word(word));
            // SAFETY: the slots are those that the rule led to when the frame was kept.
            *state = unsafe { caller(rule, state, cfa) };
            if changed == word {
                break;
            }
        }
        Some(i)
    }

    /// The step to the caller's state, if it's one of the ordinary kind and the rule is in the cache.
    ///
    /// # Safety
    ///
    /// The state must be one of the thread's own stack.
    #[inline(always)]
    unsafe fn step(&self, state: &Registers) -> Option<(Rule, Registers)> {
        let rule = rule_cache::get(state.pc.wrapping_sub(1));
        // Frames lie further and further out, and what is read is in the frame.
        let cfa = match rule.kind() {
            // What the frame stores is within it, as the rule itself says.
            kind if kind.is_by_sp() => {
                Some(state.sp.wrapping_add(rule.cfa_bytes())).filter(|&cfa| cfa <= self.low + self.span)?
            }
            Kind::Bp => {
                let cfa = state.bp.wrapping_add(rule.cfa_bytes());
                Some(cfa).filter(|&cfa| self.room(state, cfa) >= rule.bp_bytes())?
            }
            _ => return None,
        };
        // SAFETY: checked just now; at least 8 bytes are stored, which are the return address.
        Some((rule, unsafe { caller(rule, state, cfa) }))
    }

    /// The size of the frame between the state's stack pointer and its CFA; 0 if there can be none.
    #[inline(always)]
    fn room(&self, state: &Registers, cfa: u64) -> u64 {
        let size = cfa.wrapping_sub(state.sp);
        let rest = (self.low + self.span).wrapping_sub(state.sp);
        if size <= rest && cfa % 8 == 0 { size } else { 0 }
    }

    /// A step that [`step`](Self::step) couldn't take.
    ///
    /// # Safety
    ///
    /// As for [`step`](Self::step).
    #[cold]
    #[inline(never)]
    unsafe fn unusual_step(&mut self, state: Registers) -> Step {
        let state = &state;
        if state.pc == 0 {
            return Step::End;
        }
        let address = arch::code_address(state.pc).wrapping_sub(1);
        let mut rule = rule_cache::get(address);
        if rule == Rule::EMPTY {
            rule = rules::learn(address);
            // SAFETY: as for this function.
            if let Some((rule, caller)) = unsafe { self.step(state) } {
                return Step::Caller(rule, caller);
            }
        }
        let bp_in_frame =
            |cfa: u64| (state.sp..cfa.saturating_sub(8)).contains(&state.bp) && state.bp % 8 == 0;
        match rule.kind() {
            Kind::End => Step::End,
            Kind::FramePointer if self.is_base(state) => Step::End,
            Kind::Stored => {
                let slot = state.bp.wrapping_sub(rule.cfa_bytes());
                if slot % 8 != 0 || self.room(state, slot.wrapping_add(8)) < 8 {
                    return Step::Unusual;
                }
                // SAFETY: checked just now.
                let cfa = unsafe { read(slot) };
                if self.room(state, cfa) < 8 || !bp_in_frame(cfa) {
                    return Step::Unusual;
                }
                // SAFETY: likewise; the caller's frame pointer is stored where the frame pointer points.
                Step::Caller(rule, unsafe { caller(rule, state, cfa) })
            }
            _ => Step::Unusual,
        }
    }

    /// Whether the stack begins at this state, in code without tables. It is asked once for each thread: from then on
    /// the state is kept.
    #[cold]
    fn is_base(&mut self, state: &Registers) -> bool {
        let high = self.low + self.span;
        // SAFETY: the state is one of the thread's own stack, which is in use from there on.
        let memory = &mut unsafe { Memory::new(state.sp, high, &mut self.scratch) };
        keeping_errno(|| {
            !frame_pointer::returns_from_signal(state.pc, memory)
                && frame_pointer::return_address(state.sp, state.bp, memory).is_none()
                && frame_pointer::is_base(state.sp, high, memory)
        })
    }
}

/// The index of the last of a block of words that isn't what it was; some must have changed.
///
/// # Safety
///
/// The slots must be readable.
// PERF: not inlined, so that the code that found the change needn't hold on to what it compared. Without branches, as
// the place of the change can't be predicted.
#[inline(never)]
unsafe fn last_changed(block: &[Word; BLOCK]) -> usize {
    // SAFETY: the caller's promise.
    let changed = |word: &Word| u32::from(unsafe { read(word.slot) } != word.value);
    let bits = block.iter().rev().fold(0, |bits, word| bits << 1 | changed(word));
    (u32::BITS - 1).saturating_sub(bits.leading_zeros()) as usize
}

/// The caller's state, where the CFA is known.
///
/// # Safety
///
/// The words at [`step::pc_slot`] and [`bp_slot`] must be readable.
#[inline(always)]
unsafe fn caller(rule: Rule, state: &Registers, cfa: u64) -> Registers {
    // PERF: without a branch, as it can't be predicted whether a frame has stored the register. Where it has not, its
    // slot is the return address's.
    let pc_slot = step::pc_slot(rule, cfa);
    // SAFETY: the caller's promise.
    let (pc, saved) = unsafe { (read(pc_slot), read(bp_slot(rule, state, cfa))) };
    let stored = opaque(u64::from(step::restores_bp(rule))).wrapping_neg();
    Registers::new(pc, cfa, saved & stored | state.bp & !stored, pc_slot)
}

/// Where a frame stores its caller's frame pointer.
#[inline(always)]
pub(super) fn bp_slot(rule: Rule, state: &Registers, cfa: u64) -> u64 {
    if rule.kind() == Kind::Stored { state.bp } else { cfa - rule.bp_bytes() }
}

/// The word at `slot`. Volatile: to the compiler, other functions' return addresses are no memory at all.
///
/// # Safety
///
/// The slot must be readable.
#[inline(always)]
unsafe fn read(slot: u64) -> u64 {
    // SAFETY: the caller's promise; slots are multiples of 8.
    unsafe { std::ptr::read_volatile(slot as *const u64) }
}

/// `value`, of which the compiler knows nothing: it would turn the computation of it into branches.
#[inline(always)]
fn opaque(mut value: u64) -> u64 {
    // SAFETY: no instruction at all.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
}

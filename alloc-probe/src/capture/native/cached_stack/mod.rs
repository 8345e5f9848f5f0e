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
//! everything that the slow unwinder does.

mod capture;
mod keep;
mod state;
mod unwind;

pub(crate) use state::CachedStack;

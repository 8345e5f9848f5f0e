//! Holding stacks against two others, taken in other ways: by a fresh walk, which uses nothing that is kept, no rule
//! cache, and all registers; and by the `backtrace` crate.
//!
//! The capture tests do that, and with the feature `checked-stacks` so does every program, with every stack that it
//! takes: it says on standard error how the first that differs does, and in its dump how many were checked and how
//! many differ.

use super::captured::{Captured, Tree};
use super::chain::{FRAMES_WALKED, Frames};
use super::frame::{FRAMES_RECORDED, FrameKey};
use super::trace;
use super::unwinder::{self, Registers};
use crate::os::keeping_errno;

/// A [`CachedStack`](unwinder::CachedStack) with room for what its stacks are compared with. All-zero bytes are a valid one.
#[repr(C)]
pub(crate) struct CachedStack {
    pub(super) plain: unwinder::CachedStack,
    /// The frames of the stack that is being checked, and one more than there may be.
    taken: [FrameKey; FRAMES_RECORDED + 1],
    traced: [FrameKey; FRAMES_WALKED],
}

/// What is wrong with a stack.
pub(crate) struct Difference<'a> {
    /// The frames that were taken, from the innermost outwards.
    pub(super) taken: &'a [FrameKey],
    /// What they were compared with.
    pub(super) expected: Frames<'a>,
    /// Who says so.
    pub(super) by: &'static str,
}

impl CachedStack {
    /// Compares a stack that was taken just now. `None` where there is no difference.
    ///
    /// # Safety
    ///
    /// As for [`capture`](unwinder::CachedStack::capture), in the function in which that was called, by `plain`.
    #[inline(never)]
    pub(super) unsafe fn check<T: Tree>(
        &mut self,
        tree: &T,
        start: Registers,
        captured: Captured,
    ) -> Option<Difference<'_>> {
        let depth = write_down(tree, captured.node, &mut self.taken);
        let taken = &self.taken[..depth];
        #[cfg(native_unwinder)]
        {
            // SAFETY: the caller's promise.
            let fresh = unsafe { self.plain.walk_afresh(start) };
            let same = fresh.recorded().rev().eq(taken.iter().copied());
            if !same || fresh.truncated() != captured.flags.truncated() {
                return Some(Difference { taken, expected: fresh, by: "a fresh walk" });
            }
        }
        let traced = keeping_errno(|| trace::walk(&mut self.traced, start.stack_pointer()));
        let differs = !agree(taken, traced);
        differs.then_some(Difference { taken, expected: traced, by: "the `backtrace` crate" })
    }
}

/// Writes down the frames of a node, from the innermost outwards, and tells how many they are.
fn write_down<T: Tree>(tree: &T, mut node: u32, frames: &mut [FrameKey]) -> usize {
    for (depth, place) in frames.iter_mut().enumerate() {
        if node == T::ROOT {
            return depth;
        }
        (node, *place) = tree.parent(node);
        // The rest are operations, which no other walker knows of.
        if place.is_operation() {
            return depth;
        }
    }
    frames.len()
}

/// Whether `backtrace` has found the same frames. It doesn't tell interrupted ones from calls.
fn agree(taken: &[FrameKey], traced: Frames<'_>) -> bool {
    let same = |(a, b): (&FrameKey, FrameKey)| a.address() == b.address();
    let expected = traced.recorded();
    if taken.len() == expected.len() && taken.iter().zip(expected.rev()).all(same) {
        return true;
    }
    // It gives up where no tables cover the code. This crate may go further, or says that the stack is cut there.
    let inner = traced.keys.iter().copied().take(FRAMES_RECORDED / 2 - 1);
    gave_up(traced) && taken.len() >= inner.len() && taken.iter().zip(inner).all(same)
}

/// Whether no tables cover the outermost frame that was found.
#[cfg(native_unwinder)]
fn gave_up(traced: Frames<'_>) -> bool {
    let without_tables = |address| !unwinder::has_tables(address);
    // The address is where the code goes on, or where a signal interrupted it.
    let last = traced.keys.last().map(|key| key.address());
    last.is_none_or(|pc| without_tables(pc.wrapping_sub(1)) || without_tables(pc))
}

#[cfg(not(native_unwinder))]
fn gave_up(_: Frames<'_>) -> bool {
    false
}

#[cfg(feature = "checked-stacks")]
mod always {
    use super::{CachedStack, Captured, Difference, Registers, Tree};
    use crate::capture::captured::OwnStack;
    use crate::os;
    use crate::os::message::complain;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    static CHECKED: AtomicU64 = AtomicU64::new(0);
    static DIFFERING: AtomicU64 = AtomicU64::new(0);

    impl CachedStack {
        /// Takes the stack and checks it.
        ///
        /// # Safety
        ///
        /// As for [`capture`](super::unwinder::CachedStack::capture).
        #[inline(never)]
        pub(crate) unsafe fn capture<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
            // SAFETY: the caller's promise.
            let captured = unsafe { self.plain.capture(tree, start) };
            // The tree may have had no space for it.
            if captured.node != T::ROOT {
                CHECKED.fetch_add(1, Relaxed);
                // SAFETY: likewise.
                let difference = unsafe { self.check(tree, start, captured) };
                if let Some(difference) = difference {
                    if DIFFERING.fetch_add(1, Relaxed) == 0 {
                        os::keeping_errno(|| difference.report());
                    }
                }
            }
            std::hint::black_box(captured)
        }

        /// The thread's own stack.
        pub(crate) fn own_stack(&self) -> Option<OwnStack> {
            self.plain.own_stack()
        }

        /// From now on, stacks begin at this node.
        pub(crate) fn set_root(&mut self, root: u32) {
            self.plain.set_root(root);
        }

        /// Forgets everything. To be called before another thread uses it.
        pub(crate) fn reset(&mut self) {
            self.plain.reset();
        }
    }

    impl Difference<'_> {
        /// Says both stacks, a line for each frame, without allocating.
        fn report(&self) {
            complain(&[b"a stack differs from what ", self.by.as_bytes(), b" finds:"]);
            let mut expected = self.expected.recorded().rev();
            let mut taken = self.taken.iter();
            for number in 0.. {
                let (taken, expected) = (taken.next(), expected.next());
                if taken.is_none() && expected.is_none() {
                    break;
                }
                let [taken, expected] = [taken.copied(), expected].map(|key| key.map_or(0, |key| key.0));
                let mut line = [0; 80];
                let mut rest = &mut line[..];
                let _ = write!(rest, "frame {number}: {taken:#x}, expected {expected:#x}");
                let length = 80 - rest.len();
                complain(&[&line[..length]]);
            }
        }
    }

    /// What a dump says of it.
    pub(crate) fn verdict() -> String {
        let [checked, differing] = [&CHECKED, &DIFFERING].map(|count| count.load(Relaxed));
        format!("{checked} stacks were checked as they were taken, and {differing} of them differ")
    }
}

#[cfg(feature = "checked-stacks")]
pub(crate) use always::verdict;

//! Taking a stack in three ways and comparing.

use crate::capture::checked::CachedStack;
use crate::capture::{Captured, FrameKey, Registers, Tree, refresh_images};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::sync::Once;

/// A tree that is one hash map.
#[derive(Default)]
pub(super) struct TestTree {
    children: RefCell<HashMap<(u32, u64), u32>>,
    nodes: RefCell<Vec<(u32, FrameKey)>>,
    /// How often a child was asked for.
    pub(super) lookups: Cell<usize>,
    /// How many nodes there's space for.
    pub(super) space: Cell<Option<usize>>,
}

impl Tree for TestTree {
    const ROOT: u32 = 0;

    fn child(&self, parent: u32, frame: FrameKey) -> Option<u32> {
        self.lookups.set(self.lookups.get() + 1);
        if let Some(&node) = self.children.borrow().get(&(parent, frame.0)) {
            return Some(node);
        }
        let mut nodes = self.nodes.borrow_mut();
        if self.space.get().is_some_and(|space| nodes.len() >= space) {
            return None;
        }
        nodes.push((parent, frame));
        let node = nodes.len() as u32;
        self.children.borrow_mut().insert((parent, frame.0), node);
        Some(node)
    }

    fn parent(&self, node: u32) -> (u32, FrameKey) {
        self.nodes.borrow()[node as usize - 1]
    }
}

impl TestTree {
    /// The frames of a node, from the innermost outwards.
    pub(super) fn frames(&self, mut node: u32) -> Vec<FrameKey> {
        let mut frames = Vec::new();
        while node != Self::ROOT {
            let (parent, frame) = self.parent(node);
            frames.push(frame);
            node = parent;
        }
        frames
    }
}

/// One thread's tree and cached stack, at a fixed address.
pub(super) struct Subject {
    pub(super) tree: TestTree,
    cached_stack: Box<UnsafeCell<CachedStack>>,
}

impl Subject {
    pub(super) fn new() -> Subject {
        static IMAGES: Once = Once::new();
        IMAGES.call_once(refresh_images);
        // SAFETY: all-zero bytes are a valid cached stack, and any for the cell around it.
        let cached_stack = unsafe { Box::<UnsafeCell<CachedStack>>::new_zeroed().assume_init() };
        Subject { tree: TestTree::default(), cached_stack }
    }

    /// How often a stack was out of the ordinary so far.
    pub(super) fn slow_walks(&self) -> u32 {
        // SAFETY: as in `take`.
        unsafe { (*self.cached_stack.get()).plain.slow_walks }
    }

    pub(super) fn reset(&mut self) {
        self.cached_stack.get_mut().plain.reset();
    }

    /// The stack of the caller, without any checks.
    #[inline(never)]
    pub(super) fn take(&self) -> Captured {
        let start = Registers::here();
        // SAFETY: the registers are this function's, and the subject belongs to one thread: it isn't `Sync`. Nothing
        // else refers to the cached stack during the call.
        std::hint::black_box(unsafe { (*self.cached_stack.get()).plain.capture(&self.tree, start) })
    }

    /// Takes the stack of the caller and holds it against a fresh walk, and against `backtrace`'s. Returns the frames
    /// from the caller outwards.
    #[inline(never)]
    pub(super) fn check(&self) -> Vec<FrameKey> {
        let start = Registers::here();
        // SAFETY: as in `take`.
        let cached = unsafe { &mut *self.cached_stack.get() };
        // SAFETY: likewise.
        let captured = unsafe { cached.plain.capture(&self.tree, start) };
        assert_ne!(captured.node, TestTree::ROOT);
        // SAFETY: likewise.
        if let Some(difference) = unsafe { cached.check(&self.tree, start, captured) } {
            let expected: Vec<FrameKey> = difference.expected.recorded().rev().collect();
            let [taken, expected] = [difference.taken, &expected].map(describe);
            panic!("taken: {taken:#?}\n{} finds: {expected:#?}", difference.by);
        }
        std::hint::black_box(self.tree.frames(captured.node))
    }
}

/// Addresses with the names of the functions they are in, for people.
fn describe(frames: &[FrameKey]) -> Vec<String> {
    let name = |key: &FrameKey| {
        let address = key.address();
        let mut text = format!("{address:#x}");
        backtrace::resolve(address.wrapping_sub(1) as *mut _, |symbol| {
            if let Some(name) = symbol.name() {
                text += &format!(" {name:#}");
            }
        });
        text
    };
    frames.iter().take(60).map(name).collect()
}

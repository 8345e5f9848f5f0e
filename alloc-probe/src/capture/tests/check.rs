//! Taking a stack in three ways and comparing.

use crate::capture::{Captured, FrameKey, FrameKind, KeptStack, Registers, Tree, refresh_images};
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
}

impl TestTree {
    /// The parent of a node, and its frame.
    pub(super) fn parent(&self, node: u32) -> (u32, FrameKey) {
        self.nodes.borrow()[node as usize - 1]
    }

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

/// One thread's tree and kept stack, at a fixed address.
pub(super) struct Subject {
    pub(super) tree: TestTree,
    kept: Box<UnsafeCell<KeptStack>>,
    /// Set where there's code without tables on the stack, at which `backtrace` gives up.
    pub(super) without_tables: Cell<bool>,
}

impl Subject {
    pub(super) fn new() -> Subject {
        static IMAGES: Once = Once::new();
        IMAGES.call_once(refresh_images);
        // SAFETY: all-zero bytes are a valid kept stack, and any for the cell around it.
        let kept = unsafe { Box::<UnsafeCell<KeptStack>>::new_zeroed().assume_init() };
        Subject { tree: TestTree::default(), kept, without_tables: Cell::new(false) }
    }

    /// How often a stack was out of the ordinary so far.
    pub(super) fn careful_walks(&self) -> u32 {
        // SAFETY: as in `take`.
        unsafe { (*self.kept.get()).careful_walks }
    }

    pub(super) fn reset(&mut self) {
        self.kept.get_mut().reset();
    }

    /// The stack of the caller, without any checks.
    #[inline(never)]
    pub(super) fn take(&self) -> Captured {
        let start = Registers::here();
        // SAFETY: the registers are this function's, and the subject belongs to one thread: it isn't `Sync`. Nothing
        // else refers to the kept stack during the call.
        std::hint::black_box(unsafe { (*self.kept.get()).capture(&self.tree, start) })
    }

    /// Takes the stack of the caller and holds it against a fresh walk, and against `backtrace` where that says the
    /// whole. Returns the frames from the caller outwards.
    #[inline(never)]
    pub(super) fn check(&self) -> Vec<FrameKey> {
        let start = Registers::here();
        // SAFETY: as in `take`.
        let captured = unsafe { (*self.kept.get()).capture(&self.tree, start) };
        let frames = self.tree.frames(captured.node);
        let addresses: Vec<u64> = frames.iter().map(|frame| frame.address()).collect();
        #[cfg(all(target_os = "linux", target_arch = "x86_64", not(feature = "portable-unwinder")))]
        {
            let parent = |node| self.tree.parent(node);
            // SAFETY: as in `take`.
            let agrees = unsafe { (*self.kept.get()).agrees::<TestTree>(captured.node, start, parent) };
            assert!(agrees, "a fresh walk differs from {addresses:x?}");
        }
        let expected = reference(start);
        if self.without_tables.get() {
            let both = addresses.len().min(expected.len());
            assert_same(&addresses[..both], &expected[..both]);
            assert!(addresses.len() >= expected.len(), "less than `backtrace` finds");
        } else if captured.truncated {
            compare_truncated(&frames, &expected);
        } else {
            assert_same(&addresses, &expected);
        }
        std::hint::black_box(frames)
    }
}

/// The return addresses that `backtrace` finds, from the caller of the function that `start` is of.
#[inline(never)]
fn reference(start: Registers) -> Vec<u64> {
    let mut addresses = Vec::new();
    let sp = start.stack_pointer();
    let mut outside = false;
    backtrace::trace(|frame| {
        outside |= frame.sp() as u64 > sp;
        if outside {
            addresses.push(frame.ip() as u64);
        }
        true
    });
    // Where there's no caller, the unwinder may report a return address of zero.
    if addresses.last() == Some(&0) {
        addresses.pop();
    }
    addresses
}

/// A truncated stack must begin and end as the true one does; a much too deep one only begin.
fn compare_truncated(frames: &[FrameKey], expected: &[u64]) {
    let is_cut = |frame: &FrameKey| frame.kind() == FrameKind::Cut;
    let addresses = |frames: &[FrameKey]| frames.iter().map(|frame| frame.address()).collect::<Vec<_>>();
    let first = frames.iter().position(is_cut).unwrap();
    let last = frames.iter().rposition(is_cut).unwrap();
    let [inner, outer] = [&frames[..first], &frames[last + 1..]].map(addresses);
    assert_eq!(first, 255);
    assert_same(&inner, &expected[..255]);
    if !outer.is_empty() {
        assert_eq!(last, 255);
        assert_same(&outer, &expected[expected.len() - 256..]);
    }
}

fn assert_same(addresses: &[u64], expected: &[u64]) {
    if addresses != expected {
        panic!("taken: {:#?}\nexpected: {:#?}", describe(addresses), describe(expected));
    }
}

/// Addresses with the names of the functions they are in, for people.
fn describe(addresses: &[u64]) -> Vec<String> {
    let name = |&address: &u64| {
        let mut text = format!("{address:#x}");
        backtrace::resolve((address - 1) as *mut _, |symbol| {
            if let Some(name) = symbol.name() {
                text += &format!(" {name:#}");
            }
        });
        text
    };
    addresses.iter().take(60).map(name).collect()
}

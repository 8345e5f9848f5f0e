//! The calls of one build as a tree: the outermost function first, with what is allocated at and below each call.

use super::amount::Amount;
use super::below::{Below, Calls};
use super::few::Few;
use super::node::{NOBODY, Node, ROOT};
use crate::analyse::diff::chain::Group;
use crate::analyse::diff::step::Step;
use crate::profile::Profile;
use rustc_hash::FxHashMap;

/// The children of a node are searched one by one, up to so many.
const MAX_SEARCHED: usize = 8;

/// The tree of one build.
#[derive(Debug)]
pub(super) struct Tree {
    /// The nodes; the first is the root.
    pub(super) nodes: Vec<Node>,
    /// What is allocated at and below each node.
    pub(super) below: Below,
    /// For each function, whether it is on some stack.
    pub(super) shows: Vec<bool>,
}

impl Tree {
    /// Makes the tree of the groups of a profile. `line` says where a step is in the new build.
    pub(super) fn of(
        groups: &[Group],
        profile: &Profile,
        functions: usize,
        line: impl Fn(Step) -> u32,
    ) -> Tree {
        let root = Step { function: NOBODY, line: 0, column: 0 };
        let mut tree = Tree {
            nodes: vec![Node { step: root, children: Few::None, groups: Few::None, blocks: 0 }],
            below: Below::default(),
            shows: vec![false; functions],
        };
        let mut known: FxHashMap<(u32, Step), u32> = FxHashMap::default();
        for (number, group) in (0..).zip(groups) {
            let blocks = group.figures.total_blocks;
            let mut at = ROOT;
            tree.nodes[0].blocks = tree.nodes[0].blocks.saturating_add(blocks);
            for step in &group.chain {
                tree.shows[step.function.0 as usize] = true;
                let step = Step { line: line(*step), ..*step };
                at = tree.child(&mut known, at, step);
                let sum = &mut tree.nodes[at as usize].blocks;
                *sum = sum.saturating_add(blocks);
            }
            tree.nodes[at as usize].groups.push(number);
        }
        let amounts = groups.iter().map(|group| Amount::of(group, profile)).collect();
        tree.below = Below::of(&tree.nodes, amounts);
        tree
    }

    /// The call of a node at a step, which is added if it's new.
    fn child(&mut self, known: &mut FxHashMap<(u32, Step), u32>, at: u32, step: Step) -> u32 {
        // PERF: nearly all nodes have a child or two, and a table of all would be too large for the caches.
        let children = &self.nodes[at as usize].children;
        let found = if children.len() <= MAX_SEARCHED {
            children.iter().copied().find(|child| self.nodes[*child as usize].step == step)
        } else {
            known.get(&(at, step)).copied()
        };
        if let Some(child) = found {
            return child;
        }
        let next = self.nodes.len() as u32;
        self.nodes.push(Node { step, children: Few::None, groups: Few::None, blocks: 0 });
        let children = &mut self.nodes[at as usize].children;
        children.push(next);
        if children.len() > MAX_SEARCHED {
            let new = if children.len() == MAX_SEARCHED + 1 { 0 } else { children.len() - 1 };
            let new = self.nodes[at as usize].children[new..].iter();
            known.extend(new.map(|child| ((at, self.nodes[*child as usize].step), *child)));
        }
        next
    }

    /// A node.
    pub(super) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// What some nodes allocate themselves.
    pub(super) fn own(&self, nodes: &[u32]) -> Amount {
        let mut sum = Amount::default();
        nodes.iter().for_each(|node| sum.add(&self.below.own(*node)));
        sum
    }

    /// Some nodes, as one call.
    pub(super) fn calls<'a>(&'a self, nodes: &'a [u32]) -> Calls<'a> {
        Calls { below: &self.below, nodes }
    }

    /// The groups at and below a node, in order.
    pub(super) fn groups_below(&self, node: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut next = vec![node];
        while let Some(node) = next.pop() {
            let node = self.node(node);
            found.extend(node.groups.iter());
            next.extend(node.children.iter());
        }
        found
    }
}

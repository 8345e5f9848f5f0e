//! The calls of one build as a tree: the outermost function first, with what is allocated at and below each call.

use super::amount::Amount;
use super::below::{Below, Calls};
use super::few::Few;
use super::node::{NOBODY, Node, ROOT};
use crate::analyse::diff::chain::Grouped;
use crate::analyse::diff::key::FunctionId;
use crate::analyse::diff::step::Step;
use crate::profile::Profile;

/// The tree of one build.
#[derive(Debug)]
pub(super) struct Tree {
    /// The nodes, callers first; the first is the root.
    pub(super) nodes: Vec<Node>,
    /// For each group, the node that allocates its blocks.
    pub(super) of_groups: Vec<u32>,
    /// What is allocated at and below each node.
    pub(super) below: Below,
    /// For each function, on how many groups' chains it is.
    pub(super) frequency: Vec<u32>,
}

impl Tree {
    /// Makes the tree of the groups of a profile. `line` says where a step is in the new build.
    pub(super) fn of(
        grouped: &Grouped,
        profile: &Profile,
        functions: usize,
        line: impl Fn(Step) -> u32,
    ) -> Tree {
        let (calls, groups) = (&grouped.chains.calls, &grouped.groups);
        // What a call leads to: how many groups, and their blocks. Calls that recursion led back from may lead to none.
        let mut leads = vec![(0_u32, 0_u64); calls.len()];
        for group in groups {
            leads[group.call as usize] = (1, group.figures.total_blocks);
        }
        for (number, call) in calls.iter().enumerate().skip(1).rev() {
            let (groups, blocks) = leads[number];
            let sum = &mut leads[call.caller as usize];
            *sum = (sum.0 + groups, sum.1.saturating_add(blocks));
        }
        let mut frequency = vec![0; functions];
        let mut nodes: Vec<Node> = Vec::with_capacity(leads.iter().filter(|leads| leads.0 > 0).count() + 1);
        let mut numbers = vec![ROOT; calls.len()];
        for (number, (call, (below, blocks))) in calls.iter().zip(leads).enumerate() {
            let is_root = number == ROOT as usize;
            if below == 0 && !is_root {
                continue;
            }
            numbers[number] = nodes.len() as u32;
            let caller = numbers[call.caller as usize];
            let step = match is_root {
                true => Step { function: NOBODY, line: 0, column: 0 },
                false => Step { line: line(call.step), ..call.step },
            };
            nodes.push(Node { caller, step, children: Few::None, groups: Few::None, blocks });
            if !is_root {
                frequency[step.function.0 as usize] += below;
                nodes[caller as usize].children.push(numbers[number]);
            }
        }
        let of_groups: Vec<u32> = groups.iter().map(|group| numbers[group.call as usize]).collect();
        (0..).zip(&of_groups).for_each(|(group, node)| nodes[*node as usize].groups.push(group));
        let amounts = groups.iter().map(|group| Amount::of(group, profile)).collect();
        let below = Below::of(&nodes, amounts);
        Tree { nodes, of_groups, below, frequency }
    }

    /// Whether a function is on some stack.
    pub(super) fn shows(&self, function: FunctionId) -> bool {
        self.frequency[function.0 as usize] > 0
    }

    /// The chain of calls to a group's blocks, the outermost first.
    pub(super) fn chain(&self, group: u32) -> Box<[Step]> {
        let mut steps = Vec::new();
        let mut at = self.of_groups[group as usize];
        while at != ROOT {
            steps.push(self.node(at).step);
            at = self.node(at).caller;
        }
        steps.reverse();
        steps.into()
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

//! The call tree of a diff, from the outermost function, as far as it differs.

use super::merged::{Merged, MergedStack};
use crate::analyse::diff::chance::Spread;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// A branch of the tree: a function, or a chain of functions of which each leads to the next alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The functions, the caller first. None at the root.
    pub names: Vec<String>,
    /// The base's figure of the last of them and all below.
    pub base: u64,
    /// The new run's.
    pub new: u64,
    /// The standard error of their difference; 0 where both were counted.
    pub error: u64,
    /// What it leads to, the largest difference first.
    pub branches: Vec<Branch>,
    /// The branches that are left out, though they differ.
    pub rest: Option<Rest>,
}

/// Branches that are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// How many.
    pub branches: usize,
    /// The base's figure of all of them.
    pub base: u64,
    /// The new run's.
    pub new: u64,
}

/// One function below one chain of callers.
#[derive(Debug, Default)]
struct Node {
    name: u32,
    base: u64,
    new: u64,
    /// How far apart chance puts these.
    spread: Spread,
    /// How far apart the sides of the sites below are, added up: what is more at one and less at another does not cancel.
    moved: u64,
    /// The same of the sites of this very function.
    own: u64,
    children: Vec<usize>,
}

/// The tree of what differs, with as many branches as are asked for: those below which most does. None where nothing
/// differs.
pub fn tree(merged: &Merged, top: usize) -> Option<Branch> {
    let nodes = nodes(merged);
    if nodes[0].moved == 0 {
        return None;
    }
    let mut shown = vec![false; nodes.len()];
    let mut next: BinaryHeap<(u64, Reverse<usize>)> = differing(&nodes, 0).collect();
    for _ in 0..top {
        let Some((_, Reverse(node))) = next.pop() else { break };
        shown[node] = true;
        next.extend(differing(&nodes, chain(&nodes, node).1));
    }
    Some(branch(&nodes, 0, &shown, merged))
}

/// The children of a node below which something differs.
fn differing(nodes: &[Node], of: usize) -> impl Iterator<Item = (u64, Reverse<usize>)> + '_ {
    let children = nodes[of].children.iter().filter(|child| nodes[**child].moved > 0);
    children.map(|child| (nodes[*child].moved, Reverse(*child)))
}

/// The chain that begins at a node: as long as a function's whole difference is that of one callee. With its last node.
fn chain(nodes: &[Node], first: usize) -> (Vec<u32>, usize) {
    let (mut names, mut last) = (vec![nodes[first].name], first);
    while nodes[last].own == 0 {
        let mut children = differing(nodes, last);
        let (Some((_, Reverse(child))), None) = (children.next(), children.next()) else { break };
        names.push(nodes[child].name);
        last = child;
    }
    (names, last)
}

fn branch(nodes: &[Node], first: usize, shown: &[bool], merged: &Merged) -> Branch {
    let (names, last) = if first == 0 { (Vec::new(), 0) } else { chain(nodes, first) };
    let mut children: Vec<(u64, Reverse<usize>)> = differing(nodes, last).collect();
    children.sort_unstable_by(|a, b| b.cmp(a));
    let children = children.into_iter().map(|(_, Reverse(child))| child);
    let (branches, left): (Vec<usize>, Vec<usize>) = children.partition(|child| shown[*child]);
    let sum =
        |of: fn(&Node) -> u64| left.iter().fold(0_u64, |sum, node| sum.saturating_add(of(&nodes[*node])));
    let rest = Rest { branches: left.len(), base: sum(|node| node.base), new: sum(|node| node.new) };
    Branch {
        names: names.into_iter().map(|name| merged.names[name as usize].clone()).collect(),
        base: nodes[last].base,
        new: nodes[last].new,
        error: nodes[last].spread.error().round() as u64,
        branches: branches.into_iter().map(|child| branch(nodes, child, shown, merged)).collect(),
        rest: (rest.branches > 0).then_some(rest),
    }
}

/// All stacks as one tree; the first node is its root.
fn nodes(merged: &Merged) -> Vec<Node> {
    let mut nodes = vec![Node::default()];
    let mut children: HashMap<(usize, u32), usize> = HashMap::new();
    for stack in &merged.stacks {
        // What chance explains is no difference.
        let is_chance = merged.measure.explains((stack.base, stack.new), stack.spread);
        let moved = if is_chance { 0 } else { stack.base.abs_diff(stack.new) };
        let mut at = 0;
        nodes[0].count(stack, moved);
        for name in &stack.frames {
            let next = nodes.len();
            let child = *children.entry((at, *name)).or_insert(next);
            if child == next {
                nodes.push(Node { name: *name, ..Node::default() });
                nodes[at].children.push(child);
            }
            at = child;
            nodes[at].count(stack, moved);
        }
        nodes[at].own = nodes[at].own.saturating_add(moved);
    }
    // A sum may differ where chance explains each of its parts. Callees have higher numbers than their callers.
    for at in (0..nodes.len()).rev() {
        let Node { base, new, spread, .. } = nodes[at];
        if nodes[at].moved == 0 && !merged.measure.explains((base, new), spread) {
            nodes[at].moved = base.abs_diff(new);
        }
        let below = nodes[at].children.iter().map(|child| nodes[*child].moved).max().unwrap_or(0);
        nodes[at].moved = nodes[at].moved.max(below);
    }
    nodes
}

impl Node {
    fn count(&mut self, stack: &MergedStack, moved: u64) {
        self.base = self.base.saturating_add(stack.base);
        self.new = self.new.saturating_add(stack.new);
        self.spread.add(stack.spread);
        self.moved = self.moved.saturating_add(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::diff::diff;
    use crate::analyse::diff::tests::profile;
    use crate::analyse::fold::Detail;
    use alloc_probe_format::metric::Metric;

    type Stacks<'a> = &'a [(&'a str, u64, u64)];

    /// The tree as text, a line for each branch.
    fn lines(base: Stacks<'_>, new: Stacks<'_>, top: usize) -> Vec<String> {
        fn write(branch: &Branch, depth: usize, lines: &mut Vec<String>) {
            let Branch { names, base, new, branches, rest, .. } = branch;
            lines.push(format!("{}{} {base} {new}", "  ".repeat(depth), names.join(">")));
            branches.iter().for_each(|branch| write(branch, depth + 1, lines));
            lines.extend(rest.map(|rest| {
                format!("{}+{} {} {}", "  ".repeat(depth + 1), rest.branches, rest.base, rest.new)
            }));
        }
        let (base, new) = (profile(base), profile(new));
        let merged = diff(&base, &new).merged(&base, &new, Metric::TotalBytes, Detail::default());
        let mut lines = Vec::new();
        tree(&merged, top).iter().for_each(|root| write(root, 0, &mut lines));
        lines
    }

    const BASE: [(&str, u64, u64); 4] = [
        ("a::f:1 < a::g:2 < a::h:3 < a::main:4", 10, 100),
        ("a::k:5 < a::main:6", 10, 1000),
        ("a::l:7 < a::main:8", 10, 50),
        ("a::m:9 < a::main:9", 10, 30),
    ];

    #[test]
    fn chains_are_one_branch_and_what_is_the_same_is_none() {
        // `g` was inlined, and leaves no frame.
        let new =
            [("a::f:1 < a::h:3 < a::main:4", 10, 700), BASE[1], ("a::l:7 < a::main:8", 10, 40), BASE[3]];
        let expected = [" 1180 1770", "  a::main 1180 1770", "    a::h>a::g>a::f 100 700", "    a::l 50 40"];
        assert_eq!(lines(&BASE, &new, 10), expected);
        assert_eq!(lines(&BASE, &BASE, 10), [""; 0]);
    }

    #[test]
    fn the_largest_branches_are_shown_and_the_rest_is_added_up() {
        let new = [
            ("a::f:1 < a::g:2 < a::h:3 < a::main:4", 10, 90),
            BASE[1],
            ("a::l:7 < a::main:8", 10, 250),
            ("a::m:9 < a::main:9", 10, 31),
        ];
        let expected = [" 1180 1371", "  a::main 1180 1371", "    a::l 50 250", "    +2 130 121"];
        assert_eq!(lines(&BASE, &new, 2), expected);
    }

    #[test]
    fn of_a_renamed_caller_the_new_name_stands() {
        let base = [("a::f:1 < a::old:2 < a::main:4", 10, 100)];
        let new = [("a::f:1 < a::new:2 < a::main:4", 10, 200)];
        assert_eq!(lines(&base, &new, 9), [" 100 200", "  a::main>a::new>a::f 100 200"]);
    }

    #[test]
    fn what_only_one_side_has_is_in_the_tree() {
        let expected =
            [" 1180 50", "  a::main 1180 50", "    a::k 1000 0", "    a::h>a::g>a::f 100 0", "    a::m 30 0"];
        assert_eq!(lines(&BASE, &BASE[2..3], 9), expected);
    }
}

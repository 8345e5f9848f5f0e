//! What is allocated below any call of a tree, without walking what is below it: sums over a walk from the root, from which
//! those of a call are differences.

use super::amount::Amount;
use super::node::{NOBODY, Node, ROOT};
use std::ops::Range;

/// So many groups' sum is known at once.
const STRIDE: usize = 64;

/// So many calls are looked through for those of a function.
const SCANNED: usize = 64;

/// Sums of a tree, in the order of a walk in which each call is followed by all that is below it.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// For each node, its number in the walk, and the number behind the last below it.
    span: Vec<(u32, u32)>,
    /// For each number of the walk, and the one behind the last: how many groups come before it, and the weight of all calls
    /// before it.
    groups_before: Vec<u32>,
    weight_before: Vec<f64>,
    /// The groups' amounts in the order of the walk, and the sum of so many strides of them.
    amounts: Vec<Amount>,
    strides: Vec<Amount>,
    /// For each number of groups, their weight.
    weights: Vec<f64>,
    /// For each group, how many come before it.
    place: Vec<u32>,
    /// For each number of the walk, the function.
    function: Vec<u32>,
    /// By function, the numbers of its calls in the walk, each with the weight of those up to it; and for each function,
    /// where its calls begin, and where the last one's end.
    calls: Vec<(u32, f64)>,
    calls_of: Vec<u32>,
}

impl Below {
    /// Takes the sums of a tree whose groups allocated so much.
    pub(super) fn of(nodes: &[Node], mut groups: Vec<Amount>) -> Below {
        let mut below = Below { span: vec![(0, 0); nodes.len()], ..Below::default() };
        below.place = vec![0; groups.len()];
        let mut strides = Amount::default();
        below.weights.push(0.0);
        let mut walk = Vec::with_capacity(nodes.len());
        let mut next = vec![ROOT];
        while let Some(node) = next.pop() {
            below.span[node as usize].0 = walk.len() as u32;
            walk.push(node);
            let Node { groups: own, children, step, .. } = &nodes[node as usize];
            below.groups_before.push(below.amounts.len() as u32);
            below.function.push(step.function.0);
            for group in own.iter() {
                let (amount, before) = (std::mem::take(&mut groups[*group as usize]), below.amounts.len());
                below.place[*group as usize] = before as u32;
                below.weights.push(below.weights[before] + f64::from(weight(&amount)));
                if before % STRIDE == 0 {
                    below.strides.push(strides.clone());
                }
                strides.add(&amount);
                below.amounts.push(amount);
            }
            next.extend(children.iter().rev());
        }
        below.groups_before.push(below.amounts.len() as u32);
        below.strides.push(strides);
        // From the last to the first: what is below a call ends where that of its last callee does.
        for node in walk.iter().rev() {
            let last = nodes[*node as usize].children.last();
            let first = below.span[*node as usize].0;
            below.span[*node as usize].1 = last.map_or(first + 1, |last| below.span[*last as usize].1);
        }
        below.count_calls();
        let mut next = below.calls_of.clone();
        let mut sum = 0.0;
        for (number, node) in (0..).zip(&walk) {
            below.weight_before.push(sum);
            let weight = below.weight(*node);
            sum += weight;
            // The root is nobody's call.
            let Some(next) = next.get_mut(below.function[number as usize] as usize) else { continue };
            let is_first = *next == below.calls_of[below.function[number as usize] as usize];
            let before = if is_first { 0.0 } else { below.calls[*next as usize - 1].1 };
            below.calls[*next as usize] = (number, before + weight);
            *next += 1;
        }
        below.weight_before.push(sum);
        below
    }

    /// Finds room for the calls of each function.
    fn count_calls(&mut self) {
        let functions = || self.function.iter().filter(|function| **function != NOBODY.0);
        let count = functions().max().map_or(0, |most| *most as usize + 1);
        let mut calls_of = vec![0_u32; count + 1];
        functions().for_each(|function| calls_of[*function as usize + 1] += 1);
        (0..count).for_each(|function| calls_of[function + 1] += calls_of[function]);
        self.calls = vec![(0, 0.0); calls_of[count] as usize];
        self.calls_of = calls_of;
    }

    /// The calls of a function.
    fn calls(&self, function: u32) -> &[(u32, f64)] {
        let bound = |function: usize| self.calls_of.get(function).map_or(0, |bound| *bound as usize);
        self.calls.get(bound(function as usize)..bound(function as usize + 1)).unwrap_or_default()
    }

    /// The groups at and below a node, by how many come before.
    fn groups(&self, node: u32) -> (usize, usize) {
        let (first, end) = self.span[node as usize];
        (self.groups_before[first as usize] as usize, self.groups_before[end as usize] as usize)
    }

    /// What a group allocated.
    pub(super) fn of_group(&self, group: u32) -> &Amount {
        &self.amounts[self.place[group as usize] as usize]
    }

    /// The sum of some groups that follow each other.
    fn sum(&self, groups: Range<usize>) -> Amount {
        let sum = |groups: Range<usize>| {
            let mut sum = Amount::default();
            self.amounts[groups].iter().for_each(|amount| sum.add(amount));
            sum
        };
        // Whole strides are known; what is between them and either end is added up.
        let [first, last] = [groups.start.div_ceil(STRIDE), groups.end / STRIDE];
        if first >= last {
            return sum(groups);
        }
        let mut all = self.strides[last].since(&self.strides[first]);
        all.add(&sum(groups.start..first * STRIDE));
        all.add(&sum(last * STRIDE..groups.end));
        all
    }

    /// What a node allocates itself.
    pub(super) fn own(&self, node: u32) -> Amount {
        let first = self.span[node as usize].0 as usize;
        let [from, to] = [first, first + 1].map(|number| self.groups_before[number] as usize);
        self.sum(from..to)
    }

    /// What is allocated at a node and below it.
    pub(super) fn amount(&self, node: u32) -> Amount {
        let (from, to) = self.groups(node);
        self.sum(from..to)
    }

    fn weight(&self, node: u32) -> f64 {
        let (from, to) = self.groups(node);
        self.weights[to] - self.weights[from]
    }

    /// The weight of the call that has a number of the walk.
    fn weight_at(&self, number: u32) -> f64 {
        let [from, to] = [number, number + 1].map(|number| self.weight_before[number as usize]);
        to - from
    }

    /// The weight of what a node allocates itself.
    fn own_weight(&self, node: u32) -> f64 {
        let first = self.span[node as usize].0 as usize;
        let [from, to] = [first, first + 1].map(|number| self.groups_before[number] as usize);
        self.weights[to] - self.weights[from]
    }
}

/// How much a group counts: many blocks more than few, but not as many times.
fn weight(amount: &Amount) -> f32 {
    (amount.blocks as f32).ln_1p()
}

/// Calls of one tree, as one.
#[derive(Clone, Copy)]
pub(super) struct Calls<'a> {
    pub(super) below: &'a Below,
    pub(super) nodes: &'a [u32],
}

impl Calls<'_> {
    /// What is allocated at them and below.
    pub(super) fn amount(&self) -> Amount {
        let mut sum = Amount::default();
        self.nodes.iter().for_each(|node| sum.add(&self.below.amount(*node)));
        sum
    }

    /// How much is below a function; what they allocate themselves is below nobody.
    fn weight_of(&self, function: Option<u32>) -> f64 {
        let Some(function) = function else {
            return self.nodes.iter().map(|node| self.below.own_weight(*node)).sum();
        };
        let calls = self.below.calls(function);
        let of = |node: &u32| {
            let (first, end) = self.below.span[*node as usize];
            let further = first + 1..end;
            // PERF: most are few, and lie next to each other.
            if further.len() <= SCANNED {
                let is_it = |number: &u32| self.below.function[*number as usize] == function;
                return further.filter(is_it).map(|number| self.below.weight_at(number)).sum();
            }
            let from = calls.partition_point(|call| call.0 < further.start);
            let most = calls.len().min(from + further.len());
            let to = from + calls[from..most].partition_point(|call| call.0 < further.end);
            let before = |calls_before: usize| calls_before.checked_sub(1).map_or(0.0, |last| calls[last].1);
            before(to) - before(from)
        };
        self.nodes.iter().map(of).sum()
    }
}

/// What is below calls, each function once, for comparisons with many others.
#[derive(Debug)]
pub(super) struct Parts {
    /// The functions in ascending order, with the weight that is below each.
    functions: Vec<(u32, f64)>,
    /// The weight of what the calls allocate themselves.
    own: f64,
    /// All of it.
    whole: f64,
    amount: Amount,
}

/// A list that is so many times shorter is looked up in the other.
const SHORTER: usize = 16;

impl Calls<'_> {
    /// What is below them.
    pub(super) fn parts(&self) -> Parts {
        let mut functions = Vec::new();
        for node in self.nodes {
            let (first, end) = self.below.span[*node as usize];
            functions.extend(
                (first + 1..end)
                    .map(|number| (self.below.function[number as usize], self.below.weight_at(number))),
            );
        }
        functions.sort_unstable_by_key(|(function, _)| *function);
        functions.dedup_by(|next, first| {
            let is_same = next.0 == first.0;
            first.1 += if is_same { next.1 } else { 0.0 };
            is_same
        });
        let own = self.weight_of(None);
        let whole = own + functions.iter().map(|(_, weight)| weight).sum::<f64>();
        Parts { functions, own, whole, amount: self.amount() }
    }
}

impl Parts {
    /// How much of both is below the same functions.
    fn common(&self, other: &Parts) -> f64 {
        let own = self.own.min(other.own);
        let (few, many) = match self.functions.len() <= other.functions.len() {
            true => (&self.functions, &other.functions),
            false => (&other.functions, &self.functions),
        };
        let mut at = 0;
        let is_far = few.len() * SHORTER < many.len();
        let of_both = few.iter().map(|(function, weight)| {
            at += match is_far {
                true => many[at..].partition_point(|(other, _)| other < function),
                false => many[at..].iter().take_while(|(other, _)| other < function).count(),
            };
            many.get(at).filter(|(other, _)| other == function).map_or(0.0, |(_, other)| weight.min(*other))
        });
        own + of_both.sum::<f64>()
    }

    /// Which share of them is below other calls as well; none where it is less than so much.
    pub(super) fn are_within(&self, other: &Calls<'_>, least: f32) -> Option<f32> {
        if self.whole <= 0.0 {
            return Some(1.0);
        }
        // A little more, as sums of floating point numbers depend on their order.
        let most = self.whole * (1.000_01 - f64::from(least));
        let mut lacking = (self.own - other.weight_of(None)).max(0.0);
        for (function, weight) in &self.functions {
            if lacking > most {
                return None;
            }
            lacking += (weight - other.weight_of(Some(*function))).max(0.0);
        }
        (lacking <= most).then_some((1.0 - lacking / self.whole) as f32)
    }

    /// How alike the two are: the functions below them, and the blocks.
    pub(super) fn likeness(&self, other: &Parts) -> f32 {
        let common = self.common(other);
        let all = self.whole + other.whole - common;
        let structure = if all > 0.0 { (common / all) as f32 } else { 1.0 };
        // Where nothing but blocks is below them, sizes say as much as that.
        let part = if self.functions.is_empty() { 0.5 } else { 0.75 };
        part * structure + (1.0 - part) * self.amount.likeness(&other.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::diff::key::FunctionId;
    use crate::analyse::diff::matching::few::Few;
    use crate::analyse::diff::step::Step;

    /// A tree by the number of each node's caller and its function, in which each node has a group of so many blocks.
    fn tree(nodes: &[(u32, u32, u64)]) -> (Vec<Node>, Vec<Amount>) {
        let step = |function| Step { function: FunctionId(function), line: 1, column: 1 };
        let node = |number: usize| Node {
            caller: nodes[number].0,
            step: step(nodes[number].1),
            children: Few::from(
                (1..nodes.len() as u32)
                    .filter(|at| nodes[*at as usize].0 as usize == number)
                    .collect::<Vec<_>>(),
            ),
            groups: Few::One(number as u32),
            blocks: 0,
        };
        let amounts = nodes.iter().map(|node| Amount::of_blocks(node.2, 6)).collect();
        ((0..nodes.len()).map(node).collect(), amounts)
    }

    #[test]
    fn what_is_below_a_function_is_the_same_however_it_is_looked_for() {
        // Chains of three functions, of which every second one is below a call of the fourth.
        let shape: Vec<(u32, u32, u64)> = (0..600_u32)
            .map(|number| match number {
                0 => (0, 9, 1),
                1 => (0, 3, 1),
                _ if number % 6 == 2 => (1, 0, u64::from(number)),
                _ if number % 3 == 2 => (0, 0, u64::from(number)),
                _ => (number - 1, number % 3, u64::from(number)),
            })
            .collect();
        let (nodes, amounts) = tree(&shape);
        let below = Below::of(&nodes, amounts);
        for node in [0, 1, 2] {
            let (first, end) = below.span[node as usize];
            let of_calls = (first + 1..end).filter(|number| below.function[*number as usize] == 1);
            let sum: f64 = of_calls.map(|number| below.weight_at(number)).sum();
            let found = Calls { below: &below, nodes: &[node] }.weight_of(Some(1));
            assert!((found - sum).abs() < 1e-6, "{node}: {found} and {sum}");
            assert!((end - first > SCANNED as u32) == (node < 2) && sum > 0.0, "{node}");
        }
    }

    #[test]
    fn sums_below_a_call_are_those_of_a_walk_below_it() {
        let shape = [(0, 9, 1), (0, 5, 2), (1, 6, 3), (1, 5, 0), (3, 7, 4), (0, 6, 5), (5, 5, 6)];
        let (nodes, amounts) = tree(&shape);
        let below = Below::of(&nodes, amounts);
        for (node, blocks) in [(0, 21), (1, 9), (2, 3), (3, 4), (4, 4), (5, 11), (6, 6)] {
            assert_eq!(below.amount(node).blocks, blocks, "{node}");
            assert_eq!(below.own(node).blocks, shape[node as usize].2, "{node}");
            assert_eq!(below.of_group(node).blocks, shape[node as usize].2, "{node}");
        }
        let ln = |blocks: f64| blocks.ln_1p();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a} and {b}");
        let calls = |nodes| Calls { below: &below, nodes };
        close(calls(&[1]).weight_of(Some(5)), ln(4.0));
        close(calls(&[1, 5]).weight_of(Some(5)), ln(4.0) + ln(6.0));
        close(calls(&[0]).weight_of(Some(5)), ln(2.0) + ln(3.0) + ln(4.0) * 2.0 + ln(6.0));
        close(calls(&[1]).weight_of(None), ln(2.0));
        let parts = |node: u32| Calls { below: &below, nodes: &[node] }.parts();
        let of = parts(1);
        let functions: Vec<u32> = of.functions.iter().map(|(function, _)| *function).collect();
        assert_eq!(functions, [5, 6, 7]);
        close(of.whole, ln(2.0) + ln(3.0) + ln(4.0) * 2.0);
        close(of.common(&parts(5)), ln(2.0) + ln(4.0));
        close(parts(5).common(&of), ln(2.0) + ln(4.0));
        assert_eq!(of.likeness(&parts(1)), 1.0);
        assert_eq!(of.are_within(&calls(&[1]), 1.0), Some(1.0));
        // But for what the two allocate themselves, all is within.
        let share = of.are_within(&calls(&[0]), 0.5).unwrap();
        close(share.into(), (of.whole - ln(2.0) + ln(1.0)) / of.whole);
        assert_eq!(of.are_within(&calls(&[0]), share + 0.01), None);
        let few =
            Parts { functions: vec![(5, 1.0), (90, 2.0)], own: 0.0, whole: 3.0, amount: Amount::default() };
        let many = Parts { functions: (0..100).map(|it| (it, 1.5)).collect(), own: 1.0, ..parts(1) };
        assert_eq!((few.common(&many), many.common(&few)), (2.5, 2.5));
    }
}

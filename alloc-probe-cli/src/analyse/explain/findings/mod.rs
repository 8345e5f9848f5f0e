//! What stands out in one run: a file for each kind. Each says nothing where there is no evidence, or where what it would
//! say is small.

mod benign;
mod capacity;
mod deep_stacks;
mod fragmentation;
mod growth;
mod growth_between;
mod reserved;
mod retained;
mod small_blocks;
mod temporary;
mod threads;

use super::finding::{Finding, Kind};
use super::run::Run;
use std::cmp::Reverse;

/// What finds one kind.
type Finder = fn(&Run<'_>) -> Vec<Finding>;

const FINDERS: &[Finder] = &[
    retained::find,
    fragmentation::find,
    capacity::find,
    deep_stacks::find,
    threads::find,
    growth::find,
    small_blocks::find,
    reserved::find,
    temporary::find,
];

/// Everything that can be said, the largest first: what takes memory, then what takes address space or time alone. What
/// there is to say where nothing is wrong comes only where there is nothing else.
pub(super) fn findings(run: &Run<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(run)).collect();
    let is_no_memory = |kind: Kind| matches!(kind, Kind::Reserved | Kind::TemporaryWork);
    findings.sort_by_key(|finding| (is_no_memory(finding.kind), Reverse(finding.bytes)));
    if findings.is_empty() {
        findings.extend(benign::find(run));
    }
    findings
}

//! Why the memory of two runs differs, in words: findings, each with its evidence, its size, its sites and what to do.
//!
//! Each kind has a file of its own. It looks at both profiles, at the pairs and at the account of their memory, and says
//! nothing where there is no evidence, or where what it would say is not notable (`Runs::notable_bytes`).

mod benign;
mod capacity;
pub mod finding;
#[cfg(test)]
mod fixtures;
mod fragmentation;
mod growth;
mod lifetimes;
mod measure;
mod more_work;
mod panicked;
mod panics;
mod place;
mod pools;
mod reserved;
mod retained;
pub(super) mod runs;
mod stack_growth;
#[cfg(test)]
mod tests;
mod threads;
mod words;

use crate::profile::Profile;
use alloc_probe_format::dump::Mode;
use finding::Finding;
use runs::Runs;
use std::cmp::Reverse;

/// What finds one kind.
type Finder = fn(&Runs<'_>) -> Vec<Finding>;

const FINDERS: &[Finder] = &[
    retained::find,
    fragmentation::find,
    capacity::find,
    stack_growth::find,
    lifetimes::find,
    more_work::find,
    threads::find,
    growth::find,
    reserved::find,
    benign::find,
];

/// Everything that can be said: first what the runs differ by, then what both have, each the largest first.
pub(super) fn findings(runs: &Runs<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(runs)).collect();
    // Of a run that was only counted, no sites are known: that it had nothing at them must not be said.
    let knows_sites = |profile: &Profile| matches!(profile.dump.mode, Mode::Full | Mode::Sample);
    if knows_sites(runs.base) != knows_sites(runs.new) {
        findings.retain(|finding| !finding.kind.is_of_sites());
    }
    findings.sort_by_key(|finding| (finding.in_both, Reverse(finding.bytes.unsigned_abs())));
    findings
}

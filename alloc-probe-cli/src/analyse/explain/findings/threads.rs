//! Threads and arenas: many stacks, none of which is large by itself.

use crate::analyse::evidence::pools::by_name;
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::units::{bytes, count, plural};
use std::cmp::Reverse;

/// So many pools of threads are described.
const DESCRIBED: usize = 3;

/// The stacks of the threads that are alive are a large part of the program's memory together, though none is alone.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let dump = &run.profile.dump;
    let large = run.large_bytes();
    let pools = by_name(dump);
    let mut pools: Vec<(&String, Vec<u64>)> = (pools.iter())
        .map(|(name, rows)| {
            (name, rows.alive().into_iter().filter(|stack| (1..large).contains(stack)).collect())
        })
        .collect();
    let sum = |stacks: &[u64]| stacks.iter().copied().fold(0, u64::saturating_add);
    pools.retain(|(_, stacks)| !stacks.is_empty());
    pools.sort_by_key(|(_, stacks)| Reverse(sum(stacks)));
    let all = pools.iter().map(|(_, stacks)| sum(stacks)).fold(0, u64::saturating_add);
    let threads: usize = pools.iter().map(|(_, stacks)| stacks.len()).sum();
    if all < large {
        return Vec::new();
    }
    let describe = |(name, stacks): &(&String, Vec<u64>)| {
        format!(
            "{name}: {} alive, with {} of stack, {} each",
            count(stacks.len() as u64),
            bytes(sum(stacks)),
            bytes(sum(stacks) / stacks.len() as u64)
        )
    };
    let mut evidence: Vec<String> = pools.iter().take(DESCRIBED).map(describe).collect();
    if let Some(facts) = dump.memory.allocator.as_ref().filter(|facts| facts.arenas > 1) {
        evidence.push(format!(
            "{} has {}: threads that allocate at the same time get arenas of their own, each with free memory",
            facts.name,
            plural(facts.arenas, "arena")
        ));
    }
    vec![Finding {
        kind: Kind::Threads,
        bytes: all,
        short: format!("{} in the stacks of {}", bytes(all), plural(threads as u64, "thread")),
        sentence: format!(
            "{} is in the stacks of {} that are alive.",
            bytes(all),
            plural(threads as u64, "thread")
        ),
        evidence,
        sites: Vec::new(),
        advice: "See what decides how many threads there are (often the number of processors): pools can be bounded, \
                 and so can an allocator's arenas (`MALLOC_ARENA_MAX`, Jemalloc's `narenas`)."
            .to_owned(),
    }]
}

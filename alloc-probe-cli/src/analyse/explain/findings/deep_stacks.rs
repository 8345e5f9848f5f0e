//! *Deep stack*: a thread that once went deep keeps the pages of its stack until it ends.

use crate::analyse::evidence::place;
use crate::analyse::evidence::pools::{Rows, by_name};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::analyse::fold;
use crate::profile::{Deepest, FrameId, Role};
use crate::units::{bytes, plural};
use std::collections::HashMap;

/// Threads that each keep a large part of the program's memory in their stack, and are alive: a thread that ends gives it
/// back.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let large = run.large_bytes();
    let pools = by_name(&run.profile.dump);
    let deep = |(name, Rows(rows)): (&String, &Rows<'_>)| {
        let rows: Vec<_> = (rows.iter())
            .filter(|(_, thread)| thread.tid.is_some() && thread.stack_bytes >= large)
            .copied()
            .collect();
        let all = rows.iter().map(|(_, thread)| thread.stack_bytes).fold(0, u64::saturating_add);
        let (row, deepest) = *rows.first()?;
        let whose = match rows.len() {
            1 => name.clone(),
            more => format!("{} of {name}", plural(more as u64, "thread")),
        };
        let mut evidence = vec![format!(
            "the deepest was touched down to {} of the {} that it may have",
            bytes(deepest.stack_bytes),
            bytes(deepest.stack_limit_bytes)
        )];
        let stack = run.profile.deepest.get(row).filter(|stack| !stack.frames.is_empty());
        evidence.extend(stack.map(|stack| describe(run, stack, deepest.deepest_bytes)));
        evidence.extend(stack.and_then(|stack| repeated(run, stack)));
        let site = stack.and_then(|stack| {
            let member = run
                .profile
                .sites
                .iter()
                .position(|site| run.profile.frames_of(site).eq(stack.frames.iter().copied()))?
                as u32;
            run.sites.iter().position(|site| site.members().contains(&member))
        });
        Some(Finding {
            kind: Kind::StackGrowth,
            bytes: all,
            short: format!("{} in the stack of {whose}", bytes(all)),
            sentence: format!(
                "{} is in the stack of {whose}: it went that deep once, and the pages stay until the thread ends.",
                bytes(all)
            ),
            evidence,
            sites: site.map(|site| (site, all)).into_iter().collect(),
            advice: "Keep large locals out of functions that recurse (put them in the heap, or in a function of their \
                     own that is marked `#[inline(never)]`), use a loop, or do the deep work on a thread that ends \
                     after it."
                .to_owned(),
        })
    };
    pools.iter().filter_map(deep).collect()
}

/// The deepest stack at which something was allocated.
fn describe(run: &Run<'_>, stack: &Deepest, deep_bytes: u64) -> String {
    let calls = stack.frames.len() as u64;
    let inlined = |id: &&FrameId| fold::frame(run.profile, **id).inlined;
    let frames = calls - stack.frames.iter().filter(inlined).count() as u64;
    if stack.truncated {
        return format!("{} deep, it allocated in more than {}", bytes(deep_bytes), plural(calls, "call"));
    }
    format!(
        "{} deep, it allocated in {} and {}, {} for each call",
        bytes(deep_bytes),
        plural(calls, "call"),
        plural(frames, "frame"),
        bytes(deep_bytes / calls.max(1))
    )
}

/// The function that is most often on the stack, where it is there more than once.
fn repeated(run: &Run<'_>, stack: &Deepest) -> Option<String> {
    let mut times: HashMap<&str, (u64, FrameId)> = HashMap::new();
    for id in &stack.frames {
        let frame = fold::frame(run.profile, *id);
        if frame.role == Role::Program {
            times.entry(&frame.function).or_insert((0, *id)).0 += 1;
        }
    }
    let (times, frame) = times.into_values().max_by_key(|(times, frame)| (*times, *frame))?;
    (times > 1).then(|| {
        format!("on that stack, {} is {times} times", place::of_frame(fold::frame(run.profile, frame)))
    })
}

//! Growth without end: sites that keep some of what they allocate, early and late alike; ranked by how sure that is and
//! how fast they grow, and not by how large they are.

use super::growth_between;
use crate::analyse::evidence::growing::{ADVICE, Confidence, Growing, per_mark};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::units::{bytes, duration, plural};
use alloc_probe_format::dump::Ended;
use std::cmp::Reverse;

/// What is smaller than this, all sites taken together, is not spoken of.
const LEAST_BYTES: u64 = 64 << 10;
/// So many sites are described.
const DESCRIBED: usize = 3;

/// What grows without end.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    if let Some(series) = run.series {
        return growth_between::find(run, series).into_iter().collect();
    }
    let Some(growth) = &run.growth else { return Vec::new() };
    let mut found: Vec<&(usize, Growing)> = run.growing.iter().collect();
    found.sort_by_key(|(_, growing)| Reverse((growing.confidence, growing.bytes_per_second)));
    let held = found.iter().map(|(_, growing)| growing.grown_bytes).fold(0, u64::saturating_add);
    if held < LEAST_BYTES {
        return Vec::new();
    }
    let rate = |confidence: Option<Confidence>| {
        let of =
            found.iter().filter(|(_, growing)| confidence.is_none_or(|least| growing.confidence >= least));
        of.map(|(_, growing)| growing.bytes_per_second).fold(0, u64::saturating_add)
    };
    let (first, surest) = found[0];
    let mut evidence: Vec<String> = (found.iter().take(DESCRIBED))
        .map(|(site, growing)| {
            let place = run.place(*site);
            format!("{}; {} a second", growing.describe(&place), bytes(growing.bytes_per_second))
        })
        .collect();
    evidence.push(format!(
        "in the {} in which the run allocated; what was allocated in its last tenth is left out, as it may be under way",
        duration(growth.activity.active_ns())
    ));
    evidence.extend(per_mark(&run.profile.dump, held));
    if run.profile.dump.process.ended == Ended::Exit {
        evidence.push("a program that loads something during all of its run looks the same".to_owned());
    }
    let confidence = surest.confidence.name();
    vec![Finding {
        kind: Kind::Growth,
        bytes: held,
        short: format!("{} a second at {} (confidence: {confidence})", bytes(rate(None)), run.name(*first)),
        sentence: format!(
            "{} at {} grow without end, {} a second (confidence: {confidence}).",
            bytes(held),
            plural(found.len() as u64, "site"),
            bytes(rate(None))
        ),
        evidence,
        sites: found.iter().map(|(site, growing)| (*site, growing.grown_bytes)).collect(),
        advice: ADVICE.to_owned(),
    }]
}

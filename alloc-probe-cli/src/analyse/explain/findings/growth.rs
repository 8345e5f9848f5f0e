//! Growth without end: sites that keep some of what they allocate, early and late alike; ranked by how sure that is and
//! how fast they grow, and not by how large they are.

use super::growth_between;
use crate::analyse::evidence::growing::{ADVICE, Growing, Rate, per_mark, short, surest_first, together};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::units::{bytes, duration, plural};
use alloc_probe_format::dump::Ended;

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
    surest_first(&mut found, DESCRIBED, |(_, growing)| growing.rate());
    let held = found.iter().map(|(_, growing)| growing.grown_bytes).fold(0, u64::saturating_add);
    if held < LEAST_BYTES {
        return Vec::new();
    }
    let rates: Vec<Rate> = found.iter().map(|(_, growing)| growing.rate()).collect();
    let described = || found.iter().take(DESCRIBED);
    let places = run.places(described().map(|(site, _)| *site));
    let mut evidence: Vec<String> = (described().zip(&places))
        .map(|((_, growing), place)| {
            format!("{}; {} a second", growing.describe(place), bytes(growing.bytes_per_second))
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
    vec![Finding {
        kind: Kind::Growth,
        bytes: held,
        short: short(&rates, bytes, |site| run.name(found[site].0)),
        sentence: format!(
            "{} at {} grow without end, {}.",
            bytes(held),
            plural(found.len() as u64, "site"),
            together(&rates, bytes)
        ),
        evidence,
        sites: found.iter().map(|(site, growing)| (*site, growing.grown_bytes)).collect(),
        advice: ADVICE.to_owned(),
    }]
}

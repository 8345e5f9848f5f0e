//! What the program did by name, of one run and of two.

use crate::analyse::operations::{Operated, operations};
use crate::profile::Profile;
use serde::Serialize;

/// An operation of one run.
#[derive(Serialize)]
pub(super) struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    operation: OperationOf,
}

/// An operation of both runs; none where a run did not do it.
#[derive(Serialize)]
pub(super) struct OfBoth<'a> {
    name: &'a str,
    base: Option<OperationOf>,
    new: Option<OperationOf>,
}

#[derive(Serialize)]
struct OperationOf {
    started: u64,
    finished: u64,
    failed: u64,
    cancelled: u64,
    first_ns: u64,
    last_ns: u64,
    per_second: Option<f64>,
    latency: Option<LatencyOf>,
    total_bytes: u64,
    total_blocks: u64,
    own_peak_bytes: u64,
    peak_bytes: Option<u64>,
    end_bytes: Option<u64>,
}

#[derive(Serialize)]
struct LatencyOf {
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    p99_9_ns: u64,
    max_ns: u64,
}

impl OperationOf {
    fn new(operation: &Operated<'_>) -> OperationOf {
        let Operated { recorded, figures, latency, per_second } = operation;
        OperationOf {
            started: recorded.started,
            finished: recorded.finished,
            failed: recorded.failed,
            cancelled: recorded.cancelled,
            first_ns: recorded.first_ns,
            last_ns: recorded.last_ns,
            per_second: *per_second,
            latency: latency.map(|latency| LatencyOf {
                p50_ns: latency.p50_ns,
                p90_ns: latency.p90_ns,
                p99_ns: latency.p99_ns,
                p99_9_ns: latency.p99_9_ns,
                max_ns: latency.max_ns,
            }),
            total_bytes: recorded.total_bytes,
            total_blocks: recorded.total_blocks,
            own_peak_bytes: recorded.peak_bytes,
            peak_bytes: figures.map(|figures| figures.peak_bytes),
            end_bytes: figures.map(|figures| figures.end_bytes),
        }
    }
}

impl<'a> Named<'a> {
    pub(super) fn new(operation: &Operated<'a>) -> Named<'a> {
        Named { name: &operation.recorded.name, operation: OperationOf::new(operation) }
    }
}

impl<'a> OfBoth<'a> {
    /// All that one of both runs did: those first that took most time in the base, and then those that only the new run did.
    pub(super) fn all(base: &'a Profile, new: &'a Profile) -> Vec<OfBoth<'a>> {
        let (base, new) = (operations(base), operations(new));
        let find = |name: &str, among: &[Operated<'_>]| {
            among.iter().find(|operation| operation.recorded.name == name).map(OperationOf::new)
        };
        let only_new = new.iter().filter(|operation| find(&operation.recorded.name, &base).is_none());
        let names = base.iter().chain(only_new).map(|operation| operation.recorded.name.as_str());
        names.map(|name| OfBoth { name, base: find(name, &base), new: find(name, &new) }).collect()
    }
}

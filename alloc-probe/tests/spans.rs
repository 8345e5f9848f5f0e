//! Spans of `tracing` are operations, by their names, on whichever threads they are entered.

mod support;

use alloc_probe::{AllocProbe, SpanOperations};
use alloc_probe_format::dump::{Dump, Operation};
use std::hint::black_box;
use std::process::ExitCode;
use support::child::Child;
use support::truth::Truth;
use support::{Cases, cases};
use tracing::{info_span, trace_span};
use tracing_subscriber::prelude::*;

#[global_allocator]
static ALLOC: AllocProbe<Truth> = AllocProbe::new(Truth(std::alloc::System));

fn main() -> ExitCode {
    support::main(&[("spans", CASES)])
}

const CASES: Cases = Cases {
    checks: cases![a_span_is_an_operation, spans_may_be_left_in_any_order, those_that_nobody_wants_are_none],
    scenarios: cases![nests, crosses, filters],
};

fn block(bytes: usize) {
    drop(black_box(Vec::<u8>::with_capacity(bytes)));
}

#[track_caller]
fn find<'a>(dump: &'a Dump, name: &str) -> &'a Operation {
    let found = dump.operations.iter().find(|operation| operation.name == name);
    found.unwrap_or_else(|| panic!("no operation `{name}`: {:?}", dump.operations))
}

fn nests() {
    let layer = SpanOperations::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let outer = info_span!("outer");
        for _ in 0..3 {
            let _inside = outer.enter();
            block(100_000);
            info_span!("inner").in_scope(|| block(2_000_000));
        }
        let other = outer.clone();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || other.in_scope(|| block(30_000_000)))
        })
        .join()
        .expect("it ends");
        block(5);
    });
}

/// What the registry and the layer themselves allocate in a span, at the most.
const OF_TRACING: u64 = 20_000;

fn a_span_is_an_operation() {
    let dump = Child::new("nests", "full").succeed().dump();
    let (outer, inner) = (find(&dump, "outer"), find(&dump, "inner"));
    assert_eq!((outer.started, outer.finished, outer.cancelled), (1, 1, 0));
    assert_eq!((inner.started, inner.finished, inner.cancelled), (3, 3, 0));
    assert!((30_300_000..30_300_000 + OF_TRACING).contains(&outer.total_bytes), "{outer:?}");
    assert!((6_000_000..6_000_000 + OF_TRACING).contains(&inner.total_bytes), "{inner:?}");
}

fn crosses() {
    let layer = SpanOperations::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let (one, two) = (info_span!("one"), info_span!("two"));
        let first = one.enter();
        let second = two.enter();
        drop(first);
        block(1_000_000);
        drop(second);
        block(30_000_000);
        std::mem::forget(one);
    });
}

fn spans_may_be_left_in_any_order() {
    let dump = Child::new("crosses", "count").succeed().dump();
    let (one, two) = (find(&dump, "one"), find(&dump, "two"));
    assert!(one.total_bytes < OF_TRACING, "{one:?}");
    assert!((1_000_000..1_000_000 + OF_TRACING).contains(&two.total_bytes), "{two:?}");
    assert_eq!((one.started, one.finished, two.finished), (1, 0, 1));
}

fn filters() {
    let layer = SpanOperations::new().filter(|span| *span.level() == tracing::Level::INFO);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info_span!("wanted").in_scope(|| trace_span!("other").in_scope(|| block(1_000_000)));
    });
}

fn those_that_nobody_wants_are_none() {
    let dump = Child::new("filters", "count").succeed().dump();
    let names: Vec<&str> = dump.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["wanted"]);
    assert!(find(&dump, "wanted").total_bytes >= 1_000_000);
}

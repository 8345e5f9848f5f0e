//! A criterion bench of memory instead of time: `cargo bench -p alloc-probe-examples --bench parse_criterion`.
//!
//! Criterion keeps the peak of the last run and says when it changes.

use alloc_probe::measure;
use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, Throughput};
use serde_json::Value;

alloc_probe::install!();

const INPUT: &str = r#"{ "orders": [ { "id": 1, "lines": ["a", "b"] }, { "id": 2, "lines": [] } ] }"#;

fn parse() -> Value {
    serde_json::from_str(INPUT).expect("it is JSON")
}

/// Measures bytes. The bench calls `iter_custom` and decides what to measure.
struct Bytes;

impl Measurement for Bytes {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {}

    fn end(&self, (): ()) -> f64 {
        0.0
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _typical: f64, _values: &mut [f64]) -> &'static str {
        "B"
    }

    fn scale_throughputs(
        &self,
        _typical: f64,
        _throughput: &Throughput,
        _values: &mut [f64],
    ) -> &'static str {
        "B"
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "B"
    }
}

fn main() {
    let mut criterion = Criterion::default().with_measurement(Bytes).configure_from_args();
    criterion.bench_function("parse_orders_peak", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| measure(parse).1.peak_bytes as f64).sum());
    });
    criterion.final_summary();
}

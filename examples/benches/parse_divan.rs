//! A divan bench that says what an iteration allocates: `cargo bench -p alloc-probe-examples --bench parse_divan`.

use alloc_probe::measure;
use divan::Bencher;
use divan::counter::BytesCount;
use serde_json::Value;

alloc_probe::install!();

const INPUT: &str = r#"{ "orders": [ { "id": 1, "lines": ["a", "b"] }, { "id": 2, "lines": [] } ] }"#;

fn parse() -> Value {
    serde_json::from_str(INPUT).expect("it is JSON")
}

/// Measures time. The counter's row shows how many bytes are allocated in a second.
#[divan::bench]
fn parse_orders(bencher: Bencher) {
    let (_, usage) = measure(parse);
    bencher.counter(BytesCount::new(usage.total_bytes)).bench(parse);
}

fn main() {
    divan::main();
    // One iteration is enough: the figures are exact, and the same every time.
    let (_, usage) = measure(parse);
    println!("parse_orders allocates in an iteration: {usage}");
}

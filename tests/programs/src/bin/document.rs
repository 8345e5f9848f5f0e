//! Makes a large document, writes it with `serde_json`, and reads it again, as values and as types. `document ORDERS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    id: u64,
    customer: Customer,
    lines: Vec<Line>,
    notes: BTreeMap<String, String>,
    state: State,
}

#[derive(Clone, Serialize, Deserialize)]
struct Customer {
    name: String,
    address: Option<Box<Address>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Address {
    street: String,
    city: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Line {
    product: String,
    count: u32,
    tags: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
enum State {
    Open,
    Sent { parcel: String },
    Returned { reasons: Vec<String> },
}

/// The numbers of a linear congruential generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn word(&mut self, longest: u64) -> String {
        let letters = 1 + self.below(longest);
        (0..letters).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    fn words(&mut self, most: u64) -> Vec<String> {
        (0..self.below(most)).map(|_| self.word(20)).collect()
    }

    fn order(&mut self, id: u64) -> Order {
        let address =
            Address { street: self.word(40), city: format!("{} {}", self.below(99_999), self.word(12)) };
        Order {
            id,
            customer: Customer {
                name: [self.word(9), self.word(12)].join(" "),
                address: (self.below(3) > 0).then(|| Box::new(address)),
            },
            lines: (0..self.below(8))
                .map(|_| Line { product: self.word(60), count: self.below(10) as u32, tags: self.words(5) })
                .collect(),
            notes: self.words(4).into_iter().map(|key| (key, self.word(200))).collect(),
            state: match self.below(3) {
                0 => State::Open,
                1 => State::Sent { parcel: format!("{:012x}", self.below(1 << 40)) },
                _ => State::Returned { reasons: self.words(3) },
            },
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: document ORDERS")?.parse()?;
    let mut numbers = Numbers(2026);
    let orders: Vec<Order> = (0..count)
        .map(|id| {
            step(id);
            numbers.order(id)
        })
        .collect();
    step(1 << 32);
    let text = serde_json::to_string_pretty(&orders)?;
    step(2 << 32);
    let value: Value = serde_json::from_str(&text)?;
    step(3 << 32);
    let mut products = 0;
    for (order, number) in value.as_array().into_iter().flatten().zip(3 << 32..) {
        step(number);
        let copy = order.clone();
        step(number);
        products += copy["lines"].as_array().map_or(0, Vec::len);
        let line = copy.to_string();
        step(number);
        let order: Order = serde_json::from_str(&line)?;
        step(number);
        products += order.clone().lines.len();
    }
    step(4 << 32);
    drop(orders);
    let orders: Vec<Order> = serde_json::from_value(value)?;
    step(5 << 32);
    println!("{products} products, {} bytes", serde_json::to_vec(&orders)?.len());
    Ok(())
}

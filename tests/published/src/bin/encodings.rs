//! Orders in CBOR, MessagePack and postcard. `encodings ORDERS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    customer: Customer,
    lines: Vec<Line>,
    notes: Option<String>,
    labels: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Customer {
    Anonymous,
    Known { name: String, emails: Vec<String> },
    Company(String, Box<Customer>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line(String, u32, Option<Discount>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Discount {
    percent: f32,
    reason: Box<str>,
}

fn order(id: u64) -> Order {
    let known = Customer::Known {
        name: format!("name {id}"),
        emails: (0..id % 3).map(|at| format!("{at}@{id}")).collect(),
    };
    Order {
        id,
        customer: match id % 3 {
            0 => Customer::Anonymous,
            1 => known,
            _ => Customer::Company(format!("company {id}"), Box::new(known)),
        },
        lines: (0..id % 7)
            .map(|line| {
                Line(
                    format!("thing {line}"),
                    line as u32,
                    (line % 2 == 1).then(|| Discount { percent: 2.5, reason: "loyal".into() }),
                )
            })
            .collect(),
        notes: (id % 4 == 0).then(|| "a note\n".repeat(id as usize % 9)),
        labels: (0..id % 5)
            .map(|label| (format!("label {label}"), vec![label as u8; id as usize % 11]))
            .collect(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: encodings ORDERS")?.parse()?;
    let mut kept = Vec::new();
    let mut files: Vec<Vec<u8>> = Vec::new();
    let mut errors = Vec::new();
    for id in 0..count {
        step(id);
        let order = order(id);
        step(id);
        let mut cbor = Vec::new();
        ciborium::into_writer(&order, &mut cbor)?;
        step(id);
        let packed = rmp_serde::to_vec_named(&order)?;
        step(id);
        let card = postcard::to_stdvec(&order)?;
        step(id);
        let back: Order = ciborium::from_reader(cbor.as_slice())?;
        step(id);
        let value: ciborium::Value = ciborium::from_reader(cbor.as_slice())?;
        step(id);
        let again: Order = value.deserialized()?;
        step(id);
        let unpacked: Order = rmp_serde::from_slice(&packed)?;
        step(id);
        let carded: Order = postcard::from_bytes(&card)?;
        if [&again, &unpacked, &carded].iter().any(|other| **other != back) {
            return Err("they differ".into());
        }
        step(id);
        errors.extend(
            ciborium::from_reader::<Order, _>(&cbor[..cbor.len() - 1]).err().map(|error| error.to_string()),
        );
        step(id);
        errors.extend(rmp_serde::from_slice::<Customer>(&packed).err().map(|error| error.to_string()));
        step(id);
        errors.extend(
            postcard::from_bytes::<Order>(&card[..card.len() / 2]).err().map(|error| error.to_string()),
        );
        step(id);
        let json = serde_json::to_value(&carded)?;
        step(id);
        files.extend([cbor, packed, rmp_serde::to_vec(&json)?]);
        kept.push([again, unpacked]);
    }
    step(1 << 32);
    println!("{} bytes, {} orders, {} errors", files.concat().len(), kept.len(), errors.len());
    Ok(())
}

//! A JSON document of orders: parsed to a tree of values, and written again.

use super::{Random, Work};
use serde_json::Value;
use std::fmt::Write as _;
use std::hint::black_box;

pub(super) fn run(bytes: u64) -> Work {
    let text = document(bytes as usize);
    Work::of(1, || {
        let value = serde_json::from_str::<Value>(&text).expect("the document is one");
        black_box(serde_json::to_string(&value).expect("every value can be written"));
    })
}

/// A document of at least so many bytes.
fn document(bytes: usize) -> String {
    let mut random = Random(7);
    let mut text = String::with_capacity(bytes + 4096);
    text.push('[');
    for number in 0_u64.. {
        if number > 0 {
            if text.len() >= bytes {
                break;
            }
            text.push(',');
        }
        add_order(&mut text, number, &mut random).expect("a string can be written to");
    }
    text.push(']');
    text
}

fn add_order(text: &mut String, number: u64, random: &mut Random) -> std::fmt::Result {
    let (customer, shape) = (random.bits() % 50_000, random.bits());
    write!(text, r#"{{"order":{number},"key":"{:016x}","open":{},"#, random.bits(), shape & 1 == 0)?;
    write!(text, r#""customer":{{"number":{customer},"name":"customer \"{customer}\"","note":null,"#)?;
    write!(text, r#""at":[{:.4},{:.4}]}},"lines":["#, (shape % 90_000) as f64 / 1e3, customer as f64 / 7.0)?;
    for line in 0..1 + shape % 6 {
        let comma = if line == 0 { "" } else { "," };
        let (item, price) = (random.bits() % 9_999, random.bits() % 100_000);
        write!(text, r#"{comma}{{"item":"item {item}","count":{},"price":{price}}}"#, 1 + item % 12)?;
    }
    text.push_str(r#"],"tags":["#);
    for tag in 0..shape % 4 {
        let comma = if tag == 0 { "" } else { "," };
        write!(text, r#"{comma}"tag {}""#, (shape >> (8 * tag)) % 997)?;
    }
    text.push_str("]}");
    Ok(())
}

//! Deployments in YAML. `configuration FILES`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use serde::{Deserialize, Serialize};
use serde_norway::Value;
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Deployment {
    api_version: String,
    metadata: BTreeMap<String, String>,
    containers: Vec<Container>,
    #[serde(default)]
    strategy: Strategy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Container {
    name: String,
    #[serde(flatten)]
    source: Source,
    #[serde(default)]
    env: Vec<(String, Option<i64>)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Source {
    Image { image: String },
    Build { context: String, arguments: BTreeMap<String, Value> },
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Strategy {
    #[default]
    Recreate,
    Rolling {
        surge: String,
    },
}

fn text(number: u64) -> String {
    let containers: String = (0..1 + number % 4)
        .map(|at| {
            let source = if at % 2 == 0 {
                format!("image: \"repo/image:{number}\"")
            } else {
                format!("context: ./c{at}\n    arguments: {{ a: 1, b: [x, 'y', ~], c: {{d: 1.5}} }}")
            };
            format!("  - name: c{at}\n    {source}\n    env:\n    - [PORT, {at}]\n    - [HOST, null]\n")
        })
        .collect();
    let end = match number % 5 {
        3 => "strategy: {type: Rolling, surge: 25%}\n",
        4 => "unknown: 1\n",
        _ => "",
    };
    format!(
        "# number {number}\napiVersion: v1\nmetadata:\n  name: &name app-{number}\n  label: *name\n  text: |\n    some\n    lines\n  folded: >-\n    more\n    words\ncontainers:\n{containers}{end}"
    )
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Mapping(base), Value::Mapping(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(known) => merge(known, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: configuration FILES")?.parse()?;
    let mut merged: Value = serde_norway::from_str("metadata: {team: x}")?;
    let mut kept = Vec::new();
    let mut written = Vec::new();
    let mut errors = Vec::new();
    for number in 0..count {
        step(number);
        let text = text(number);
        step(number);
        let value: Value = serde_norway::from_str(&text)?;
        step(number);
        merge(&mut merged, value.clone());
        step(number);
        let deployment: Deployment = match serde_norway::from_str(&text) {
            Ok(deployment) => deployment,
            Err(error) => {
                errors.push(error.to_string());
                continue;
            }
        };
        step(number);
        written.push(serde_norway::to_string(&deployment)?);
        step(number);
        let again: Deployment = serde_norway::from_value(value)?;
        kept.push((again, deployment.containers.clone()));
        step(number);
        let broken = text.replacen("  - name", " - - [name", 1);
        errors.extend(serde_norway::from_str::<Value>(&broken).err().map(|error| error.to_string()));
    }
    step(1 << 32);
    written.push(serde_norway::to_string(&merged)?);
    step(2 << 32);
    println!("{} bytes, {} kept, {} errors", written.concat().len(), kept.len(), errors.len());
    Ok(())
}

//! Records, written and read with ron. `records COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle { radius: f32, label: Option<String> },
    Path(Vec<(i32, i32)>),
    Group(Vec<Shape>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Scene {
    name: String,
    shapes: Vec<Shape>,
    notes: BTreeMap<String, u64>,
}

fn shape(number: u64, depth: u64) -> Shape {
    match (number + depth) % 4 {
        0 => Shape::Point,
        1 => Shape::Circle {
            radius: number as f32 / 3.0,
            label: (number % 2 == 0).then(|| format!("circle {number}")),
        },
        2 => Shape::Path((0..number as i32 % 5).map(|at| (at, at * at)).collect()),
        _ if depth == 0 => Shape::Point,
        _ => Shape::Group((0..number % 4).map(|inner| shape(number + inner, depth - 1)).collect()),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: records COUNT")?.parse()?;
    let mut kept = Vec::new();
    let mut letters = 0;
    for number in 0..count {
        step(number);
        let scene = Scene {
            name: format!("scene {number}"),
            shapes: (0..1 + number % 5).map(|at| shape(number + at, 3)).collect(),
            notes: (0..number % 3).map(|note| (format!("note {note}"), note)).collect(),
        };
        step(number);
        let text = ron::ser::to_string_pretty(&scene, ron::ser::PrettyConfig::default())?;
        step(number);
        let read: Scene = ron::from_str(&text)?;
        step(number);
        letters += text.len() + usize::from(read == scene);
        let value: ron::Value = ron::from_str(&ron::to_string(&scene.notes)?)?;
        step(number);
        letters += ron::from_str::<Scene>(&text[..text.len() / 2])
            .map_or_else(|error| error.to_string().len(), |_| 0);
        step(number);
        kept.push((scene.clone(), value));
    }
    step(1 << 32);
    println!("{letters} letters, {} scenes", kept.len());
    Ok(())
}

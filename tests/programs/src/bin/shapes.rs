//! Types with methods of the same names in one file, some of them inlined: what is known of one must not be said of the
//! other. `shapes COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::error::Error;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

trait Shape {
    fn outline(&self, size: usize) -> Vec<u8>;
    fn name(&self) -> String;
}

struct Square;
struct Circle;
struct Star;

impl Shape for Square {
    #[inline(never)]
    fn outline(&self, size: usize) -> Vec<u8> {
        vec![4; 40 + size]
    }

    fn name(&self) -> String {
        String::from("square")
    }
}

impl Shape for Circle {
    #[inline(always)]
    fn outline(&self, size: usize) -> Vec<u8> {
        vec![0; 700 + size]
    }

    #[inline]
    fn name(&self) -> String {
        String::from("circle")
    }
}

impl Shape for Star {
    #[inline]
    fn outline(&self, size: usize) -> Vec<u8> {
        (0..10 + size).map(|corner| corner as u8).collect()
    }

    #[inline(never)]
    fn name(&self) -> String {
        format!("star of {} corners", self.outline(0).len())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).ok_or("usage: shapes COUNT")?.parse()?;
    let mut outlines = Vec::new();
    let mut names = Vec::new();
    for size in 0..count {
        step(size as u64);
        outlines.push(Square.outline(size));
        for _ in 0..3 {
            outlines.push(Circle.outline(size));
        }
        outlines.push(Star.outline(size));
        step(size as u64);
        names.extend([Circle.name(), Square.name(), Star.name()]);
        let shapes: [&dyn Shape; 3] = [&Star, &Square, &Circle];
        step(size as u64);
        names.push(shapes[size % 3].name());
    }
    step(u64::MAX - 1);
    println!("{}, {}", outlines.concat().len(), names.concat().len());
    Ok(())
}

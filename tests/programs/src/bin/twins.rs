//! Functions of one macro, and of one generic function, whose code is equal: an optimised build may have one of them, under
//! one of their names. `twins ROUNDS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::error::Error;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

macro_rules! column {
    ($($column:ident)*) => {
        $(
            #[inline(never)]
            fn $column(row: &str, least: usize) -> Vec<String> {
                let mut cells = Vec::with_capacity(least);
                cells.extend(row.split(';').take(least).map(str::to_owned));
                cells
            }
        )*
    };
}

column! { names prices places }

#[derive(Clone, Copy)]
struct Metres(u32);
#[derive(Clone, Copy)]
struct Grams(u32);

trait Unit: Copy {
    fn of(number: u32) -> Self;
    fn number(self) -> u32;
}

impl Unit for Metres {
    fn of(number: u32) -> Self {
        Metres(number)
    }

    fn number(self) -> u32 {
        self.0
    }
}

impl Unit for Grams {
    fn of(number: u32) -> Self {
        Grams(number)
    }

    fn number(self) -> u32 {
        self.0
    }
}

#[inline(never)]
fn measure<U: Unit>(count: u32) -> Vec<Box<U>> {
    (0..count).map(|number| Box::new(U::of(number * 3))).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: usize = std::env::args().nth(1).ok_or("usage: twins ROUNDS")?.parse()?;
    let mut letters = 0;
    let mut numbers = 0;
    for round in 0..rounds {
        step(round as u64);
        let row = "one;two;three and four;five".repeat(1 + round % 3);
        for (index, column) in [names, prices, places].into_iter().enumerate() {
            letters += column(&row, 2 + index).iter().map(String::len).sum::<usize>();
        }
        let count = 2 + round as u32 % 5;
        numbers += measure::<Metres>(count).iter().map(|metres| metres.number()).sum::<u32>();
        numbers += measure::<Grams>(count + 1).iter().map(|grams| grams.number()).sum::<u32>();
    }
    step(u64::MAX - 1);
    println!("{letters} letters, {numbers}");
    Ok(())
}

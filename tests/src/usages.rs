//! Expressions whose usage both the probe and `dhat` can tell.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::hint::black_box;

/// An expression and its name. What it returns is dropped when its usage was read.
pub type Expression = (&'static str, fn() -> Box<dyn std::any::Any>);

/// All of them.
pub const EXPRESSIONS: [Expression; 8] = [
    ("grown_vec", || {
        let mut vec = Vec::new();
        (0..1000u64).for_each(|number| vec.push(number));
        vec.truncate(10);
        vec.shrink_to_fit();
        Box::new(vec)
    }),
    ("equal_peaks", || {
        drop(black_box(vec![1u8; 1000]));
        drop(black_box((vec![1u8; 300], vec![1u8; 700])));
        drop(black_box(vec![1u8; 1000]));
        Box::new(())
    }),
    ("strings", || {
        let mut text = String::new();
        for number in 0..200 {
            let _ = write!(text, "{number} of {}, ", "x".repeat(number % 10));
        }
        Box::new(text.split(',').map(str::to_owned).collect::<Vec<_>>())
    }),
    ("maps", || {
        let tree =
            (0..500u32).map(|number| (number * 7 % 501, number.to_string())).collect::<BTreeMap<_, _>>();
        let mut table = HashMap::<u32, Vec<u8>>::new();
        for (key, value) in &tree {
            table.entry(key % 50).or_default().extend(value.bytes());
        }
        Box::new(table)
    }),
    ("queue", || {
        let mut queue = VecDeque::new();
        for number in 0..300usize {
            queue.push_back(vec![0u8; number]);
            if number % 3 == 0 {
                queue.pop_front();
            }
        }
        Box::new(queue)
    }),
    ("recursion", || {
        fn descend(depth: usize) -> Vec<u8> {
            let mine = black_box(vec![1u8; depth]);
            if depth > 0 { descend(depth - 1) } else { mine }
        }
        Box::new(descend(100))
    }),
    ("zeroed_and_regrown", || {
        let mut zeroed = black_box(vec![0u32; 5000]);
        zeroed.resize(9000, 1);
        zeroed.resize(100, 0);
        zeroed.shrink_to(200);
        zeroed.reserve_exact(10_000);
        Box::new(zeroed)
    }),
    ("caught_panic", || {
        let caught = std::panic::catch_unwind(|| {
            let _unwound = black_box(vec![1u8; 4000]);
            std::panic::resume_unwind(Box::new(black_box([1u8; 50])));
        });
        Box::new(caught.is_err())
    }),
];

/// Looks an expression up.
pub fn named(name: &str) -> Option<Expression> {
    EXPRESSIONS.into_iter().find(|(known, _)| *known == name)
}

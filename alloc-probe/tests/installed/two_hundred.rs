//! Two hundred tests in one process, each with an exact assertion of its own: every other one has a limit that is one
//! byte or one block too low, has to fail, and has to name its own call site and nobody else's.
//!
//! `ALLOC_PROBE_TEST_ROUNDS=100 cargo test -p alloc-probe --test installed two_hundred` runs all of them a hundred times with
//! sixteen threads.

use alloc_probe::{assert_usage, measure};
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::thread;

/// What a test allocates, and its figures derived from its number.
struct Work {
    blocks: u64,
    bytes: u64,
}

impl Work {
    const fn of(number: u64) -> Work {
        let (boxes, size) = (number % 7 + 1, number + 1);
        // A vector of pointers, of eight bytes each, and what they point to.
        Work { blocks: boxes + 1, bytes: boxes * (size + 8) }
    }
}

/// The message of a failure, or nothing.
fn failure(assertion: impl FnOnce()) -> Option<String> {
    let payload = panic::catch_unwind(AssertUnwindSafe(assertion)).err()?;
    payload.downcast::<String>().ok().map(|message| *message)
}

/// Blocks and bytes of a thread that does nothing.
fn idle_thread() -> (u64, u64) {
    let (_, usage) = measure(|| thread::spawn(|| ()).join());
    (usage.total_blocks, usage.total_bytes)
}

macro_rules! tests {
    ($($group:ident $tens:literal),* $(,)?) => { $(
        mod $group {
            tests!(@ $tens t00 0 t01 1 t02 2 t03 3 t04 4 t05 5 t06 6 t07 7 t08 8 t09 9
                          t10 10 t11 11 t12 12 t13 13 t14 14 t15 15 t16 16 t17 17 t18 18 t19 19);
        }
    )* };
    (@ $tens:literal $($name:ident $ones:literal)*) => { $(
        mod $name {
            use super::super::*;

            const NUMBER: u64 = $tens * 20 + $ones;

            /// The call site that a failure has to name.
            #[inline(never)]
            fn allocate() -> Vec<*mut u8> {
                let count = NUMBER as usize % 7 + 1;
                let mut blocks = Vec::with_capacity(count);
                for _ in 0..count {
                    let block = vec![1u8; NUMBER as usize + 1].into_boxed_slice();
                    blocks.push(black_box(Box::into_raw(block)).cast());
                }
                blocks
            }

            fn free(blocks: Vec<*mut u8>) {
                for block in blocks {
                    let block = std::ptr::slice_from_raw_parts_mut(block, NUMBER as usize + 1);
                    // SAFETY: `allocate` made it of a box with as many bytes.
                    drop(unsafe { Box::from_raw(block) });
                }
            }

            #[test]
            fn is_exact() {
                run(NUMBER, concat!(stringify!($name), "::allocate"), module_path!(), || free(allocate()));
            }
        }
    )* };
}

tests!(g0 0, g1 1, g2 2, g3 3, g4 4, g5 5, g6 6, g7 7, g8 8, g9 9);

/// One test: which figure and whether the limit is too low follow from the number.
fn run(number: u64, site: &str, module: &str, work: impl FnOnce() + Send + Copy + 'static) {
    let Work { blocks, bytes } = Work::of(number);
    let in_thread = move || thread::spawn(work).join().expect("it does not panic");
    let too_low = number % 2;
    let idle = idle_thread();
    let message = failure(|| match number / 2 % 5 {
        0 => assert_usage!(peak_bytes == bytes - too_low, work()),
        1 => assert_usage!(total_blocks == blocks - too_low, work()),
        2 => assert_usage!(total_bytes <= bytes - too_low, work()),
        3 => assert_usage!(total_blocks <= blocks + idle.0 - too_low, in_thread()),
        _ => assert_usage!(total_bytes == bytes + idle.1 - too_low, in_thread()),
    });
    let (fails, message) = (message.is_some(), message.unwrap_or_default());
    assert_eq!(fails, too_low == 1, "{module}: {message}");
    if fails {
        let others = message.lines().filter(|line| line.contains("::allocate") && !line.contains(site));
        assert_eq!(others.count(), 0, "{module}: {message}");
        let group = module.split("::").nth(2).unwrap_or_default();
        // With line tables only, as in release builds, debug info has no paths of functions.
        let own = if cfg!(debug_assertions) { format!("{group}::{site}") } else { " allocate ".to_owned() };
        let own = message.lines().filter(|line| line.contains(&own));
        let figures = own.map(|line| line.split_once(" in ").map_or(0, |(_, blocks)| blocks_of(blocks)));
        assert_eq!(figures.sum::<u64>(), blocks, "{module}: {message}");
    }
}

fn blocks_of(text: &str) -> u64 {
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn sixteen_threads_again_and_again() {
    if std::env::var_os("ALLOC_PROBE_TEST_ROUND").is_some() {
        return;
    }
    let rounds = std::env::var("ALLOC_PROBE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(2) {
        let run = Command::new(std::env::current_exe().expect("there is a program"))
            .args(["--test-threads=16", "--quiet", "two_hundred::"])
            .envs([("ALLOC_PROBE_TEST_ROUND", "1"), ("RUST_BACKTRACE", "0")])
            .output()
            .expect("it can be run");
        let output = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && output.contains("201 passed"), "round {round}: {output}");
    }
}

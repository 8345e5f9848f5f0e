//! Assertions pass where a figure is within its limit, and otherwise say what made it: these tests run side by side.

use alloc_probe::{
    assert_alloc_count, assert_live_delta, assert_no_alloc, assert_no_leak, assert_peak_below,
    assert_peak_delta, assert_total_below, assert_usage,
};
use std::future::Future;
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::{fs, thread};

/// The message of a failed assertion. Its functions are named without this file's module, as optimised builds have them.
fn failure<T>(assertion: impl FnOnce() -> T) -> String {
    let payload = panic::catch_unwind(AssertUnwindSafe(assertion)).err().expect("it must fail");
    let message = payload.downcast::<String>().expect("a message");
    message.replace("assertions::", "")
}

#[inline(never)]
fn read_all(kibibytes: usize) -> Vec<u8> {
    let mut all = vec![1u8; 1024];
    for more in 2..=kibibytes {
        all.reserve_exact(1024);
        all.resize(more << 10, 1u8);
    }
    black_box(all)
}

#[inline(never)]
#[allow(clippy::vec_box, reason = "boxes are what is counted")]
fn tokens(number: usize) -> Vec<Box<[u8; 1000]>> {
    let mut tokens = Vec::with_capacity(number);
    for _ in 0..number {
        tokens.push(black_box(Box::new([0u8; 1000])));
    }
    tokens
}

/// The line of a message that names a function.
fn row<'a>(message: &'a str, function: &str) -> &'a str {
    message.lines().find(|line| line.contains(function)).unwrap_or_else(|| panic!("no {function}: {message}"))
}

#[test]
fn a_peak_names_the_lines_that_it_is_made_of() {
    // 16 KiB that were grown into 15 times, and ten blocks of 1000 bytes with a vector of ten pointers.
    let parse = || drop((read_all(16), tokens(10)));
    let peak = 16 * 1024 + 10_000 + 80;
    assert_peak_below!(peak, parse());
    let message = failure(|| assert_peak_below!(peak - 1, parse()));
    let headline = message.lines().next().unwrap_or_default();
    assert_eq!(headline, "memory assertion failed: peak 26464 B is above the limit of 26463 B (+1 B, +0 %)");
    assert!(row(&message, "read_all").starts_with("   16.0 KiB in 1 block     read_all   "), "{message}");
    assert!(row(&message, "read_all").ends_with("Vec grew 15 times"), "{message}");
    assert!(message.contains("    9.8 KiB in 10 blocks   tokens     "), "{message}");
    assert!(message.contains("       80 B in 1 block     tokens     "), "{message}");
    assert!(row(&message, "read_all").contains("tests/installed/assertions.rs:25"), "{message}");
    let file = "alloc-probe/assertions.a_peak_names_the_lines_that_it_is_made_of.json";
    let dump = row(&message, file).trim_start_matches("dump: ").split("  (").next().unwrap_or_default();
    // Paths are shown from the workspace, if they lie in it.
    let found = [dump.to_owned(), format!("../{dump}")].into_iter().find_map(|path| fs::read(path).ok());
    let target = std::env::current_exe().unwrap();
    let target = target.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap();
    let bytes = found.or_else(|| fs::read(target.join(file)).ok()).expect("the dump is there");
    let dump: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(dump["totals"]["peak_bytes"], 26464, "the dump is of the scope");
    let at_sites = dump["sites"].as_array().unwrap().iter();
    assert_eq!(at_sites.filter_map(|site| site["peak_bytes"].as_u64()).sum::<u64>(), 26464);
}

#[test]
fn each_assertion_holds_its_own_figure() {
    let boxes = || drop(tokens(3));
    assert_alloc_count!(== 4, boxes());
    assert_alloc_count!(<= 4, boxes());
    assert_alloc_count!(< 5, boxes());
    assert_alloc_count!(> 3, boxes());
    assert_alloc_count!(>= 4, boxes());
    assert_total_below!(3024, boxes());
    assert_peak_delta!(== 3024, boxes());
    assert_live_delta!(== 0, boxes());
    assert_no_leak!(boxes());
    assert_no_alloc!(black_box(1) + 1);
    assert_usage!(largest_block == 1000, boxes());
    assert_usage!(frees == 4, boxes());
    assert_usage!(reallocs == 0, boxes());
    let headline = |message: String| message.lines().next().unwrap_or_default().to_owned();
    for (message, expected) in [
        (
            failure(|| assert_alloc_count!(<= 3, boxes())),
            "total 4 blocks is above the limit of 3 blocks (+1, +33 %)",
        ),
        (failure(|| assert_alloc_count!(== 5, boxes())), "total 4 blocks is not 5 blocks (-1, -20 %)"),
        (failure(|| assert_alloc_count!(< 4, boxes())), "total 4 blocks is not below 4 blocks (+0, +0 %)"),
        (failure(|| assert_alloc_count!(> 4, boxes())), "total 4 blocks is not above 4 blocks (+0, +0 %)"),
        (
            failure(|| assert_alloc_count!(>= 5, boxes())),
            "total 4 blocks is below the least of 5 blocks (-1, -20 %)",
        ),
        (
            failure(|| assert_total_below!(3023, boxes())),
            "total 3024 B is above the limit of 3023 B (+1 B, +0 %)",
        ),
        (failure(|| assert_peak_delta!(== 1024, boxes())), "peak 3.0 KiB is not 1.0 KiB (+2.0 KiB, +195 %)"),
        (failure(|| assert_no_alloc!(boxes())), "total 4 blocks is above the limit of 0 blocks (+4)"),
        (failure(|| assert_no_leak!(tokens(1))), "live 2 blocks is above the limit of 0 blocks (+2)"),
        (
            failure(|| assert_live_delta!(<= 1007, tokens(1))),
            "live 1008 B is above the limit of 1007 B (+1 B, +0 %)",
        ),
        (
            failure(|| assert_usage!(temporary_blocks > 1, boxes())),
            "temporary 1 block is not above 1 block (+0, +0 %)",
        ),
    ] {
        assert_eq!(headline(message), format!("memory assertion failed: {expected}"));
    }
}

#[test]
fn the_value_of_the_expression_is_handed_on() {
    let mut calls = 0;
    let name = String::from("moved in");
    let value: Result<String, u8> = assert_no_alloc!({
        calls += 1;
        Ok(name)
    });
    assert_eq!((value.as_deref(), calls), (Ok("moved in"), 1));
}

#[test]
fn assertions_are_nested() {
    assert_peak_below!(3000, {
        let first = vec![1u8; 1000];
        assert_peak_below!(2000, drop(black_box(vec![1u8; 2000])));
        drop(black_box(first));
    });
    // What the inner one does to say why it failed is not the outer one's.
    let outer = || failure(|| assert_peak_below!(1999, drop(black_box(vec![1u8; 2000])))).len();
    assert_peak_below!(100_000, assert!(outer() > 0));
}

#[test]
fn what_a_thread_of_the_expression_does_is_named() {
    fn in_thread() -> Box<[u8; 5000]> {
        black_box(Box::new([1u8; 5000]))
    }
    let message = failure(|| assert_usage!(largest_block < 5000, thread::spawn(in_thread).join().unwrap()));
    assert!(row(&message, "in_thread").starts_with("   4.9 KiB in 1 block "), "{message}");
    // Its last steps may come after `thread::scope` has returned.
    for _ in 0..100 {
        assert_no_leak!(thread::scope(|threads| {
            threads.spawn(|| drop(in_thread()));
        }));
    }
}

#[test]
fn a_recursion_is_one_function() {
    fn descend(depth: usize) -> Option<Box<[u8; 100]>> {
        let block = black_box(Box::new([1u8; 100]));
        if depth > 0 { descend(depth - 1) } else { Some(block) }
    }
    let message = failure(|| assert_peak_below!(5000, descend(99)));
    assert!(
        message.starts_with("memory assertion failed: peak 9.8 KiB is above the limit of 4.9 KiB"),
        "{message}"
    );
    assert!(row(&message, "descend").starts_with("   9.8 KiB in 100 blocks "), "{message}");
}

#[test]
fn futures_are_awaited() {
    async fn fetch() -> usize {
        let body = black_box(vec![1u8; 700]);
        std::future::ready(()).await;
        body.len()
    }
    let test = async {
        let length = assert_peak_below!(700, await fetch());
        assert_eq!(assert_no_leak!(await fetch()), length);
        assert_peak_below!(699, await fetch())
    };
    let mut test = pin!(test);
    let message = failure(|| {
        let Poll::Ready(length) = test.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { return };
        assert_eq!(length, 700);
    });
    assert!(message.contains("peak 700 B is above the limit of 699 B (+1 B, +0 %)"), "{message}");
    assert!(
        row(&message, "tests/installed/assertions.rs").starts_with("   700 B in 1 block   "),
        "{message}"
    );
    assert!(message.contains("/assertions.futures_are_awaited.json"), "{message}");
}

#[test]
fn a_panic_in_the_expression_goes_through() {
    fn give_up(reason: &str) {
        panic!("mine: {reason} {}", black_box(vec![0u8; 10]).len());
    }
    let panicked = failure(|| assert_no_alloc!(give_up("all")));
    assert_eq!(panicked, "mine: all 10");
}

#[test]
fn a_limit_must_be_a_figure() {
    assert_eq!(failure(|| assert_peak_below!(-1, ())), "-1 is no limit for a figure of memory");
}

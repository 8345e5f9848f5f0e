//! No line of memory goes from core to core on the common path: what a thread writes for a block of its own, no other thread
//! touches, in any mode; and for a block that another thread has allocated, that is the block's record alone.

// What is held is of optimised code: `cargo test --release`.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(debug_assertions)))]

use alloc_probe_bench::cases::{self, MODES};

/// Lines that two threads pass to each other in a turn: with blocks of their own, and with blocks that are handed over.
fn passed(mode: &str) -> [usize; 2] {
    let output = cases::command(env!("CARGO_BIN_EXE_bench_lines"), mode).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(&text);
        line.trim().parse::<usize>().expect("a number")
    };
    [figure("own"), figure("handed")]
}

#[test]
fn threads_pass_no_line_to_each_other() {
    // One is the program's own, which hands the block's address over: so it is seen where there is any.
    assert_eq!(passed("off"), [0, 1]);
    for mode in &MODES[1..] {
        let [own, handed] = passed(mode);
        println!("{mode}: {own} with blocks of their own, {} with those of another", handed - 1);
        let records = if *mode == "full" { 1 } else { 0 };
        assert_eq!((own, handed), (0, 1 + records), "{mode}");
    }
}

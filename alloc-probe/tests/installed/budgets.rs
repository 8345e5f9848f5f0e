//! Budgets are held against a file and written to it: each check runs this program again, with a package of its own.

use alloc_probe::assert_budget;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

/// Set in the children: how much is allocated.
const BLOCKS: &str = "ALLOC_PROBE_TEST_BLOCKS";

#[inline(never)]
fn work(blocks: usize) -> usize {
    let blocks = (0..blocks).map(|_| black_box(Box::new([1u8; 1000]))).collect::<Vec<_>>();
    blocks.len()
}

/// What children do.
#[test]
fn child() {
    let Some(blocks) = std::env::var(BLOCKS).ok().and_then(|blocks| blocks.parse().ok()) else { return };
    let length = assert_budget!("the work", work(blocks));
    assert_eq!(length, blocks);
    std::thread::scope(|threads| {
        for number in 0..8 {
            threads.spawn(move || assert_budget!(&format!("work_{number}"), work(number + 1)));
        }
    });
}

/// Whether the child passed, and what it said.
fn run(package: &Path, blocks: usize, bless: bool) -> (bool, String) {
    let mut child = Command::new(std::env::current_exe().expect("there is a program"));
    child.args(["--exact", "budgets::child", "--nocapture"]).env("CARGO_MANIFEST_DIR", package);
    child.env(BLOCKS, blocks.to_string()).env("RUST_BACKTRACE", "0").env_remove("ALLOC_PROBE_BLESS");
    if bless {
        child.env("ALLOC_PROBE_BLESS", "1");
    }
    let output = child.output().expect("it can be run");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_budget_is_blessed_and_then_held() {
    let package = tempfile::tempdir().unwrap();
    let file = package.path().join("alloc-budgets.toml");

    let (passed, said) = run(package.path(), 10, false);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    assert!(!passed && said.contains(&format!("no memory budget `the work` for {profile} builds")), "{said}");
    assert!(said.contains("to add it: ALLOC_PROBE_BLESS=1 cargo test budgets::child"), "{said}");
    assert!(!file.exists());

    let (passed, said) = run(package.path(), 10, true);
    assert!(passed, "{said}");
    let text = fs::read_to_string(&file).unwrap();
    // Ten blocks of 1000 bytes, and a vector of ten pointers.
    let expected = format!(
        "\n[\"the work\".{profile}]\nallocations = 11\nlive_blocks = 0\nlive_bytes = 0\npeak_blocks = 11\n\
         peak_bytes = 10080\nreallocs = 0\ntotal_bytes = 10080\n"
    );
    assert!(text.contains(&expected), "{text}");
    let names = text.lines().filter(|line| line.starts_with('[')).collect::<Vec<_>>();
    assert!(names.len() == 9 && names.is_sorted(), "threads bless side by side: {text}");

    let (passed, said) = run(package.path(), 10, false);
    assert!(passed, "{said}");
    let (passed, said) = run(package.path(), 10, true);
    assert!(passed && fs::read_to_string(&file).unwrap() == text, "nothing changed: {said}");

    // One block more, and one less: counts are exact, bytes within the tolerance of 5 %, which 1008 of 10,080 is not.
    for (blocks, line) in [(11, "allocations: 12, budget 11 (+1)"), (9, "allocations: 10, budget 11 (-1)")] {
        let (passed, said) = run(package.path(), blocks, false);
        assert!(!passed && said.contains(line), "{said}");
        assert!(said.contains("work   ") && said.contains("tests/installed/budgets.rs:"), "{said}");
        assert!(said.contains(&format!("peak_bytes: {}, budget 10080 ±5 %", blocks * 1008)), "{said}");
        assert!(said.contains("to accept it: ALLOC_PROBE_BLESS=1 cargo test budgets::child"), "{said}");
    }

    // Bytes alone, within the tolerance and beyond it.
    for (bytes, passes) in [(9700, true), (10_500, true), (9000, false), (11_000, false)] {
        let changed = text.replace("peak_bytes = 10080", &format!("peak_bytes = {bytes}"));
        fs::write(&file, changed).unwrap();
        let (passed, said) = run(package.path(), 10, false);
        assert_eq!(passed, passes, "{said}");
    }

    fs::write(&file, "[the work.debug]\n").unwrap();
    let (passed, said) = run(package.path(), 10, false);
    assert!(
        !passed && said.contains("alloc-budgets.toml`: line 1: expected [name.debug] or [name.release]"),
        "{said}"
    );
    let (passed, _) = run(package.path(), 10, true);
    assert!(
        !passed && fs::read_to_string(&file).unwrap() == "[the work.debug]\n",
        "what can't be read is kept"
    );
}

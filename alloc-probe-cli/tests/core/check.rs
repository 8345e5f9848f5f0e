//! `alloc-probe check`: limits of a dump that is known by hand.

use crate::support::{alloc_probe, directory, orders, orders_in, write};
use std::fs;

/// Runs `check` on the orders dump with a budget's text.
fn check(budget: &str, more: &[&str]) -> (u8, String, String) {
    let directory = directory();
    let file = orders_in(&directory);
    let path = directory.path().join("budget.toml");
    fs::write(&path, budget).expect("the budget can be written");
    let mut larger = orders();
    larger.totals.total_blocks += 657;
    write(&larger, &directory.path().join("larger.json"));
    let budget = path.to_str().expect("UTF-8");
    let outcome = alloc_probe(&[&["check", &file, "--budget", budget], more].concat());
    let name = format!("{}/", directory.path().display());
    (outcome.status, outcome.out.replace(&name, ""), outcome.err.replace(&name, ""))
}

#[test]
fn a_budget_that_is_met_is_a_success() {
    // 600 + 40 + 128 KiB and 512 bytes are live at the peak, of which the cache has 640 KiB.
    let (status, out, err) = check(
        "[limits]\npeak_bytes = \"769 KiB\"\nend_blocks = 2050\npeak_rss_bytes = \"3 MiB\"\n\n\
         [[site]]\nfunction = \"Cache::insert\"\npeak_bytes = 655_360\nrealloc_calls = 10\n",
        &[],
    );
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "ok  end_blocks                   at most 2050     2,050\n\
         ok  peak_bytes                   at most 769 KiB  768.5 KiB (786,944 B)\n\
         ok  peak_rss_bytes               at most 3 MiB    3.0 MiB (3,145,728 B)\n\
         ok  Cache::insert peak_bytes     at most 655360   640.0 KiB (655,360 B)\n\
         ok  Cache::insert realloc_calls  at most 10       10\n\
         \n5 limits, all met\n"
    );
}

#[test]
fn one_byte_above_is_above() {
    let (status, out, _) = check(
        "[limits]\npeak_bytes = 786_943\n[[site]]\nfunction = \"orders::cache::Cache::insert\"\ntotal_blocks = 20\n\
         [[site]]\nfunction = \"gone\"\ntotal_blocks = 20\n",
        &["--format", "github"],
    );
    assert_eq!(status, 1);
    assert_eq!(
        out,
        "OVER  peak_bytes                                 at most 786943  768.5 KiB (786,944 B)\n\
         OVER  orders::cache::Cache::insert total_blocks  at most 20      21\n\
         OVER  gone total_blocks                          at most 20      no stack has this function\n\
         \n3 limits, 3 not met\n\
         ::error title=memory budget not met::orders.json: peak_bytes: 768.5 KiB (786,944 B), at most 786943\n\
         ::error title=memory budget not met::orders.json: orders::cache::Cache::insert total_blocks: 21, at most 20\n\
         ::error title=memory budget not met::orders.json: gone total_blocks: no stack has this function, at most 20\n"
    );
}

#[test]
fn changes_are_from_the_base() {
    let budget = "base = \"larger.json\"\n[limits]\ntotal_blocks = \"-5%\"\ntotal_bytes = \"+0%\"\nunmatched_bytes = \"1%\"\n\
                  [[site]]\nfunction = \"walk\"\ntotal_blocks = \"+0\"\n";
    let (status, out, err) = check(budget, &[]);
    assert_eq!(err, "");
    assert_eq!(
        (status, out.as_str()),
        (
            0,
            "ok  total_blocks       at most -5%  it went from 7,227 to 6,570 (-9.1%)\n\
             ok  total_bytes        at most +0%  it went from 10,617,344 to 10,617,344 bytes (+0.0%)\n\
             ok  unmatched_bytes    at most 1%   it is 0.0%\n\
             ok  walk total_blocks  at most +0   it went from 2,048 to 2,048\n\
             \n4 limits, all met\n"
        )
    );
    let (status, _, err) = check("[limits]\ntotal_blocks = \"+5%\"\n", &[]);
    assert_eq!(status, 2);
    assert_eq!(
        err,
        "error: cannot read `budget.toml`: `total_blocks = \"+5%\"` is a change, and there is no base\n\n\
         hint: name one with --base, or with `base = \"FILE\"` in the budget\n"
    );
}

#[test]
fn a_file_that_is_no_budget_keeps_it_from_its_work() {
    let (status, out, err) = check("[limits]\npeak = 1\n", &[]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(
        err.starts_with("error: cannot read `budget.toml`: no figure is called `peak`; there are"),
        "{err}"
    );
}

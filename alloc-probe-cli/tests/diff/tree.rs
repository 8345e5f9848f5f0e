//! `--tree`.

use crate::support::{debug, diff, diff_at, release};

#[test]
fn the_tree_shows_callers_first_and_what_differs_alone() {
    let expected = "
Call tree of what differs by total-bytes, callers first

  difference                base         new
   −36.0 KiB   −2.0%     1.8 MiB     1.7 MiB  all
   −36.0 KiB   −2.0%     1.8 MiB     1.7 MiB  └─ orders::main
  −100.0 KiB   −100%   100.0 KiB         0 B     ├─ orders::serve → orders::trace_id → String::from
   +64.0 KiB                 0 B    64.0 KiB     └─ orders::pool::fill
";
    let page = diff(&["--tree", "--by", "total-bytes"]).out;
    assert!(page.ends_with(expected), "{page}");
    assert!(page.contains("\nMatched 95.3% of the bytes"), "{page}");
    assert!(!page.contains("Elided in new:"), "{page}");
}

#[test]
fn on_a_narrow_page_the_figures_of_the_sides_give_way() {
    let expected = "
  difference
   −36.0 KiB   −2.0%  all
   −36.0 KiB   −2.0%  └─ orders::main
  −100.0 KiB   −100%     ├─ … → orders::trace_id → String::from
   +64.0 KiB             └─ orders::pool::fill
";
    let page = diff_at(64, &debug(), &release(), &["--tree", "--by", "total-bytes"]).out;
    assert!(page.ends_with(expected), "{page}");
}

#[test]
fn as_many_branches_as_are_asked_for() {
    let expected = "
   −36.0 KiB   −2.0%     1.8 MiB     1.7 MiB  └─ orders::main
  −100.0 KiB   −100%   100.0 KiB         0 B     ├─ orders::serve → orders::trace_id → String::from
   +64.0 KiB                 0 B    64.0 KiB     └─ 1 smaller branch
";
    let page = diff(&["--tree", "--by", "total-bytes", "--top", "2"]).out;
    assert!(page.ends_with(expected), "{page}");
}

#[test]
fn where_nothing_differs_there_is_no_tree() {
    let page = diff_at(100, &debug(), &debug(), &["--tree"]).out;
    assert!(page.ends_with("\n\nNo site differs by peak-bytes.\n"), "{page}");
}

#[test]
fn conditions_hold_for_the_tree_as_well() {
    let outcome = diff(&["--tree", "--fail-if", "end_bytes > 1"]);
    assert_eq!((outcome.status, outcome.err.lines().count()), (1, 1));
    assert_eq!(diff(&["--tree", "--json"]).status, 2);
}

//! Without the one line, nothing passes: every measurement says which line that is.

use alloc_probe::{assert_no_alloc, assert_peak_below, measure};
use std::panic::{self, AssertUnwindSafe};

/// What a panic says.
fn said<T>(f: impl FnOnce() -> T) -> String {
    let payload = panic::catch_unwind(AssertUnwindSafe(f)).err().expect("it must not pass");
    payload.downcast::<String>().map_or_else(|_| "not a message".to_owned(), |message| *message)
}

#[test]
fn the_line_to_add_is_named() {
    for message in [
        said(|| assert_no_alloc!(1 + 1)),
        said(|| assert_peak_below!(usize::MAX, 1 + 1)),
        said(|| alloc_probe::assert_budget!("any", 1 + 1)),
        said(|| measure(|| ())),
        said(alloc_probe::Scope::new),
    ] {
        assert!(message.contains("this program does not allocate through alloc-probe"), "{message}");
        assert!(message.contains("\n    alloc_probe::install!();\n"), "{message}");
    }
    alloc_probe::mark("nothing");
    assert_eq!(alloc_probe::here().run(|| 7), 7, "what measures nothing needs nothing");
}

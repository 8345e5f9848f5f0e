//! `show`, as text.

use crate::support::{alloc_probe, alloc_probe_at, directory, orders, orders_in, write};
use alloc_probe_format::dump::{Mode, Symbols};

#[test]
fn a_page_of_a_hundred_columns() {
    let directory = directory();
    let shown = alloc_probe(&["show", &orders_in(&directory)]);
    assert_eq!(shown.err, "");
    assert_eq!(shown.status, 0);
    let expected = "\
";
    assert_eq!(shown.out, expected);
}

//! The format of dumps and its documents go together.

use crate::root;
use alloc_probe_format::dump::VERSION;
use std::fs;

#[test]
fn the_format_and_its_documents_go_together() {
    let read =
        |path: &str| fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document = read("docs/format.md").to_lowercase();
    assert!(
        document.contains(&format!("version {VERSION}")),
        "docs/format.md doesn't name version {VERSION}"
    );
    let schema = serde_json::from_str::<serde_json::Value>(&read("docs/dump.schema.json")).expect("JSON");
    assert_eq!(schema["properties"]["version"]["const"], VERSION);
}

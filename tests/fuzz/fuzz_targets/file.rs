//! Any file, as `show` and the other commands take it: plain or compressed, a dump, a spool, or anything else.
#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = alloc_probe_cli::load::from_bytes(bytes, Path::new("file")) {
        let line = error.to_string();
        assert!(line.starts_with("cannot read `file`: ") && !line.contains('\n'), "{line}");
    }
});

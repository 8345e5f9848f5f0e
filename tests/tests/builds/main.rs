//! What holds however a program is built: programs that are compiled again, in many ways. `cargo test` alone leaves it out,
//! as it takes minutes:
//!
//! ```text
//! cargo test -p alloc-probe-tests --test builds
//! ```

// How programs are built and run: the suite's own.
#[allow(dead_code, reason = "the suite runs more")]
#[path = "../suite/binaries.rs"]
mod binaries;
#[path = "../suite/cargo.rs"]
mod cargo;
#[path = "../suite/sources.rs"]
mod sources;
#[path = "../suite/tool.rs"]
mod tool;
#[path = "../suite/truth/mod.rs"]
mod truth;

mod checked;
mod frames;
mod mutations;
mod pairs_of_builds;

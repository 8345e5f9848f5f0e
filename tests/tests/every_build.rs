//! The rest of what the suite has a part of: stacks are right with every kind of link-time optimisation, at every
//! optimisation level, with and without frame pointers. `cargo test` alone leaves it out, as it takes minutes:
//!
//! ```text
//! cargo test -p alloc-probe-tests --test every_build
//! ```

#[path = "suite/cargo.rs"]
mod cargo;
#[path = "suite/frames.rs"]
mod frames;

use frames::{Build, Lto};

#[test]
fn stacks_of_every_build() {
    [Lto::Off, Lto::Thin, Lto::Fat].into_iter().flat_map(Build::all).for_each(Build::check);
}

//! How much of real programs is matched from one build to another, and whether what the diff says is so, block by block:
//! the table of docs/matching.md. `cargo test` alone leaves it out, as the programs are built in six ways, which takes minutes:
//!
//! ```text
//! cargo test --release -p alloc-probe-tests --test matching -- --nocapture
//! ```
//!
//! docs/testing.md says how to judge another package's programs, other builds, and how to judge what was recorded before.

#[allow(dead_code)]
#[path = "suite/cargo.rs"]
mod cargo;
#[path = "suite/sources.rs"]
mod sources;
#[path = "suite/truth/mod.rs"]
mod truth;

use truth::build::Package;
use truth::path_in;
use truth::table::{Cell, all_pairs, judge_programs};
use truth::verdict::{LIMITS, Limits};

/// Pairs of builds: all with the first, some with each other, and two runs of one.
const COMPARED: [(&str, &str); 8] =
    [("0", "1"), ("0", "3"), ("0", "s"), ("0", "fat"), ("0", "3x1"), ("1", "3"), ("3", "fat"), ("3", "3")];

#[test]
fn every_program_in_every_build() {
    let builds = std::env::var("TRUTH_BUILDS").ok();
    let builds =
        builds.map(|builds| builds.split(',').map(|build| build.trim().to_owned()).collect::<Vec<_>>());
    let failures = match path_in("TRUTH_PROGRAMS") {
        Some(folder) => {
            let builds = builds.unwrap_or_else(|| ["0", "3", "s", "fat"].map(str::to_owned).to_vec());
            let pairs = all_pairs(&builds);
            judge_programs(&Package::at(&folder), |_| pairs.clone(), |_| LIMITS)
        }
        None => {
            let compared = || COMPARED.map(|(base, new)| (base.to_owned(), new.to_owned())).to_vec();
            let pairs = builds.map_or_else(compared, |builds| all_pairs(&builds));
            let (_folder, short_list) = sources::list(25);
            let (_other_folder, long_list) = sources::list(150);
            let [short_list, long_list] =
                [&short_list, &long_list].map(|list| list.to_str().expect("a plain name"));
            let own = Package::own(&[
                ("parsing", short_list),
                ("document", "1000"),
                ("searching", long_list),
                ("pipeline", long_list),
                ("server", "1000"),
                ("derived", "400"),
                ("twins", "200"),
                ("walk", "400"),
                ("shapes", "40"),
                ("copies", "600"),
            ]);
            judge_programs(&own, |_| pairs.clone(), limits)
        }
    };
    let failures: Vec<String> = failures.into_iter().map(|(_, failure)| failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is asked of a cell.
fn limits(_cell: &Cell) -> Limits {
    LIMITS
}

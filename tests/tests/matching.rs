//! How much of five real programs is matched from one build to another, and whether it is right, block by block: the
//! table of docs/matching.md. `cargo test` alone leaves it out, as the programs are built in six ways, which takes minutes:
//!
//! ```text
//! cargo test --release -p alloc-probe-tests --test matching -- --nocapture
//! ```

#[path = "suite/cargo.rs"]
mod cargo;
#[path = "suite/sources.rs"]
mod sources;
#[path = "suite/truth/mod.rs"]
mod truth;

use truth::{Build, built, judge, record};

const BUILDS: [(&str, Build); 6] = [
    ("0", Build::Dev),
    ("1", Build::Release(Some("opt-level = 1"))),
    ("3", Build::Release(None)),
    ("s", Build::Release(Some("opt-level = 's'"))),
    ("3, fat LTO", Build::Release(Some("lto = 'fat'"))),
    ("3, one unit", Build::Release(Some("codegen-units = 1"))),
];

/// Which are compared, by their place in the list: all with the first, some with each other, and two runs of one.
const COMPARED: [(usize, usize); 8] = [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 2), (2, 4), (2, 2)];

/// Where less than 99 % is matched so far: program, builds, what is matched at least. Whatever is better than that should be
/// taken out of here.
const SHORT: [(&str, (usize, usize), f64); 1] = [("document", (0, 3), 95.0)];

/// What is to be matched exactly from opt-level 0 to 3, of the bytes at the peak and of all, in percent.
const EXACT: [f64; 2] = [93.0, 95.0];

#[test]
fn every_program_in_every_build() {
    let (_folder, short_list) = sources::list(25);
    let (_other_folder, long_list) = sources::list(150);
    let [short_list, long_list] = [&short_list, &long_list].map(|list| list.to_str().expect("a plain name"));
    let mut failed = Vec::new();
    for (program, argument) in [
        ("parsing", short_list),
        ("document", "1000"),
        ("searching", long_list),
        ("pipeline", long_list),
        ("server", "1000"),
    ] {
        let recordings = BUILDS.map(|(_, build)| record(built(build), program, argument));
        let again = record(built(BUILDS[2].1), program, argument);
        for (base, new) in COMPARED {
            let verdict = judge(&recordings[base], if base == new { &again } else { &recordings[new] });
            let what = format!("{program} | {} → {}", BUILDS[base].0, BUILDS[new].0);
            println!("| {what} | {verdict} |");
            let short = SHORT.iter().find(|(of, builds, _)| (*of, *builds) == (program, (base, new)));
            failed.extend(verdict.failure(&what, short.map_or(99.0, |(.., least)| *least), 0));
            let enough = verdict.exact.iter().zip(EXACT).all(|(exact, least)| *exact >= least);
            failed.extend((!enough && (base, new) == (0, 2)).then(|| format!("{what}: {verdict}")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

//! Whole stacks: the frames between a block and `main` are exactly those of the source.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::stacks::{Frame, Stacks};
use alloc_probe_format::dump::Mode;

/// Whether `parts` occur in `chain` in this order, each within the name or the file of a frame.
fn contains_in_order(chain: &[&Frame], parts: &[&str]) -> bool {
    let mut chain = chain.iter();
    parts.iter().all(|part| chain.any(|frame| frame.function.contains(part) || frame.file.contains(part)))
}

/// Asserts that all stacks below `function` go through `parts`, from the inside outwards.
fn check_chain(subject: &'static str, function: &str, parts: &[&str]) {
    for profile in Profile::ALL {
        let run = Subject::new(subject, profile, Mode::Full).run().expect_success();
        let stacks = Stacks::of(&run.dump);
        let chains = stacks.sites_below(function).map(|site| stacks.chain(site)).collect::<Vec<_>>();
        assert!(!chains.is_empty(), "{}: nothing below {function}", run.subject);
        for chain in chains {
            assert!(contains_in_order(&chain, parts), "{}: {function}: {chain:#?}", run.subject);
        }
    }
}

#[test]
fn generic_closure_trait_object_and_iterator() {
    let chain = [
        "calls::leaf",
        "closure",
        "core/src/iter/",
        "calls::by_iterator",
        "calls::ByTrait as subjects::calls::Maker>::make",
        "closure",
        "calls::by_closure",
        "calls::by_generic",
        "calls::main",
        "main",
    ];
    check_chain("calls", "subjects::calls::leaf", &chain);
}

#[test]
fn callback_from_c() {
    // `qsort` itself is C's, from a library that was built elsewhere, without frame pointers.
    check_chain(
        "calls",
        "subjects::calls::compared",
        &["calls::compared", "calls::sorted_by_c::compare", "qsort", "calls::sorted_by_c", "calls::main"],
    );
}

#[test]
fn every_frame_of_a_deep_recursion() {
    for profile in Profile::ALL {
        let run = Subject::new("recursion", profile, Mode::Full).run().expect_success();
        let stacks = Stacks::of(&run.dump);
        let depths = |function| {
            stacks.sites_below(function).map(|site| {
                stacks
                    .chain(site)
                    .iter()
                    .filter(|frame| frame.function == "subjects::recursion::descend")
                    .count()
            })
        };
        // 450 calls, and the one that finds the bottom.
        assert_eq!(depths("subjects::recursion::bottomed").collect::<Vec<_>>(), [451], "{}", run.subject);
        let mut landings = depths("subjects::recursion::descend").collect::<Vec<_>>();
        landings.sort();
        // At the depths 450, 400, … 50, which are 1, 51, … 401 calls deep.
        assert_eq!(landings, [1, 51, 101, 151, 201, 251, 301, 351, 401, 451], "{}", run.subject);
    }
}

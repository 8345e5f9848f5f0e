//! Each class, on pairs made for it and next to it.

use super::*;
use crate::analyse::diff::tests::profile;
use crate::analyse::diff::{Diff, diff};
use alloc_probe_format::dump::Thread;

type Stack = (&'static str, u64, u64);

/// Sites that are the same in every run here, so that most of a run is.
const STEADY: [Stack; 3] = [
    ("a::steady:1 < a::main:1", 1000, 64_000),
    ("a::steady:2 < a::main:1", 1000, 64_000),
    ("a::steady:3 < a::main:1", 1000, 64_000),
];

fn run(opt_level: &str, more: &[Stack]) -> Profile {
    let stacks: Vec<Stack> = STEADY.iter().chain(more).copied().collect();
    let mut profile = profile(&stacks);
    profile.dump.build.opt_level = opt_level.to_owned();
    profile.dump.clock.unit_ns = 1.0;
    profile
}

/// The classes of the pairs, but for those that did not change.
fn changed(diff: &Diff) -> Vec<Class> {
    diff.classes.iter().copied().flatten().collect()
}

#[track_caller]
fn check(base: (&str, &[Stack]), new: (&str, &[Stack]), expected: &[Class]) {
    assert_eq!(changed(&diff(&run(base.0, base.1), &run(new.0, new.1))), expected);
}

/// The class of one site that is changed on either side.
#[track_caller]
fn check_site(
    base: impl Fn(&mut crate::profile::Site),
    new: impl Fn(&mut crate::profile::Site),
    expected: &[Class],
) {
    let stack = [("a::f:7 < a::main:2", 100, 6400)];
    let (mut old, mut young) = (run("0", &stack), run("0", &stack));
    base(&mut old.sites[3]);
    new(&mut young.sites[3]);
    assert_eq!(changed(&diff(&old, &young)), expected);
}

const TEMPORARY: [Stack; 1] = [("a::f:7 < a::main:2", 500, 8000)];
const AS_OFTEN: [Stack; 1] = [("a::g:8 < a::main:2", 500, 90_000)];
const FEW: [Stack; 1] = [("a::f:7 < a::main:2", 100, 1600)];

#[test]
fn what_the_more_optimised_build_lacks_was_elided() {
    check(("0", &TEMPORARY), ("3", &[]), &[Class::Elided]);
    check(("3", &[]), ("0", &TEMPORARY), &[Class::Elided]);
    check(("0", &TEMPORARY), ("3", &FEW), &[Class::Elided]);
    check(("3", &FEW), ("0", &TEMPORARY), &[Class::Elided]);
}

/// What a build with debug assertions calls besides, where some block grows.
const ASSERTED: [Stack; 2] =
    [("a::check:7 < a::main:2", 500, 8000), ("a::list:8 < a::check:9 < a::main:2", 5, 500)];

/// The classes where the base has `ASSERTED`, with debug assertions, and the new run has `there` instead.
fn asserted(change: impl FnOnce(&mut Profile, &mut Profile), there: &[Stack]) -> Vec<Class> {
    let (mut base, mut new) = (run("0", &ASSERTED), run("3", there));
    base.dump.build.debug_assertions = true;
    base.sites[4].figures.realloc_calls = 2;
    change(&mut base, &mut new);
    changed(&diff(&base, &new))
}

#[test]
fn what_debug_assertions_alone_call_was_not_removed_by_optimising() {
    assert_eq!(asserted(|_, _| (), &[]), [Class::DebugOnly; 2]);
    // Of builds of one level as well, and the other way round.
    assert_eq!(
        asserted(|base, new| new.dump.build.opt_level = base.dump.build.opt_level.clone(), &[]),
        [Class::DebugOnly; 2]
    );
    assert_eq!(asserted(std::mem::swap, &[]), [Class::DebugOnly; 2]);
    // The optimiser can remove what does not grow.
    assert_eq!(asserted(|base, _| base.sites[4].figures.realloc_calls = 0, &[]), [Class::Elided; 2]);
    // Both have debug assertions, or are different versions, or did different work.
    assert_eq!(asserted(|_, new| new.dump.build.debug_assertions = true, &[]), [Class::Elided; 2]);
    assert_eq!(asserted(|base, _| base.dump.build.crate_version = "1".to_owned(), &[]), [Class::Gone; 2]);
    let half = |_: &mut Profile, new: &mut Profile| {
        new.sites.iter_mut().for_each(|site| site.figures.total_blocks /= 2)
    };
    assert!(!asserted(half, &[]).contains(&Class::DebugOnly));
    // The other build has part of it under another name.
    let there = [("a::verify:7 < a::main:2", 500, 8000)];
    assert!(!asserted(|_, _| (), &there).contains(&Class::DebugOnly));
}

/// The classes of a site that threads share, three threads in all.
fn shared(base: (u64, u64), new: &[(u64, u64)]) -> Vec<Class> {
    let run = |level: &str, figures: &[(u64, u64)]| {
        let stacks: Vec<Stack> = figures
            .iter()
            .map(|(blocks, bytes)| ("a::f:7 < a::steady:9 < start_thread", *blocks, *bytes))
            .collect();
        let mut run = run(level, &stacks);
        let starts = run.frames.iter_mut().filter(|frame| frame.function == "start_thread");
        starts.for_each(|frame| frame.role = crate::profile::Role::Runtime);
        run.dump.threads = vec![Thread { threads: 3, ..Thread::default() }];
        run
    };
    changed(&diff(&run("0", &[base]), &run("3", new)))
}

#[test]
fn what_threads_share_can_be_fewer_by_chance() {
    assert_eq!(shared((500, 8000), &[(100, 1600)]), [Class::LessWork]);
    assert_eq!(shared((5, 80), &[]), [Class::Gone]);
    assert_eq!(shared((500, 8000), &[]), [Class::Elided]);
}

#[test]
fn what_the_optimiser_cannot_have_removed_is_gone_or_added() {
    check(("3", &TEMPORARY), ("3", &[]), &[Class::Gone]);
    check(("3", &TEMPORARY), ("0", &[]), &[Class::Gone]);
    check(("0", &[]), ("3", &TEMPORARY), &[Class::Added]);
    check(("", &TEMPORARY), ("3", &[]), &[Class::Gone]);
    // Another function allocates as often below the same caller: it may be the same under another name.
    check(("0", &TEMPORARY), ("3", &AS_OFTEN), &[]);
    // No function of the site's is in the other build: nothing is known of it there.
    check(("0", &[("b::f:7 < b::start:2", 500, 8000)]), ("3", &[]), &[Class::Gone]);
}

#[test]
fn a_lack_and_a_surplus_of_one_size_are_no_claim() {
    // Below two callers, which have only `main` in common: the optimiser moves nothing from one to the other.
    let there = [("a::f:7 < a::g:2 < a::main:2", 500, 8000)];
    let here = [("a::x:9 < a::y:4 < a::main:3", 500, 8000)];
    check(("0", &there), ("3", &here), &[]);
    // Blocks of another size make up for nothing there, and neither do a few for many.
    let other = [("a::x:9 < a::y:4 < a::main:3", 500, 16_000)];
    check(("0", &there), ("3", &other), &[Class::Elided, Class::Added]);
    let few = [("a::x:9 < a::y:4 < a::main:3", 10, 160)];
    check(("0", &there), ("3", &few), &[Class::Elided]);
    // Between builds of one level the code can be another.
    check(("3", &there), ("3", &few), &[Class::Gone, Class::Added]);
    check(("3", &there), ("3", &here), &[]);
}

#[test]
fn nothing_of_nothing_is_gone() {
    check(("3", &[("a::f:7 < a::main:2", 0, 0)]), ("3", &[]), &[]);
}

#[test]
fn another_version_is_other_code() {
    let (mut base, new) = (run("0", &TEMPORARY), run("3", &[]));
    base.dump.build.crate_version = "1.0.0".to_owned();
    assert_eq!(changed(&diff(&base, &new)), [Class::Gone]);
}

#[test]
fn counts_say_how_much_was_done() {
    check(("3", &FEW), ("3", &TEMPORARY), &[Class::MoreWork]);
    check(("3", &TEMPORARY), ("3", &FEW), &[Class::LessWork]);
    // The optimiser adds no blocks.
    check(("0", &FEW), ("3", &TEMPORARY), &[Class::MoreWork]);
    check(("0", &[("a::f:7 < a::main:2", 100, 1600)]), ("0", &[("a::f:7 < a::main:2", 101, 1616)]), &[]);
}

#[test]
fn half_the_work_is_not_elided() {
    let half = STEADY.map(|(stack, blocks, bytes)| (stack, blocks / 2, bytes / 2));
    let (base, mut new) = (run("0", &[]), profile(&half));
    new.dump.build.opt_level = "3".to_owned();
    assert_eq!(changed(&diff(&base, &new)), [Class::LessWork; 3]);
}

#[test]
fn growth_in_other_steps_is_capacity() {
    // Five blocks that grew once each, and five that grew three times, which are ten and twenty events.
    check_site(
        |site| (site.figures.total_blocks, site.figures.realloc_calls) = (10, 5),
        |site| {
            (site.figures.total_blocks, site.figures.realloc_calls, site.figures.total_bytes) = (20, 15, 9000)
        },
        &[Class::Capacity],
    );
    check_site(
        |site| site.sizes = vec![(6, 100)].into(),
        |site| site.sizes = vec![(6, 80), (7, 20)].into(),
        &[Class::Capacity],
    );
    check_site(
        |site| site.sizes = vec![(6, 100)].into(),
        |site| site.sizes = vec![(6, 95), (7, 5)].into(),
        &[],
    );
    check_site(|site| site.sizes = vec![(6, 100)].into(), |site| site.sizes = vec![].into(), &[]);
}

#[test]
fn blocks_that_live_at_another_time_are_told() {
    check_site(|site| site.figures.end_blocks = 50, |_| (), &[Class::Lifetime]);
    check_site(|site| site.figures.peak_blocks = 50, |site| site.figures.peak_blocks = 52, &[]);
    check_site(|site| site.figures.temporary_blocks = 100, |_| (), &[Class::Lifetime]);
    check_site(|site| site.figures.peak_bytes = 640, |_| (), &[Class::Lifetime]);
    check_site(|site| site.figures.peak_bytes = 320, |_| (), &[]);
    // Of few blocks, each counts.
    let single = |site: &mut crate::profile::Site| site.figures.total_blocks = 1;
    check_site(
        single,
        |site| (site.figures.total_blocks, site.figures.end_blocks) = (1, 1),
        &[Class::Lifetime],
    );
}

#[test]
fn lifetimes_are_held_against_those_of_the_other_sites() {
    let stack = [("a::f:7 < a::main:2", 100, 6400)];
    let lived = |profile: &mut Profile, unit_ns: f64, buckets: [u8; 4]| {
        profile.dump.clock.unit_ns = unit_ns;
        for (site, bucket) in profile.sites.iter_mut().zip(buckets) {
            let blocks = site.figures.total_blocks;
            site.lifetimes = vec![(bucket, blocks)].into();
            site.figures.lifetime_sum_ns = (f64::from(bucket).exp2() * unit_ns) as u64 * blocks;
        }
    };
    let check = |units: [f64; 2], buckets: [u8; 4], expected: &[Class]| {
        let (mut base, mut new) = (run("0", &stack), run("3", &stack));
        lived(&mut base, units[0], [10, 10, 10, 10]);
        lived(&mut new, units[1], buckets);
        assert_eq!(changed(&diff(&base, &new)), expected, "{buckets:?}");
    };
    // Everything is eight times as fast.
    check([1e5, 1e5], [7, 7, 7, 7], &[]);
    check([1e5, 1e5], [7, 7, 7, 10], &[Class::Lifetime]);
    check([1e5, 1e5], [7, 7, 7, 8], &[]);
    // The same in a unit of its own.
    check([8e5, 1e5], [10, 10, 10, 13], &[Class::Lifetime]);
    // So little may be a thread's waiting for a processor.
    check([1e3, 1e3], [7, 7, 7, 10], &[]);
}

#[test]
fn estimates_differ_by_chance() {
    let sampled = |mut profile: Profile| {
        profile.dump.mode = alloc_probe_format::dump::Mode::Sample;
        profile.dump.sample_bytes = Some(1000);
        profile
    };
    let large = [("a::f:7 < a::main:2", 40_000, 4_000_000)];
    let larger = [("a::f:7 < a::main:2", 42_000, 4_200_000)];
    let twice = [("a::f:7 < a::main:2", 80_000, 8_000_000)];
    let classes = |new: &[Stack]| changed(&diff(&sampled(run("0", &large)), &sampled(run("0", new))));
    assert_eq!(classes(&larger), [], "an error of 1.6% on either side");
    assert_eq!(classes(&twice), [Class::MoreWork]);
    // A site that allocated no more than some means between two samples may have been missed.
    assert_eq!(classes(&[large[0], ("a::g:8 < a::main:2", 1, 9_000)]), []);
    assert_eq!(classes(&[large[0], ("a::g:8 < a::main:2", 1, 11_000)]), [Class::Added]);
}

#[test]
fn nothing_is_told_of_functions_without_names() {
    let nameless = [("0x10 in a < a::main:2", 5000, 320_000)];
    let other = [("0x20 in a < a::main:2", 5000, 320_000)];
    check(("0", &nameless), ("3", &other), &[]);
    check(("0", &[]), ("3", &other), &[]);
}

#[test]
fn where_little_is_matched_nothing_is_gone() {
    let moved = [("b::f:7 < b::main:2", 500_000, 80_000_000)];
    check(("0", &[]), ("0", &moved), &[]);
}

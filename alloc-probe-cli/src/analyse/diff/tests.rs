//! The whole matching on profiles made up for the purpose.

use super::class::Class;
use super::diff;
use super::pair::{MatchKind, Pair, Sites};
use crate::profile::{Frame, FrameId, MissingSymbols, Profile, Role, Site, Stacks};
use alloc_probe_format::dump::{Figures, Image, Mode};
use alloc_probe_format::metric::Metric;

/// A profile from stacks as people write them, the allocation first: `f:12 < main:3`, with blocks and bytes.
pub(super) fn profile(stacks: &[(&str, u64, u64)]) -> Profile {
    let mut frames: Vec<Frame> = Vec::new();
    let mut sites = Vec::new();
    let mut rows = Stacks::default();
    for &(stack, total_blocks, total_bytes) in stacks {
        let ids = stack.split(" < ").map(|text| {
            let digits = text.rsplit_once(':').filter(|(_, line)| line.parse::<u32>().is_ok());
            let (function, line) = digits.unwrap_or((text, ""));
            let frame = Frame {
                function: function.to_owned(),
                path_guessed: false,
                file: None,
                author: None,
                line: line.parse().ok(),
                column: None,
                inlined: false,
                image: None,
                role: if function.starts_with("alloc::") { Role::Standard } else { Role::Program },
            };
            let known = frames.iter().position(|known| *known == frame);
            FrameId(known.unwrap_or_else(|| {
                frames.push(frame);
                frames.len() - 1
            }) as u32)
        });
        sites.push(Site {
            stack: rows.add(ids),
            figures: Figures { total_blocks, total_bytes, ..Figures::default() },
            ..Site::default()
        });
    }
    Profile { frames, sites, stacks: rows, ..Profile::default() }
}

/// Compares, and writes each pair as `kind: base stacks | new stacks`, by their numbers.
fn matched(base: &[(&str, u64, u64)], new: &[(&str, u64, u64)]) -> Vec<String> {
    pairs(&profile(base), &profile(new))
}

/// The same, of builds that are optimised: `x` is inlined.
fn matched_inlined(base: &[(&str, u64, u64)], new: &[(&str, u64, u64)]) -> Vec<String> {
    let [base, new] = [base, new].map(|stacks| {
        let mut profile = profile(stacks);
        profile.frames.iter_mut().for_each(|frame| frame.inlined = frame.function == "a::x");
        profile
    });
    pairs(&base, &new)
}

fn pairs(base: &Profile, new: &Profile) -> Vec<String> {
    let diff = diff(base, new);
    let numbers = |sites: &Option<Sites>| {
        let sites = sites.iter().flat_map(|sites| &sites.sites);
        sites.map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let mut lines: Vec<String> = diff
        .pairs
        .iter()
        .map(|pair| {
            format!(
                "{}: {} | {}",
                pair.kind.map_or("-", MatchKind::name),
                numbers(&pair.base),
                numbers(&pair.new)
            )
        })
        .collect();
    lines.sort();
    lines
}

/// The same of two levels of one version, where all blocks of a stack have the size of its mean.
fn matched_levels(base: &[(&str, u64, u64)], new: &[(&str, u64, u64)]) -> Vec<String> {
    matched_at(["0", "3"], base, new)
}

/// The same at any two levels.
fn matched_at(levels: [&str; 2], base: &[(&str, u64, u64)], new: &[(&str, u64, u64)]) -> Vec<String> {
    pairs(&at_level(levels[0], base), &at_level(levels[1], new))
}

fn at_level(level: &str, stacks: &[(&str, u64, u64)]) -> Profile {
    let mut profile = profile(stacks);
    profile.dump.build.opt_level = level.to_owned();
    profile.dump.mode = Mode::Full;
    for Site { sizes, figures, .. } in &mut profile.sites {
        let mean = figures.total_bytes / figures.total_blocks;
        *sizes = vec![(mean.ilog2() as u8 + 1, figures.total_blocks)].into();
    }
    profile
}

#[test]
fn as_many_blocks_of_other_sizes_are_others() {
    // `f` lost its frame to `main`, and `g` lost its own to `f`.
    let base = [("a::f:7 < a::main:3", 100, 600), ("a::g:2 < a::f:7 < a::main:3", 100, 900)];
    let new = [("a::f:7 < a::main:3", 100, 900), ("a::main:3", 100, 600)];
    assert_eq!(matched_levels(&base, &new), ["exact: 0,1 | 0,1"]);
}

#[test]
fn a_frame_that_cannot_have_been_lost_makes_only_what_it_calls_loose() {
    let base = [("a::f:1 < a::h:5 < a::main:3", 50, 500), ("a::g:2 < a::h:5 < a::main:3", 20, 800)];
    let new = [("a::f:1 < a::h:5 < a::main:3", 50, 500), ("a::g:2 < a::k:9 < a::h:5 < a::main:3", 20, 800)];
    assert_eq!(matched_levels(&base, &new), ["exact: 0 | 0", "subsequence: 1 | 1"]);
}

#[test]
fn the_same_source_at_another_level_is_matched_exactly() {
    let base = [
        ("alloc::push < a::f:10 < a::main:3", 5, 500),
        ("a::f:12 < a::main:3", 5, 50),
        ("a::g:20 < a::main:4", 1, 9),
    ];
    let new = [
        ("a::g:20 < a::main:4", 1, 9),
        ("alloc::grow < alloc::push < a::f:10 < a::main:3", 5, 640),
        ("a::f:12 < a::main:3", 5, 50),
    ];
    assert_eq!(matched(&base, &new), ["exact: 0 | 1", "exact: 1 | 2", "exact: 2 | 0"]);
}

#[test]
fn an_elided_allocation_leaves_its_neighbour_alone() {
    let base =
        [("a::f:10 < a::main:3", 1, 16), ("a::f:12 < a::main:3", 1, 16), ("a::f:12 < a::main:4", 1, 16)];
    let new = [("a::f:12 < a::main:3", 1, 16), ("a::f:12 < a::main:4", 1, 16)];
    assert_eq!(matched(&base, &new), ["-: 0 | ", "exact: 1 | 0", "exact: 2 | 1"]);
}

#[test]
fn lost_frames_are_looked_past_on_either_side() {
    let base = [("a::f:10 < a::g:5 < a::h:7 < a::main:3", 5, 500), ("a::f:10 < a::k:6 < a::main:4", 3, 300)];
    let new = [("a::f:10 < a::main:3", 5, 500), ("a::f:10 < a::main:4", 3, 300)];
    let expected = ["subsequence: 0 | 0", "subsequence: 1 | 1"];
    assert_eq!(matched(&base, &new), expected);
    assert_eq!(matched(&new, &base), expected);
}

#[test]
fn the_surest_of_several_candidates_is_taken() {
    // Without lines, only the callers and the figures tell.
    let base = [("a::f < a::g < a::h < a::main", 5, 500), ("a::f < a::k < a::main", 90, 9000)];
    let new = [("a::f < a::main", 90, 9001), ("a::f < a::g < a::main", 5, 500)];
    assert_eq!(matched(&base, &new), ["subsequence: 0 | 1", "subsequence: 1 | 0"]);
}

#[test]
fn callers_that_both_builds_know_contradict_each_other() {
    let base = [("a::f:1 < a::g:5 < a::main:3", 5, 50), ("a::x:1 < a::k:2 < a::main:9", 1, 1)];
    let new = [("a::f:1 < a::k:6 < a::main:4", 7, 70), ("a::x:1 < a::g:2 < a::main:8", 2, 2)];
    assert_eq!(matched(&base, &new), ["-:  | 0", "-:  | 1", "-: 0 | ", "-: 1 | "]);
}

#[test]
fn a_renamed_caller_contradicts_nothing() {
    let base = [("a::f:1 < a::old:5 < a::main:3", 5, 50)];
    let new = [("a::f:1 < a::renamed:5 < a::main:3", 5, 60)];
    assert_eq!(matched(&base, &new), ["site: 0 | 0"]);
}

#[test]
fn a_function_that_ends_in_the_allocation_may_be_missing() {
    let base = [("a::make:8 < a::f:1 < a::main:3", 5, 50), ("a::f:2 < a::main:3", 1, 7)];
    let new = [("a::f:1 < a::main:3", 5, 50), ("a::f:2 < a::main:3", 1, 7)];
    assert_eq!(matched(&base, &new), ["exact: 1 | 1", "subsequence: 0 | 0"]);
}

#[test]
fn an_arm_that_ends_in_a_jump_loses_its_frame() {
    // `fmt` calls in one arm, and jumps in another.
    let base = [("a::fmt:48 < a::f:1 < a::main:3", 10, 100), ("a::g:9 < a::main:4", 1, 5000)];
    let new = [
        ("a::fmt:48 < a::f:1 < a::main:3", 7, 70),
        ("a::f:1 < a::main:3", 3, 30),
        ("a::g:9 < a::main:4", 1, 5000),
    ];
    let at_levels = |levels: [&str; 2]| {
        let [mut base, mut new] = [profile(&base), profile(&new)];
        base.dump.build.opt_level = levels[0].to_owned();
        new.dump.build.opt_level = levels[1].to_owned();
        pairs(&base, &new)
    };
    assert_eq!(at_levels(["0", "3"]), ["exact: 0 | 0,1", "exact: 1 | 2"]);
    // Of two versions, one may have been written otherwise.
    assert_eq!(at_levels(["3", "3"]), ["exact: 1 | 2", "subsequence: 0 | 0,1"]);
    // What isn't optimised loses nothing.
    assert_eq!(at_levels(["0", "0"]), ["-:  | 1", "exact: 0 | 0", "exact: 1 | 2"]);
}

#[test]
fn a_few_blocks_wait_until_what_figures_tell_has_its_place() {
    // Merged code: what `g` allocates is another line of `f` in the new build, and what that line of `f` allocated is gone.
    let few = ("a::y:1 < a::x:1 < a::w:1 < a::v:1 < a::f:2 < a::main:3", 3, 48);
    let many = ("a::y:1 < a::x:1 < a::w:1 < a::v:1 < a::g:2 < a::other:4", 100, 1600);
    let (same, beside) = (("a::n:1 < a::other:8", 50, 5000), ("a::m:1 < a::f:2 < a::main:3", 50, 5000));
    let moved = ("a::y:1 < a::x:1 < a::w:1 < a::v:1 < a::f:9 < a::main:3", 100, 1600);
    // The few look more like it, and are found there first: three of its blocks could be theirs.
    assert_eq!(
        matched_levels(&[few, many, same, beside], &[moved, same, beside]),
        ["-: 0 | ", "exact: 2 | 1", "exact: 3 | 2", "site: 1 | 0"]
    );
}

#[test]
fn a_call_that_ends_in_a_jump_for_some_callees_is_the_same_for_the_others() {
    let one = ("a::x:1 < a::one:5 < a::dispatch:4 < a::main:3", 50, 500);
    let whole = ("a::y:1 < a::two:6 < a::inner:7 < a::call:8 < a::dispatch:4 < a::main:3", 40, 4000);
    let lost = ("a::y:1 < a::two:6 < a::main:3", 40, 4000);
    assert_eq!(matched_levels(&[one, whole], &[one, lost]), ["exact: 0 | 0", "exact: 1 | 1"]);
}

#[test]
fn a_closure_without_a_line_may_be_any_of_its_file() {
    // Two arms of a closure became one, which has no line. It's no sign of the closure that is called further in.
    let at = |leaf: &str, arm: &str| {
        format!("{leaf} < a::f::{{closure#2}}:9 < a::g:5 < a::f::{{closure#0}}{arm} < a::main:3")
    };
    let stacks = ["a::x:1", "a::y:1"].map(|leaf| ["", ":50", ":64"].map(|arm| at(leaf, arm)));
    let [[x, x_of_one, x_of_other], [y, y_of_one, y_of_other]] = &stacks;
    let base = [(&**x_of_one, 40, 400), (x_of_other, 40, 400), (y_of_one, 40, 400), (y_of_other, 40, 400)];
    let new = [(&**x, 80, 800), (y, 80, 800)];
    assert_eq!(matched_levels(&base, &new), ["exact: 0,1 | 0", "exact: 2,3 | 1"]);
}

#[test]
fn both_builds_lose_a_frame_in_part() {
    // `act` ends in a jump to `load`. Through a pointer, nobody sees that it was called.
    let base = [
        ("a::x:1 < a::load:7 < a::act:4 < a::main:3", 50, 500),
        ("a::x:1 < a::load:7 < a::main:3", 10, 100),
        ("a::y:1 < a::load:8 < a::act:4 < a::main:3", 50, 500),
    ];
    let new = [
        ("a::x:1 < a::load:7 < a::act:4 < a::main:3", 5, 50),
        ("a::x:1 < a::load:7 < a::main:3", 55, 550),
        ("a::y:1 < a::load:8 < a::act:4 < a::main:3", 5, 50),
        ("a::y:1 < a::load:8 < a::main:3", 45, 450),
    ];
    assert_eq!(matched_at(["3", "s"], &base, &new), ["exact: 0,1 | 0,1", "exact: 2 | 2,3"]);
    assert_eq!(matched_at(["s", "3"], &new, &base), ["exact: 0,1 | 0,1", "exact: 2,3 | 2"]);
}

#[test]
fn where_a_function_begins_nothing_calls() {
    // The optimiser leaves the line of `derive` (4). Behind its calls, another may come.
    let base = [("a::x:1 < a::clone:6 < a::main:3", 40, 400), ("a::y:1 < a::clone:7 < a::main:3", 9, 90)];
    let new = |line: u32| {
        let merged = format!("a::x:1 < a::clone:{line} < a::main:3");
        let new = [(&*merged, 40, 400), ("a::y:1 < a::clone:7 < a::main:3", 9, 90)];
        [
            matched_levels(&base, &new),
            matched_at(["3", "0"], &new, &base),
            matched_at(["3", "s"], &base, &new),
        ]
    };
    let (exact, loose) = (["exact: 0 | 0", "exact: 1 | 1"], ["exact: 1 | 1", "subsequence: 0 | 0"]);
    assert_eq!(new(4), [exact, exact, loose], "of two optimised builds, neither says where calls are");
    assert_eq!(new(12), [loose, loose, loose]);
}

#[test]
fn a_function_begins_behind_what_stands_before_it() {
    let in_one_file = |level: &str, line: u32| {
        let call = |of_type: &str, line: u32| format!("<a::{of_type} as c::Clone>::clone:{line} < a::main:3");
        let stacks = [call("A", 6), call("A", 8), call("B", line), call("B", 19), call("C", 24)];
        let amounts = [(40, 400), (70, 7000), (9, 900), (5, 50), (20, 20)];
        let stacks: Vec<(&str, u64, u64)> =
            stacks.iter().zip(amounts).map(|(stack, (blocks, bytes))| (&**stack, blocks, bytes)).collect();
        let mut profile = profile(&stacks);
        profile.frames.iter_mut().for_each(|frame| frame.file = Some("/w/a/src/a.rs".to_owned()));
        profile.dump.build.opt_level = level.to_owned();
        profile
    };
    let base = in_one_file("0", 16);
    let is_exact = |line: u32| pairs(&base, &in_one_file("3", line)).contains(&"exact: 2 | 2".to_owned());
    assert_eq!([14, 9, 7, 4, 17, 21].map(is_exact), [true, true, false, false, false, false]);
}

#[test]
fn of_merged_functions_one_line_is_left() {
    // The closures in `f` (42) and in `g` (50) became one.
    let base = [
        ("a::x:1 < a::c:42 < a::f:2 < a::main:3", 40, 400),
        ("a::x:1 < a::c:50 < a::g:2 < a::main:4", 9, 90),
    ];
    let new = [
        ("a::x:1 < a::c:50 < a::f:2 < a::main:3", 40, 400),
        ("a::x:1 < a::c:50 < a::g:2 < a::main:4", 9, 90),
    ];
    let (exact, loose) = (["exact: 0 | 0", "exact: 1 | 1"], ["exact: 1 | 1", "subsequence: 0 | 0"]);
    assert_eq!(matched_levels(&base, &new), exact);
    assert_eq!(matched_at(["3", "0"], &new, &base), exact);
    assert_eq!(matched_at(["3", "s"], &base, &new), loose, "neither says where calls are");
    let other = [("a::x:1 < a::c:51 < a::f:2 < a::main:3", 40, 400), new[1]];
    assert_eq!(matched_levels(&base, &other), loose, "the other build has no such line");
    let more = [new[0], new[1], ("a::y:1 < a::c:42 < a::main:8", 5, 50)];
    assert_eq!(
        matched_levels(&base, &more)[1..],
        ["exact: 1 | 1", "subsequence: 0 | 0"],
        "42 is still there"
    );
}

#[test]
fn a_closure_of_a_macro_is_at_the_macros_use_where_it_is_inlined() {
    let at = |level: &str, stack: &str, column: u32| {
        let mut profile = at_level(level, &[(stack, 40, 400)]);
        for frame in &mut profile.frames {
            let is_of_macro = frame.function.starts_with("m::");
            frame.file = Some(format!("/w/{}.rs", if is_of_macro { "macros" } else { "main" }));
            frame.column = Some(if frame.function.starts_with("a::{") { column } else { 9 });
        }
        profile
    };
    let base = at("0", "a::x:1 < m::{{closure}}:905 < a::main:3", 0);
    let new = |level: &str, column: u32| at(level, "a::x:1 < a::{{closure}}:3 < a::main:3", column);
    assert_eq!(pairs(&base, &new("3", 9)), ["exact: 0 | 0"]);
    assert_eq!(pairs(&new("3", 9), &base), ["exact: 0 | 0"]);
    assert_eq!(pairs(&base, &new("3", 8)), ["site: 0 | 0"], "not where it's called");
    assert_eq!(pairs(&base, &new("0", 9)), ["site: 0 | 0"], "nothing is inlined");
}

#[test]
fn functions_at_one_address_are_the_same_code() {
    let of = |level: &str, file: &str, stack: &str| {
        let mut profile = at_level(level, &[(stack, 40, 400)]);
        profile.frames[0].file = Some(format!("/w/{file}.rs"));
        profile
    };
    let base = of("0", "writer", "a::Writer::make:20 < a::main:3");
    let mut new = of("3", "output", "b::Output::new:62 < a::main:3");
    assert_eq!(pairs(&base, &new), ["site: 0 | 0"]);
    new.merged.insert("b::Output::new".to_owned(), vec!["b::Reader::make".to_owned()]);
    assert_eq!(pairs(&base, &new), ["site: 0 | 0"], "it's the code of another");
    new.merged.insert("b::Output::new".to_owned(), vec!["a::Writer::make".to_owned()]);
    assert_eq!(pairs(&base, &new), ["exact: 0 | 0"]);
    assert_eq!(pairs(&new, &base), ["exact: 0 | 0"]);
}

#[test]
fn of_one_binary_a_call_is_where_it_is() {
    let runs = |stacks: &[(&str, u64, u64)]| {
        let mut profile = profile(stacks);
        profile.dump.build.opt_level = "3".to_owned();
        profile.dump.images = vec![Image { build_id: "0b".to_owned(), ..Image::default() }];
        profile
    };
    // Boxes of two lines, of which each run has one: in another build, they would be one that moved.
    let base = [("a::f:41 < a::main:3", 60, 600), ("a::x:1 < a::f:9 < a::join:5 < a::main:4", 40, 400)];
    let new = [("a::f:42 < a::main:3", 60, 600), ("a::x:1 < a::f:9 < a::stolen:7 < a::main:4", 40, 400)];
    let [base, mut new] = [runs(&base), runs(&new)];
    assert_eq!(pairs(&base, &new), ["-:  | 0", "-: 0 | ", "subsequence: 1 | 1"]);
    assert_eq!(pairs(&base, &base), ["exact: 0 | 0", "exact: 1 | 1"]);
    let same = "Both are runs of one binary, and allocated the same at every site.";
    assert_eq!(diff(&base, &base).sameness().as_deref(), Some(same));
    assert_eq!(diff(&base, &new).sameness().as_deref(), Some("Both are runs of one binary."));
    let counts = runs(&[]);
    let of_counts = diff(&counts, &counts).sameness();
    assert_eq!(of_counts.as_deref(), Some("Both are runs of one binary."), "no sites are known");
    let as_any = ["site: 1 | 1", "subsequence: 0 | 0"];
    let missing =
        MissingSymbols { image: "/lib/a.so".into(), reason: String::new(), hint: "", frames: 1, bytes: 1 };
    new.missing_symbols.push(missing);
    assert_eq!(pairs(&base, &new), as_any, "their names are not alike");
    new.missing_symbols.clear();
    new.dump.images[0].build_id = "0c".to_owned();
    assert_eq!(pairs(&base, &new), as_any);
}

#[test]
fn what_both_runs_allocate_is_in_neither_alone() {
    let run = |level: &str, build_id: &str, stacks: &[(&str, u64, u64)]| {
        let mut profile = profile(stacks);
        profile.dump.build.opt_level = level.to_owned();
        profile.dump.images = vec![Image { build_id: build_id.to_owned(), ..Image::default() }];
        profile
    };
    let rest = ("a::rest:8 < a::main:9", 500, 500_000);
    let classes = |base: &Profile, new: &Profile| -> Vec<Class> {
        diff(base, new).classes.into_iter().flatten().collect()
    };
    // `f:7` is called by threads that took over work, in another way each time.
    let base = run("3", "0b", &[rest, ("a::f:7 < a::one:1 < a::join:2", 40, 400)]);
    let other = [("a::f:7 < a::other:5", 40, 999)];
    let with = |stacks: &[(&str, u64, u64)]| run("3", "0b", &[&[rest], stacks].concat());
    assert_eq!(classes(&base, &with(&other)), [], "as many at the same line");
    let more = [("a::f:7 < a::one:1 < a::join:2", 40, 400), ("a::f:7 < a::other:5", 60, 999)];
    assert_eq!(classes(&base, &with(&more)), [Class::MoreWork]);
    let added = [("a::f:7 < a::one:1 < a::join:2", 40, 400), ("a::g:7 < a::other:5", 60, 999)];
    assert_eq!(classes(&base, &with(&added)), [Class::Added]);
    let mut sampled = with(&more);
    (sampled.dump.mode, sampled.dump.sample_bytes) = (Mode::Sample, Some(64));
    assert_eq!(classes(&base, &sampled), [], "chance draws more of it");
    // Of two levels, the function is enough.
    let debug = run("0", "0d", &[rest, ("a::f:7 < a::one:1 < a::join:2", 40, 400)]);
    let also = [("a::f:7 < a::one:1 < a::join:2", 40, 400), ("a::f:9 < a::other:5", 60, 999)];
    assert_eq!(classes(&debug, &with(&also)), []);
    assert_eq!(classes(&debug, &with(&added)), [Class::Added]);
}

#[test]
fn what_is_left_of_two_sites_is_the_same_where_it_is_as_much() {
    // Of the calls in `visit`, part has neither its line nor the closure, whose name is that of another file's.
    let base = [
        ("b::closure:9 < b::split:5 < a::visit:20 < a::main:3", 300, 3000),
        ("b::closure:9 < b::split:5 < a::inner:22 < a::visit:21 < a::main:3", 120, 1200),
        ("a::other:1 < a::main:3", 8, 50),
    ];
    let new = [
        ("c::closure:7 < b::split:5 < a::visit < a::main:3", 380, 3800),
        ("c::closure:7 < b::split:5 < a::inner:22 < a::visit:21 < a::main:3", 40, 400),
    ];
    let pairs = matched_levels(&base, &new);
    assert!(pairs.contains(&"site: 0,1 | 0,1".to_owned()), "{pairs:?}");
}

#[test]
fn calls_merged_into_one_are_counted_together() {
    let base =
        [("a::f:1 < a::main:3", 10, 1000), ("a::f:1 < a::main:5", 30, 3000), ("a::f:1 < a::main:7", 2, 20)];
    let new = [("a::f:1 < a::main:3", 40, 4000), ("a::f:1 < a::main:7", 2, 20)];
    assert_eq!(matched(&base, &new), ["exact: 0,1 | 0", "exact: 2 | 1"]);
}

#[test]
fn lines_inserted_above_shift_nothing_apart() {
    let base =
        [("a::f:10 < a::main:3", 1, 10), ("a::f:13 < a::main:4", 1, 10), ("a::f:16 < a::main:5", 1, 10)];
    let new =
        [("a::f:13 < a::main:3", 1, 10), ("a::f:16 < a::main:4", 1, 10), ("a::f:19 < a::main:5", 1, 10)];
    assert_eq!(matched(&base, &new), ["exact: 0 | 0", "exact: 1 | 1", "exact: 2 | 2"]);
}

#[test]
fn nothing_is_compared_with_nothing() {
    assert!(matched(&[], &[]).is_empty());
    assert_eq!(matched(&[("", 1, 1)], &[]), ["-: 0 | "]);
}

/// The numbers of a linear congruential generator: no test needs better ones.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn profile(&mut self) -> Profile {
        let mut profile = profile(&[]);
        let functions = 1 + self.below(12);
        for _ in 0..self.below(200) {
            let frames = (0..self.below(6)).map(|_| {
                let name = self.below(functions);
                // Some lost their path, and some their line.
                let function = if self.below(4) == 0 { format!("f{name}") } else { format!("a::f{name}") };
                profile.frames.push(Frame {
                    function,
                    path_guessed: false,
                    file: (self.below(3) > 0).then(|| format!("/src/f{}.rs", name % 3)),
                    author: None,
                    line: (self.below(5) > 0).then(|| self.below(6) as u32 + 1),
                    column: None,
                    inlined: false,
                    image: None,
                    role: [Role::Program, Role::Program, Role::Standard, Role::Runtime, Role::Allocator]
                        [self.below(5) as usize],
                });
                FrameId(profile.frames.len() as u32 - 1)
            });
            let stack = profile.stacks.add(frames);
            let figures = Figures {
                total_bytes: self.below(10_000),
                total_blocks: self.below(40),
                peak_bytes: self.below(10_000),
                realloc_calls: self.below(9),
                ..Figures::default()
            };
            profile.sites.push(Site { stack, figures, ..Site::default() });
        }
        profile
    }
}

#[test]
fn both_sides_always_add_up() {
    let mut numbers = Numbers(2026);
    for round in 0..300 {
        let (base, new) = (numbers.profile(), numbers.profile());
        let diff = diff(&base, &new);
        type SideOf = fn(&Pair) -> &Option<Sites>;
        for (profile, side) in [(&base, (|pair| &pair.base) as SideOf), (&new, |pair| &pair.new)] {
            let mut sum = Figures::default();
            let mut seen: Vec<u32> = Vec::new();
            for sites in diff.pairs.iter().filter_map(|pair| side(pair).as_ref()) {
                sum.add(&sites.figures);
                seen.extend(&sites.sites);
            }
            let mut expected = Figures::default();
            profile.sites.iter().for_each(|site| expected.add(&site.figures));
            assert_eq!(sum, expected, "round {round}");
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..profile.sites.len() as u32), "round {round}: each site once");
        }
        for pair in &diff.pairs {
            assert_eq!(pair.kind.is_some(), pair.base.is_some() && pair.new.is_some(), "round {round}");
            assert!(pair.base.is_some() || pair.new.is_some(), "round {round}");
        }
    }
}

#[test]
fn a_profile_is_its_own_exact_match() {
    let mut numbers = Numbers(7);
    for round in 0..100 {
        let profile = numbers.profile();
        let diff = diff(&profile, &profile);
        assert!(diff.pairs.iter().all(|pair| pair.kind == Some(MatchKind::Exact)), "round {round}");
        assert!(diff.pairs.iter().all(|pair| pair.distance(Metric::TotalBytes) == 0), "round {round}");
        assert_eq!(diff.matched.bytes.exact_percent, 100.0, "round {round}");
    }
}

#[test]
fn a_recursion_that_became_a_loop_has_all_of_its_depths() {
    // `f` calls itself through `g`, and that call became a jump.
    let base = [
        ("a::x:1 < a::f:10 < a::main:3", 2, 200),
        ("a::x:1 < a::f:10 < a::g:20 < a::f:12 < a::main:3", 3, 700),
        ("a::x:1 < a::f:10 < a::g:20 < a::f:12 < a::g:20 < a::f:12 < a::main:3", 4, 100),
    ];
    let new = [("a::x:1 < a::f:10 < a::main:3", 9, 1000)];
    assert_eq!(matched_inlined(&base, &new), ["exact: 0,1,2 | 0"]);
    assert_eq!(matched_inlined(&new, &base), ["exact: 0 | 0,1,2"]);
    // Where there is less of it, there is less: it's the same code.
    let other = [("a::x:1 < a::f:10 < a::main:3", 2, 200)];
    assert_eq!(matched_inlined(&base, &other), ["exact: 0,1,2 | 0"]);
    // So is what turns allocate elsewhere in them.
    let shown = [new[0], ("a::y:1 < a::f:10 < a::g:20 < a::f:12 < a::main:3", 1, 1)];
    assert_eq!(matched_inlined(&base, &shown), ["-:  | 1", "exact: 0,1,2 | 0"]);
}

#[test]
fn merged_code_of_a_recursion_is_found_by_its_figures() {
    // Two arms of `f` that end in one call: the line is that of either, and what the other arm had called is gone.
    let base = [
        ("a::x:1 < a::f:10 < a::g:20 < a::f:12 < a::main:3", 50, 777),
        ("a::y:1 < a::g:20 < a::f:10 < a::main:3", 1, 1),
    ];
    let new = [("a::x:1 < a::f:12 < a::main:3", 50, 777), ("a::y:1 < a::g:20 < a::f:10 < a::main:3", 1, 1)];
    assert_eq!(matched(&base, &new), ["exact: 0 | 0", "exact: 1 | 1"]);
}

#[test]
fn two_moments_of_one_run_are_told() {
    let at = |seconds: u64, blocks: u64| {
        let mut profile = profile(&[("a::f:41 < a::main:3", blocks, 10 * blocks)]);
        let process = &mut profile.dump.process;
        (process.pid, process.start_unix_ns, process.duration_ns) = (7, 1, seconds * 1_000_000_000);
        profile
    };
    let later = diff(&at(20, 100), &at(50, 300));
    let same = "Both dumps are of one run: the new one was taken 30.0 s later.";
    assert_eq!((later.sameness().as_deref(), later.work), (Some(same), None));
    let earlier = diff(&at(50, 300), &at(20, 100)).sameness();
    assert_eq!(earlier.as_deref(), Some("Both dumps are of one run: the new one was taken 30.0 s earlier."));
    let mut other = at(50, 300);
    other.dump.process.start_unix_ns = 2;
    assert_eq!(diff(&at(20, 100), &other).sameness(), None);
}

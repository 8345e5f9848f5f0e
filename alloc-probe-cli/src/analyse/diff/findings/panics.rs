//! Panics in a profile: the machinery of a panic allocates its message and its exception, so a panic leaves sites.

use crate::analyse::fold;
use crate::profile::{Frame, FrameId, Profile, Role, Site};
use crate::symbolicate::names;

/// A function that panicked.
#[derive(Clone, Debug)]
pub(super) struct Panic<'a> {
    /// The stack from the function that panicked outwards.
    pub(super) stack: &'a [FrameId],
    /// What happened, as `add overflow`.
    pub(super) what: String,
    /// How often it happened at least.
    pub(super) count: u64,
}

/// Where the names of the functions begin that only a panic calls. What catches panics is in every stack.
const MACHINERY: [&str; 9] = [
    "core::panicking::",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_",
    "core::str::slice_error_fail",
    "std::panicking::begin_panic",
    "std::panicking::panic_",
    "std::panicking::rust_panic",
];

/// The functions that panicked in a profile, each with one of its stacks.
pub(super) fn panics(profile: &Profile) -> Vec<Panic<'_>> {
    let machinery: Vec<bool> = profile.frames.iter().map(is_machinery).collect();
    let mut panics: Vec<Panic<'_>> = Vec::new();
    for site in profile.sites.iter().filter(|site| site.figures.total_blocks > 0) {
        let Some(panic) = of_site(profile, site, &machinery) else { continue };
        let function = |panic: &Panic<'_>| &fold::frame(profile, panic.stack[0]).function;
        match panics.iter_mut().find(|known| function(known) == function(&panic)) {
            Some(known) => known.count = known.count.max(panic.count),
            None => panics.push(panic),
        }
    }
    panics
}

/// Whether a site's blocks belong to a panic.
pub(super) fn is_of_panic(profile: &Profile, site: &Site) -> bool {
    site.frames.iter().any(|frame| is_machinery(fold::frame(profile, *frame)))
}

/// The panic that a site's blocks belong to.
fn of_site<'a>(profile: &'a Profile, site: &'a Site, machinery: &[bool]) -> Option<Panic<'a>> {
    let entry = site.frames.iter().rposition(|frame| machinery[frame.0 as usize])?;
    let outside = &site.frames[entry + 1..];
    let program = outside.iter().position(|frame| fold::frame(profile, *frame).role == Role::Program)?;
    let what = what(&names::short_name(&fold::frame(profile, site.frames[entry]).function));
    Some(Panic { stack: &outside[program..], what, count: site.figures.total_blocks })
}

fn is_machinery(frame: &Frame) -> bool {
    let name = names::short_name(&frame.function);
    MACHINERY.iter().any(|start| name.starts_with(start))
}

/// What a panic's entry says of its reason.
fn what(entry: &str) -> String {
    let own = names::own_name(entry);
    if let Some(reason) = own.strip_prefix("panic_const_") {
        return reason.replace('_', " ");
    }
    match own {
        "panic_bounds_check" => "index out of bounds",
        "unwrap_failed" | "expect_failed" => "nothing to unwrap",
        "assert_failed" | "assert_failed_inner" | "assert_matches_failed" => "failed assertion",
        _ if own.starts_with("slice_") => "range out of bounds",
        _ => "panic",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{profile, run};
    use super::*;
    use alloc_probe_format::dump::Figures;

    #[test]
    fn a_panic_is_known_by_its_machinery() {
        let site = |blocks| Site {
            figures: Figures { total_blocks: blocks, ..Figures::default() },
            ..Site::default()
        };
        let profile = profile(
            run(10),
            vec![
                (
                    "alloc::boxed::Box::new < std::panicking::panic_with_hook < std::panicking::panic_handler < \
                     core::panicking::panic_fmt < core::panicking::panic_const::panic_const_add_overflow < \
                     app::sum:9 < app::main:3 < std::panicking::catch_unwind",
                    site(2),
                ),
                ("std::panicking::begin_panic_handler < core::panicking::panic_fmt < app::sum:9", site(7)),
                ("core::panicking::panic_fmt < core::panicking::panic_bounds_check < app::at:4", site(1)),
                ("app::push:5 < app::main:3 < std::panicking::catch_unwind < std::rt::lang_start", site(90)),
                ("core::panicking::panic_fmt < std::rt::lang_start", site(1)),
            ],
        );
        let found: Vec<(&str, &str, u64)> = panics(&profile)
            .iter()
            .map(|panic| {
                let function = &fold::frame(&profile, panic.stack[0]).function;
                (
                    function.as_str(),
                    match panic.what.as_str() {
                        "add overflow" => "add overflow",
                        "index out of bounds" => "index out of bounds",
                        other => panic!("{other}"),
                    },
                    panic.count,
                )
            })
            .collect();
        assert_eq!(found, [("app::sum", "add overflow", 7), ("app::at", "index out of bounds", 1)]);
        let of_panics: Vec<bool> = profile.sites.iter().map(|site| is_of_panic(&profile, site)).collect();
        assert_eq!(of_panics, [true, true, true, false, true]);
    }
}

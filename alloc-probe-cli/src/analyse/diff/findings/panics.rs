//! Panics in a profile: the machinery of a panic allocates its message and its exception, so a panic leaves sites.

use crate::analyse::fold;
use crate::profile::{Frame, FrameId, Profile, Role, Site};
use crate::source::names;

/// A function that panicked.
#[derive(Clone, Debug)]
pub(super) struct Panic {
    /// The stack from the function that panicked outwards.
    pub(super) stack: Vec<FrameId>,
    /// What happened, as `add overflow`.
    pub(super) what: String,
    /// How often it happened at least.
    pub(super) count: u64,
}

/// What happened where there was an error, or nothing, to unwrap.
pub(super) const NOTHING_TO_UNWRAP: &str = "nothing to unwrap";

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

/// What is in each of these.
const HINTS: [&str; 4] = ["panic", "unwrap_failed", "expect_failed", "slice_"];

/// The panics of a profile.
#[derive(Clone, Debug)]
pub(super) struct Panics {
    /// The functions that panicked, each with one of its stacks.
    pub(super) found: Vec<Panic>,
    /// For each row of the profile's stacks, whether only a panic has it.
    rows: Vec<bool>,
}

impl Panics {
    pub(super) fn of(profile: &Profile) -> Panics {
        let machinery: Vec<bool> = profile.frames.iter().map(is_machinery).collect();
        let rows = profile.stacks.rows_with(|frame| machinery[frame.0 as usize]);
        let function = |panic: &Panic| &fold::frame(profile, panic.stack[0]).function;
        let mut found: Vec<Panic> = Vec::new();
        for site in profile.sites.iter().filter(|site| site.figures.total_blocks > 0) {
            let panic = if rows[site.stack as usize] { panic(profile, site, &machinery) } else { None };
            let Some(panic) = panic else { continue };
            match found.iter_mut().find(|known| function(known) == function(&panic)) {
                Some(known) => known.count = known.count.max(panic.count),
                None => found.push(panic),
            }
        }
        Panics { found, rows }
    }

    /// Whether a site's blocks belong to a panic.
    pub(super) fn have(&self, site: &Site) -> bool {
        self.rows[site.stack as usize]
    }
}

/// The panic that a site's blocks belong to. `machinery` says which frames only a panic has.
fn panic(profile: &Profile, site: &Site, machinery: &[bool]) -> Option<Panic> {
    let frames: Vec<FrameId> = profile.frames_of(site).collect();
    let entry = frames.iter().rposition(|frame| machinery[frame.0 as usize])?;
    let outside = &frames[entry + 1..];
    let program = outside.iter().position(|frame| fold::frame(profile, *frame).role == Role::Program)?;
    let what = what(&names::short_name(&fold::frame(profile, frames[entry]).function));
    Some(Panic { stack: outside[program..].to_vec(), what, count: site.figures.total_blocks })
}

fn is_machinery(frame: &Frame) -> bool {
    // Shortening a name takes its time, and there are many.
    let may_be = HINTS.iter().any(|hint| frame.function.contains(hint));
    let is = |name: &str| MACHINERY.iter().any(|start| name.starts_with(start));
    may_be && is(&names::short_name(&frame.function))
}

/// What a panic's entry says of its reason.
fn what(entry: &str) -> String {
    let own = names::own_name(entry);
    if let Some(reason) = own.strip_prefix("panic_const_") {
        return reason.replace('_', " ");
    }
    match own {
        "panic_bounds_check" => "index out of bounds",
        "unwrap_failed" | "expect_failed" => NOTHING_TO_UNWRAP,
        "assert_failed" | "assert_failed_inner" | "assert_matches_failed" => "failed assertion",
        _ if own.starts_with("slice_") => "range out of bounds",
        _ => "panic",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{profile, run};
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
        let panics = Panics::of(&profile);
        let found: Vec<(&str, &str, u64)> = (panics.found.iter())
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
        let of_panics: Vec<bool> = profile.sites.iter().map(|site| panics.have(site)).collect();
        assert_eq!(of_panics, [true, true, true, false, true]);
    }
}

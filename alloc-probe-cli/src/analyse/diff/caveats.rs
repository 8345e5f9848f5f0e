//! What keeps two profiles from being matched, in sentences.

use super::coverage::Coverage;
use crate::profile::Profile;
use alloc_probe_format::dump::{Build, Mode};
use std::path::Path;

/// Where less than this was matched, in percent, the reader should know why.
const ENOUGH: f64 = 90.0;
/// Stacks that were cut matter from this share of a profile's bytes on.
const NOTABLE_CUT: f64 = 0.05;

/// What stands in the way. Different recordings always; the rest only where too little was matched.
pub(super) fn caveats(base: &Profile, new: &Profile, matched: &Coverage) -> Vec<String> {
    let mut found = Vec::new();
    if base.dump.recorded_by != new.dump.recorded_by {
        found.push(format!(
            "the base was recorded by {}, the new one by {}: only figures that both have are compared",
            recorder(base),
            recorder(new)
        ));
    }
    if base.dump.mode != new.dump.mode {
        found.push(format!("the base was recorded with `{}`, the new one with `{}`", mode(base), mode(new)));
    }
    for (side, profile) in [("base", base), ("new one", new)] {
        match profile.dump.mode {
            Mode::Sample => found.push(format!("the {side} was sampled: its figures are estimates")),
            _ if profile.sites.is_empty() => {
                found.push(format!("the {side} has no call sites: only totals can be compared"));
            }
            _ => {}
        }
    }
    if matched.bytes.percent.min(matched.blocks.percent) >= ENOUGH {
        return found;
    }
    let before = found.len();
    // Other tools know the file that ran, and not what its package is called.
    let names = [base, new].map(|profile| profile.dump.build.crate_name.as_str());
    let [base_name, new_name] = match names.iter().any(|name| name.is_empty()) {
        true => [executable(base), executable(new)],
        false => names.map(str::to_owned),
    };
    if base_name != new_name {
        found.push(format!("these are two programs: `{base_name}` and `{new_name}`"));
    }
    type Fact = (&'static str, fn(&Build) -> &str);
    let differences: [Fact; 3] = [
        ("the program's version", |build| &build.crate_version),
        ("the compiler", |build| &build.rustc),
        ("the allocator", |build| &build.allocator),
    ];
    for (what, of) in differences {
        let (base, new) = (of(&base.dump.build), of(&new.dump.build));
        if base != new && !base.is_empty() && !new.is_empty() {
            found.push(format!("{what} differs: {base} in the base, {new} in the new one"));
        }
    }
    for (side, profile) in [("base", base), ("new one", new)] {
        found.extend(profile.missing_symbols.iter().map(|missing| {
            let image = missing.image.file_name().map_or(missing.image.as_path(), Path::new);
            format!("the {side} lacks the symbols of `{}`: {}", image.display(), missing.reason)
        }));
        let bytes = |site: &crate::profile::Site| site.figures.total_bytes as f64;
        let cut: f64 = profile.sites.iter().filter(|site| profile.is_truncated(site)).map(bytes).sum();
        let all: f64 = profile.sites.iter().map(bytes).sum();
        if cut > all * NOTABLE_CUT {
            found.push(format!("the {side} has cut stacks, with {:.0}% of its bytes", cut * 100.0 / all));
        }
    }
    // Of what was drawn, chance explains the rest.
    let are_whole = [base, new].iter().all(|profile| profile.dump.mode == Mode::Full);
    if found.len() == before && are_whole {
        found.push(
            "the dumps show no reason: the sites that are left were removed or added, or were not recognised"
                .to_owned(),
        );
    }
    found
}

/// Who recorded it.
fn recorder(profile: &Profile) -> &str {
    profile.dump.recorded_by.as_deref().unwrap_or("alloc-probe")
}

fn mode(profile: &Profile) -> &'static str {
    match profile.dump.mode {
        Mode::Off => "off",
        Mode::Count => "count",
        Mode::Sample => "sample",
        Mode::Full => "full",
    }
}

/// The name of the file that ran.
fn executable(profile: &Profile) -> String {
    let executable = Path::new(&profile.dump.process.executable);
    executable.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

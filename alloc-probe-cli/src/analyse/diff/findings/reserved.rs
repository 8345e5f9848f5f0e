//! *Reserved, not used*: what the program asked for and never touched, which monitoring of live bytes or of address space
//! shows and resident memory does not.

use super::finding::{Finding, Kind};
use super::place;
use super::runs::{Runs, largest_first};
use super::words::both;
use crate::analyse::evidence::advice;
use crate::analyse::evidence::words::size;
use crate::analyse::signed::signed;
use crate::profile::Profile;
use crate::units::{bytes, plural};

/// Notably more of it in one run, or else notably much in both.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let untouched = |profile: &Profile| Some(profile.dump.memory.heap.as_ref()?.untouched_bytes);
    let (Some(base), Some(new)) = (untouched(runs.base), untouched(runs.new)) else {
        return Vec::new();
    };
    let difference = signed(new) - signed(base);
    let notable = runs.notable_bytes();
    let (bytes, in_both, sites) = if difference.abs() >= notable {
        let sites = runs.by_pair(|site| site.pages.untouched_bytes);
        let sites = sites.into_iter().filter(|(_, bytes)| bytes.signum() == difference.signum()).collect();
        (difference, false, sites)
    } else {
        let of_new = runs.pairs.iter().map(|pair| {
            runs.new_sites(pair).map(|site| site.pages.untouched_bytes).fold(0, u64::saturating_add)
        });
        let sites = largest_first(of_new.map(signed).enumerate().collect());
        (signed(new.min(base)), true, sites)
    };
    if bytes.abs() < notable {
        return Vec::new();
    }
    vec![finding(runs, (base, new), bytes, in_both, sites)]
}

fn finding(
    runs: &Runs<'_>,
    sides: (u64, u64),
    bytes: i64,
    in_both: bool,
    sites: Vec<(usize, i64)>,
) -> Finding {
    let (profile, side) = runs.larger(bytes);
    let mut evidence = vec![format!("live bytes on pages that were never touched: {}", both(sides))];
    if let Some((pair, _)) = sites.first() {
        let pair = &runs.pairs[*pair];
        let sites = || -> Box<dyn Iterator<Item = &crate::profile::Site>> {
            if bytes < 0 { Box::new(runs.base_sites(pair)) } else { Box::new(runs.new_sites(pair)) }
        };
        evidence.push(format!(
            "{} of {}, from {}, {} of them resident",
            plural(sites().map(|site| site.figures.end_blocks).sum(), "live block"),
            self::bytes(sites().map(|site| site.figures.end_bytes).sum()),
            place::of_pair(runs, pair),
            self::bytes(
                sites().map(|site| site.figures.end_bytes.saturating_sub(site.pages.untouched_bytes)).sum()
            )
        ));
    }
    evidence.push(monitoring(profile, side));
    let (verb, whose) = if in_both { ("have", "Both runs") } else { ("has", side) };
    let more = if in_both { "" } else { " more" };
    let mut sentence = format!(
        "{whose} {verb} {}{more} live, but never touched: it takes no memory, only address space.",
        size(bytes)
    );
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Finding {
        kind: Kind::Reserved,
        sentence,
        bytes,
        in_both,
        evidence,
        sites,
        advice: advice::RESERVED.to_owned(),
    }
}

/// What those see who look at the process from outside, beside what is live.
fn monitoring(profile: &Profile, side: &str) -> String {
    let memory = &profile.dump.memory;
    let mut seen = vec![
        format!("{} of address space, with the recording's own", bytes(memory.virtual_bytes)),
        format!("{} resident", bytes(memory.rss_bytes)),
    ];
    if let Some(cgroup) = memory.cgroup.as_ref().filter(|cgroup| cgroup.current_bytes > 0) {
        seen.push(format!("{} in its control group", bytes(cgroup.current_bytes)));
    }
    format!(
        "monitoring of {side} shows {}; {} are live",
        seen.join(", "),
        bytes(profile.dump.totals.end_bytes)
    )
}

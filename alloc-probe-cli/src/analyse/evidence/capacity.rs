//! Live blocks that are what collections grew to by `realloc`, and that nothing has changed since.

use crate::analyse::evidence::words::bucket;
use crate::analyse::signed::signed;
use crate::profile::{Profile, Site};
use crate::units::{bytes, count, duration, plural};
use alloc_probe_format::dump::{Clock, Histogram};

/// What must be known of such blocks.
pub(in crate::analyse) const CANDIDATES: &str =
    "how much of a block its collection uses is not recorded: a table that is full looks the same";

/// What to do about them.
pub(in crate::analyse) const ADVICE: &str = "Compare `len()` with `capacity()` there once the work is done: `shrink_to_fit`, or a new and smaller collection, \
     frees the difference, and `with_capacity` avoids it. Where they are the same, nothing is wasted.";

/// A block is old that has been as it is for this share of the run. As ages are known to a factor of two, one that was
/// last changed after half of the run may count, and one that was last changed in the first third does.
const OLD: f64 = 0.25;
/// How many of a site's blocks must have come from a `realloc` for its live ones to be taken for such.
const REALLOCATED: f64 = 0.9;
/// Where it can't be seen by name how a block came about, it must have grown so many times.
const GROWTHS: u64 = 2;

/// The live blocks of some sites that grew by `realloc`: resident bytes.
#[derive(Debug, Default)]
pub(in crate::analyse) struct Grown {
    /// Of all of them.
    pub(in crate::analyse) grown_bytes: i64,
    /// Of those that have not changed for long.
    pub(in crate::analyse) kept_bytes: i64,
    pub(in crate::analyse) kept_blocks: u64,
    /// How often they and their like grew.
    pub(in crate::analyse) realloc_calls: u64,
    /// Bytes of the old ones that are not resident.
    pub(in crate::analyse) untouched_bytes: u64,
    sizes: Histogram,
    /// The least age of the old ones, as a share of the run.
    age: f64,
}

impl Grown {
    pub(in crate::analyse) fn of<'a>(profile: &Profile, sites: impl Iterator<Item = &'a Site>) -> Grown {
        let mut grown = Grown { age: 1.0, ..Grown::default() };
        for site in sites.filter(|site| has_grown(profile, site)) {
            let figures = &site.figures;
            let resident = figures.end_bytes.saturating_sub(site.pages.untouched_bytes);
            let (old, age) = old_share(&site.ages, &profile.dump.clock, profile.dump.process.duration_ns);
            let part = |bytes: u64| (bytes as f64 * old) as u64;
            grown.grown_bytes += signed(resident);
            grown.kept_bytes += signed(part(resident));
            grown.kept_blocks += part(figures.end_blocks);
            grown.untouched_bytes += part(site.pages.untouched_bytes);
            if old > 0.0 {
                grown.realloc_calls += figures.realloc_calls;
                grown.age = grown.age.min(age);
                grown.sizes.extend(site.sizes.iter().copied().max());
            }
        }
        grown
    }

    pub(in crate::analyse) fn sentence(&self, profile: &Profile, place: &str) -> String {
        let run = duration(profile.dump.process.duration_ns);
        let to = if self.kept_blocks == 1 { "to" } else { "the largest to" };
        let largest = self.sizes.iter().map(|(size, _)| *size).max().unwrap_or(0);
        format!(
            "{} from {place}, {} resident: grown by `realloc` {} times, {to} {}, and unchanged for at least {:.0}% of \
             the run's {run}",
            plural(self.kept_blocks, "live block"),
            bytes(self.kept_bytes.unsigned_abs()),
            count(self.realloc_calls),
            bucket(largest),
            (self.age * 100.0).min(100.0)
        )
    }
}

/// Whether a site's live blocks are what collections made of others when they were full, with room to spare.
fn has_grown(profile: &Profile, site: &Site) -> bool {
    let figures = &site.figures;
    if figures.end_blocks == 0 || (figures.realloc_calls as f64) < figures.total_blocks as f64 * REALLOCATED {
        return false;
    }
    let is_named = |part: &str| {
        profile.frames_of(site).any(|frame| profile.frames[frame.0 as usize].function.contains(part))
    };
    // What was made smaller, or exactly as large as asked for, has no room to spare.
    if is_named("shrink") || is_named("grow_exact") || is_named("reserve_exact") {
        return false;
    }
    is_named("grow_amortized") || figures.realloc_calls >= figures.end_blocks.saturating_mul(GROWTHS)
}

/// Which share of live blocks is old, and the least age of these as a share of the run.
fn old_share(ages: &Histogram, clock: &Clock, duration_ns: u64) -> (f64, f64) {
    let least = |bucket: u8| match bucket {
        0 => 0.0,
        _ => 2_f64.powi(i32::from(bucket) - 1) * clock.unit_ns / duration_ns.max(1) as f64,
    };
    let blocks = |old: bool| -> f64 {
        ages.iter()
            .filter(|(bucket, _)| !old || least(*bucket) >= OLD)
            .map(|(_, blocks)| *blocks as f64)
            .sum()
    };
    let age = ages.iter().map(|(bucket, _)| least(*bucket)).filter(|age| *age >= OLD).fold(1.0, f64::min);
    let all = blocks(false);
    if all > 0.0 { (blocks(true) / all, age) } else { (0.0, age) }
}

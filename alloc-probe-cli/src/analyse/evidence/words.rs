//! Words and names that several findings use.

use crate::profile::Profile;
use crate::units;
use alloc_probe_format::dump::Histogram;

/// A number of bytes without its sign.
pub(in crate::analyse) fn size(bytes: i64) -> String {
    units::bytes(bytes.unsigned_abs())
}

/// The sizes of a bucket of a histogram by powers of two: `512 to 1023 bytes`.
pub(in crate::analyse) fn bucket(bucket: u8) -> String {
    let from = 1_u64 << bucket.min(62);
    match from {
        1 => "1 byte".to_owned(),
        ..1024 => format!("{from} to {} bytes", 2 * from - 1),
        _ => format!("{} to {}", units::bytes(from), units::bytes(2 * from)),
    }
}

/// The bucket with the most bytes, if any, with its count: each counts as the middle of its bucket.
pub(in crate::analyse) fn heaviest(histogram: &Histogram) -> Option<(u8, u64)> {
    let weight = |&(bucket, count): &(u8, u64)| 1.5 * 2_f64.powi(i32::from(bucket)) * count as f64;
    histogram.iter().copied().max_by(|a, b| weight(a).total_cmp(&weight(b)))
}

/// Of which size the holes are that hold most of what is free on pages that blocks hold, in a sentence.
///
/// A hole has at most a page's worth of that at its rims. What lies between is whole pages, which hold no block: so a hole
/// of megabytes counts for no more than one of a page.
pub(in crate::analyse) fn holes(holes: &Histogram, whose: &str) -> Option<String> {
    let weight =
        |&(bucket, count): &(u8, u64)| (1.5 * 2_f64.powi(i32::from(bucket))).min(PAGE) * count as f64;
    let largest = holes.iter().max_by(|a, b| weight(a).total_cmp(&weight(b)))?;
    let all: f64 = holes.iter().map(weight).sum();
    let part = if weight(largest) * 2.0 >= all { "most" } else { "the largest part" };
    let (size, count) = *largest;
    let each = if count > 1 { " each" } else { "" };
    Some(format!(
        "{part} of {whose} is in {} of {}{each} between blocks",
        units::plural(count, "hole"),
        bucket(size)
    ))
}

/// The bytes of a page.
const PAGE: f64 = 4096.0;

/// What a run's allocator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analyse) enum Allocator {
    Glibc,
    Jemalloc,
    Mimalloc,
    Other,
}

impl Allocator {
    /// By what it says of itself, or else by the type that the probe wraps.
    pub(in crate::analyse) fn of(profile: &Profile) -> Allocator {
        let stated = profile.dump.memory.allocator.as_ref().map_or("", |facts| &facts.name);
        let build = &profile.dump.build;
        let name = if stated.is_empty() { &build.allocator } else { stated }.to_lowercase();
        let is_gnu = || name.ends_with("system") && build.target.ends_with("-gnu");
        match () {
            () if name.contains("jemalloc") => Allocator::Jemalloc,
            () if name.contains("mimalloc") => Allocator::Mimalloc,
            () if name.contains("glibc") || is_gnu() => Allocator::Glibc,
            () => Allocator::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_hole_only_the_rims_are_on_pages_that_blocks_hold() {
        let told = |buckets: Vec<(u8, u64)>| holes(&buckets.into(), "it");
        let said = |text: &str| Some(text.to_owned());
        // One of 8 MiB is pages that hold nothing.
        assert_eq!(
            told(vec![(6, 100), (9, 6_000), (23, 1)]),
            said("most of it is in 6,000 holes of 512 to 1023 bytes each between blocks")
        );
        assert_eq!(
            told(vec![(9, 6_000), (10, 4_000), (11, 1_200)]),
            said("the largest part of it is in 4,000 holes of 1.0 KiB to 2.0 KiB each between blocks")
        );
        assert_eq!(
            told(vec![(23, 1)]),
            said("most of it is in 1 hole of 8.0 MiB to 16.0 MiB between blocks")
        );
        assert_eq!(told(vec![]), None);
    }
}

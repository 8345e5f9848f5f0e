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

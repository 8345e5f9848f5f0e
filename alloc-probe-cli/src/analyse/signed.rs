//! Figures as numbers that have a sign, for sums and differences.

/// Leaves room for sums and differences. No process has so much memory that this would cut it; a damaged file may say
/// so.
pub(in crate::analyse) fn signed(bytes: u64) -> i64 {
    bytes.min(1 << 56) as i64
}

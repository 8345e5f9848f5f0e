//! Reading within a limit, and the clock of what is read.

use crate::units;
use std::io::{self, Read};

/// No dump comes near it, but a few compressed bytes can become more than any memory holds.
pub(super) const LIMIT_BYTES: u64 = 2 << 30;

/// The system's monotonic clock, by which every process of the machine records.
pub(super) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Reads to the end, but never more than `limit` bytes.
pub(super) fn read_within(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it holds more than {}, the most that this tool reads", units::bytes(limit));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

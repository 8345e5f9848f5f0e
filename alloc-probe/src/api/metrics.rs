//! The figures of the process as metrics.

use super::control::{self, stats};
use crate::profile::resident;
use crate::shared::exposition::Exposition;
use crate::shared::mode::Mode;
use crate::spool;
use alloc_probe_format::spool::{Section, header};
use std::sync::atomic::Ordering::Relaxed;

/// The figures of the process in [Prometheus' text format], version 0.0.4: what a service answers at `/metrics`, with the
/// content type `text/plain; version=0.0.4`.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let text = alloc_probe::metrics();
/// assert!(text.contains("\nalloc_probe_live_bytes "));
/// # }
/// ```
///
/// Those of [`stats`] are as it has them, and as they were before the text had memory. What is not known is not there: if
/// nothing was ever recorded, all figures. A call takes some microseconds, and some more for each thread; no thread waits
/// for it. `docs/api.md` in the repository lists the metrics.
///
/// [Prometheus' text format]: https://prometheus.io/docs/instrumenting/exposition_formats/
pub fn metrics() -> String {
    let stats = stats();
    let resident = resident::now();
    let mut metrics = Exposition::new(stats.mode);
    if !control::prepared() {
        return metrics.finish();
    }
    metrics.stats(&stats);
    let header = |word: usize| spool::header()[word].load(Relaxed);
    metrics.counter("failed_allocations_total", "Allocations that failed.", header(header::FAILED));
    metrics.counter(
        "lost_blocks_total",
        "Blocks that could not be recorded and are in no figure.",
        header(header::LOST_BLOCKS),
    );
    metrics.counter("lost_bytes_total", "The bytes of these.", header(header::LOST_BYTES));
    metrics.gauge("threads", "Threads alive that have allocated.", header(header::THREADS_ALIVE));
    if let Some(resident) = resident {
        metrics.gauge("resident_bytes", "Resident memory of the process.", resident.bytes);
        metrics.gauge(
            "resident_shared_bytes",
            "Of these, pages of files and of shared memory.",
            resident.shared_bytes,
        );
    }
    metrics.gauge("profile_bytes", "Memory that the profile has.", spool::taken_bytes());
    if crate::mode::has_stacks() {
        metrics.gauge("stacks", "Stacks that were recorded.", header(header::COUNTS + Section::SITES.0));
        metrics.counter(
            "unattributed_blocks_total",
            "Blocks recorded without a stack, for want of space.",
            header(header::UNATTRIBUTED),
        );
        metrics.counter(
            "truncated_stacks_total",
            "Stacks of which frames were left out.",
            header(header::TRUNCATED),
        );
    }
    if stats.mode == Mode::Sample {
        metrics.gauge(
            "sampling_interval_bytes",
            "Mean bytes from one sampled block to the next.",
            header(header::SAMPLE_BYTES),
        );
    }
    metrics.finish()
}

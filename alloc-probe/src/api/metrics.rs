//! The figures of the process as metrics.

use super::control::{self, stats};
use crate::os::{clock, monotonic_ns};
use crate::profile::operations::{self, Reading};
use crate::profile::resident;
use crate::shared::exposition::Exposition;
use crate::shared::mode::Mode;
use crate::spool;
use alloc_probe_format::spool::{Section, header, operation as word};
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
    let mut metrics = Exposition::new(stats.mode, operations::readings().count());
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
    add_operations(&mut metrics);
    metrics.finish()
}

/// What the program does by name: nothing, where it gave none.
fn add_operations(metrics: &mut Exposition) {
    let operations = operations::readings();
    if operations.clone().next().is_none() {
        return;
    }
    for (head, word) in OF_OPERATIONS {
        metrics.by_operation(
            head,
            operations.clone().map(|operation| {
                let value = operation.word(word);
                (operation, value)
            }),
        );
    }
    let tick_ns = tick_ns();
    metrics.histogram("operation_seconds", "How long operations took that ended.");
    for operation in operations {
        let within = BOUNDS.into_iter().map(|(text, ns)| (text, operation.within((ns / tick_ns) as u64)));
        let count = operation.within(u64::MAX);
        let seconds = operation.word(word::TICKS) as f64 * tick_ns / 1e9;
        metrics.seconds_of("operation_seconds", operation.name(), within, (count, seconds));
    }
}

/// The figures of an operation, and where they are.
const OF_OPERATIONS: [((&str, &str, &str), usize); 7] = [
    (("operations_started_total", "counter", "How often operations began."), word::STARTED),
    (
        ("operations_finished_total", "counter", "How often they ended, but by being cancelled."),
        word::FINISHED,
    ),
    (("operations_failed_total", "counter", "How often of these they failed."), word::FAILED),
    (
        ("operations_cancelled_total", "counter", "How often their futures were dropped early."),
        word::CANCELLED,
    ),
    (("operation_allocated_bytes_total", "counter", "Bytes allocated in operations."), word::TOTAL_BYTES),
    (("operation_allocated_blocks_total", "counter", "The same in blocks."), word::TOTAL_BLOCKS),
    (("operation_peak_bytes", "gauge", "The most that one made live bytes grow."), word::PEAK_BYTES),
];

/// Bounds of the histogram: in seconds, as text, and in nanoseconds.
const BOUNDS: [(&str, f64); 16] = [
    ("0.0001", 1e5),
    ("0.00025", 2.5e5),
    ("0.0005", 5e5),
    ("0.001", 1e6),
    ("0.0025", 2.5e6),
    ("0.005", 5e6),
    ("0.01", 1e7),
    ("0.025", 2.5e7),
    ("0.05", 5e7),
    ("0.1", 1e8),
    ("0.25", 2.5e8),
    ("0.5", 5e8),
    ("1", 1e9),
    ("2.5", 2.5e9),
    ("5", 5e9),
    ("10", 1e10),
];

/// How long a tick of the clock is, in nanoseconds: from now and the start on both clocks.
fn tick_ns() -> f64 {
    let header_word = |word: usize| spool::header()[word].load(Relaxed);
    let ticks = clock::ticks().wrapping_sub(header_word(header::START_TICKS));
    let nanos = monotonic_ns().wrapping_sub(header_word(header::START_MONO_NS));
    if header_word(header::CLOCK) == 2 || ticks == 0 { 1.0 } else { nanos as f64 / ticks as f64 }
}

impl AsRef<str> for Reading {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

//! Prometheus' text format, version 0.0.4.

use super::mode::Mode;
use super::stats::Stats;
use std::fmt::{Display, Write as _};

/// Metrics, as text. The figures are read before there is memory for it, so they don't have it.
pub(crate) struct Exposition(String);

/// More than all metrics take, so that the text is one block.
const BYTES: usize = 8 << 10;

/// More than those of one operation take, whose name may have 128 bytes, and as many again if each of them is escaped.
const OPERATION_BYTES: usize = 10 << 10;

const MODES: [(Mode, &str); 4] =
    [(Mode::Off, "off"), (Mode::Count, "count"), (Mode::Sample, "sample"), (Mode::Full, "full")];

impl Exposition {
    /// What can be said whether or not anything is recorded, with room for the figures of so many operations.
    pub(crate) fn new(mode: Mode, operations: usize) -> Exposition {
        let mut metrics = Exposition(String::with_capacity(BYTES + operations * OPERATION_BYTES));
        metrics.head("build_info", "gauge", "The version of alloc-probe, and how it was compiled.");
        let [version, opt_level, rustc] =
            [env!("CARGO_PKG_VERSION"), env!("ALLOC_PROBE_OPT_LEVEL"), env!("ALLOC_PROBE_RUSTC")];
        metrics.value("build_info", &[("version", version), ("opt_level", opt_level), ("rustc", rustc)], 1);
        metrics.head("mode", "gauge", "1 for how much is recorded now, 0 for the others.");
        for (one, name) in MODES {
            metrics.value("mode", &[("mode", name)], u64::from(one == mode));
        }
        metrics
    }

    /// What [`stats`](crate::stats) has.
    pub(crate) fn stats(&mut self, stats: &Stats) {
        self.counter(
            "allocated_bytes_total",
            "Bytes ever allocated, as they were asked for.",
            stats.total_bytes,
        );
        self.counter("allocated_blocks_total", "Blocks ever allocated.", stats.total_blocks);
        self.counter("freed_bytes_total", "Bytes freed, or replaced by a reallocation.", stats.freed_bytes);
        self.counter(
            "freed_blocks_total",
            "Blocks freed, or replaced by a reallocation.",
            stats.freed_blocks,
        );
        self.counter("realloc_calls_total", "Blocks that came from a reallocation.", stats.realloc_calls);
        self.gauge("live_bytes", "Bytes allocated and not freed.", stats.live_bytes);
        self.gauge("live_blocks", "Blocks allocated and not freed.", stats.live_blocks);
        self.gauge("peak_bytes", "The most bytes that were live at one instant.", stats.peak_bytes);
        self.gauge("peak_blocks", "The blocks that were live at that instant.", stats.peak_blocks);
    }

    /// A figure that only ever grows.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.value(name, &[], value);
    }

    /// A figure that goes up and down.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.value(name, &[], value);
    }

    /// A family of figures with a value for each operation, by its name.
    #[cfg(not(portable))]
    pub(crate) fn by_operation<Name: AsRef<str>>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        values: impl Iterator<Item = (Name, u64)>,
    ) {
        self.head(name, kind, help);
        for (operation, value) in values {
            self.value(name, &[("operation", operation.as_ref())], value);
        }
    }

    /// The head of a histogram, whose parts follow.
    #[cfg(not(portable))]
    pub(crate) fn histogram(&mut self, name: &str, help: &str) {
        self.head(name, "histogram", help);
    }

    /// A histogram of one operation, in seconds: how many took no longer than a bound, in ascending order, how many there
    /// were, and how long they took together.
    #[cfg(not(portable))]
    pub(crate) fn seconds_of(
        &mut self,
        name: &str,
        operation: &str,
        within: impl Iterator<Item = (&'static str, u64)>,
        (count, sum_seconds): (u64, f64),
    ) {
        for (bound, count) in within.chain([("+Inf", count)]) {
            self.part(name, "_bucket", &[("operation", operation), ("le", bound)], count);
        }
        self.part(name, "_sum", &[("operation", operation)], sum_seconds);
        self.part(name, "_count", &[("operation", operation)], count);
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP alloc_probe_{name} {help}\n# TYPE alloc_probe_{name} {kind}\n"));
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.part(name, "", labels, value);
    }

    fn part(&mut self, name: &str, part: &str, labels: &[(&str, &str)], value: impl Display) {
        self.write(format_args!("alloc_probe_{name}{part}"));
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{label}=\""));
            for c in text.chars() {
                match c {
                    '\\' | '"' => self.write(format_args!("\\{c}")),
                    '\n' => self.write(format_args!("\\n")),
                    _ => self.0.push(c),
                }
            }
            self.0.push('"');
        }
        self.write(format_args!("{} {value}\n", if labels.is_empty() { "" } else { "}" }));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // A `String` takes everything.
        let _ = self.0.write_fmt(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_its_meaning_its_kind_and_its_value() {
        let mut metrics = Exposition(String::new());
        metrics.gauge("live_bytes", "Bytes.", 7);
        metrics.value("build_info", &[("a", "1"), ("b", "\"\\\n")], u64::MAX);
        assert_eq!(
            metrics.finish(),
            "# HELP alloc_probe_live_bytes Bytes.\n# TYPE alloc_probe_live_bytes gauge\nalloc_probe_live_bytes 7\n\
             alloc_probe_build_info{a=\"1\",b=\"\\\"\\\\\\n\"} 18446744073709551615\n"
        );
    }
}

//! Figures for each unit of work, beside the absolute ones.

use super::change;
use super::view::View;
use crate::analyse::diff::work::Unit;
use crate::term::{style, text};
use crate::units::{self, count};
use alloc_probe_format::dump::Figures;
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// Columns of a row's name, and of a figure.
const NAME: usize = 18;
const FIGURE: usize = 12;

/// A figure of a run that grows with its work: its name for people and in JSON, and how it is had.
pub(in crate::render) type Figure = (&'static str, &'static str, fn(&Figures) -> u64);

/// The figures that work is paid with, and what it leaves behind. A peak is no sum over the work.
pub(in crate::render) const FIGURES: [Figure; 7] = [
    ("total", "total_bytes", |figures| figures.total_bytes),
    ("total blocks", "total_blocks", |figures| figures.total_blocks),
    ("temporary blocks", "temporary_blocks", |figures| figures.temporary_blocks),
    ("realloc calls", "realloc_calls", |figures| figures.realloc_calls),
    ("copied by realloc", "moved_bytes", |figures| figures.moved_bytes),
    ("end", "end_bytes", |figures| figures.end_bytes),
    ("end blocks", "end_blocks", |figures| figures.end_blocks),
];

/// Whether a figure is a sum over the work that was done.
pub(super) const fn is_of_work(metric: Metric) -> bool {
    matches!(metric, Metric::TotalBytes | Metric::TotalBlocks | Metric::TemporaryBlocks)
}

/// Writes the figures for each unit; nothing where no unit is known.
pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, options, .. } = *view;
    let Some(unit) = options.unit else { return Ok(()) };
    let (strong, faint) = (style::STRONG, style::FAINT);
    let title = text::cut_end(&format!("For each {}", unit.name), NAME - 1);
    writeln!(
        out,
        "\n{strong}{title:<NAME$}{strong:#}{faint}{:>FIGURE$}{:>FIGURE$}{:>FIGURE$}{faint:#}",
        "base", "new", "difference"
    )?;
    for (name, key, of) in FIGURES {
        let is_bytes = key.ends_with("_bytes");
        let sides = (of(&base.dump.totals), of(&new.dump.totals));
        if sides == (0, 0) {
            continue;
        }
        let (was, is) = unit.of(sides);
        let look = change::style_of(was, is);
        write!(out, "{name:<NAME$}{:>FIGURE$}{:>FIGURE$}", figure(was, is_bytes), figure(is, is_bytes))?;
        let percent = change::percent(was, is);
        let percent = if percent.is_empty() { percent } else { format!("{percent:>8}") };
        writeln!(out, "{look}{:>FIGURE$}{percent}{look:#}", difference(was, is, is_bytes))?;
    }
    let percent = change::percent(unit.base as f64, unit.new as f64);
    let percent = if percent.is_empty() { percent } else { format!("{percent:>20}") };
    writeln!(
        out,
        "{faint}{:<NAME$}{:>FIGURE$}{:>FIGURE$}{faint:#}{percent}",
        "passed",
        count(unit.base),
        count(unit.new)
    )
}

/// Both figures of a site for each unit: `1.5 KiB → 1.2 KiB each`.
pub(super) fn from_to(unit: &Unit, sides: (u64, u64), is_bytes: bool) -> String {
    let (was, is) = unit.of(sides);
    format!("{} → {} each", figure(was, is_bytes), figure(is, is_bytes))
}

/// A figure for a unit of work, which is seldom whole: the smaller, the more decimals.
pub(super) fn figure(value: f64, is_bytes: bool) -> String {
    let unit = if is_bytes { " B" } else { "" };
    match value {
        0.0 => format!("0{unit}"),
        ..0.0001 => format!("<0.0001{unit}"),
        ..0.1 => format!("{value:.4}{unit}"),
        ..9.995 => format!("{value:.2}{unit}"),
        ..99.95 => format!("{value:.1}{unit}"),
        _ => units::figure(value.round() as u64, is_bytes),
    }
}

/// How much more the new one is, with its sign; `=` where it is the same as far as it is shown.
pub(super) fn difference(was: f64, is: f64, is_bytes: bool) -> String {
    let more = is - was;
    match figure(more.abs(), is_bytes) {
        _ if more == 0.0 => "=".to_owned(),
        size if size.starts_with('<') => "=".to_owned(),
        size if more > 0.0 => format!("+{size}"),
        size => format!("−{size}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_unit_keep_what_tells() {
        let cases = [
            (0.0, true, "0 B"),
            (0.000_01, false, "<0.0001"),
            (0.0033, false, "0.0033"),
            (1.5, false, "1.50"),
            (12.25, true, "12.2 B"),
            (999.6, true, "1000 B"),
            (1536.0, true, "1.5 KiB"),
            (12_345.4, false, "12,345"),
        ];
        for (value, is_bytes, expected) in cases {
            assert_eq!(figure(value, is_bytes), expected);
        }
        assert_eq!(difference(2.5, 1.25, false), "−1.25");
        assert_eq!(difference(1.0, 1.0, true), "=");
        assert_eq!(difference(1.0, 1.000_01, true), "=");
        assert_eq!(difference(0.0, 2048.0, true), "+2.0 KiB");
    }
}

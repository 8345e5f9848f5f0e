//! The table of operations, as text.

use crate::analyse::operations::{Operated, operations};
use crate::profile::Profile;
use crate::term::{style, text};
use crate::units::{bytes, count, duration};
use std::io::{self, Write};

/// Operations in the table.
const TOP: usize = 10;

/// The least columns of names.
const LEAST_NAME: usize = 12;

/// Writes what the program did by name, if it gave any names: how often and how long, and how much memory it took.
///
/// # Errors
///
/// Those of `out`.
pub fn write(profile: &Profile, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let operations = operations(profile);
    if operations.is_empty() {
        return Ok(());
    }
    let (strong, faint) = (style::STRONG, style::FAINT);
    let mut rows: Vec<[String; COLUMNS]> = vec![HEAD.map(str::to_owned)];
    rows.extend(operations.iter().take(TOP).map(row));
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0));
    let names = width.saturating_sub(widths.iter().map(|column| column + 2).sum()).max(LEAST_NAME);
    writeln!(out)?;
    let title = ["Operations".to_owned()];
    let named = operations.iter().take(TOP).map(|operation| operation.recorded.name.clone());
    for (index, (name, cells)) in title.into_iter().chain(named).zip(&rows).enumerate() {
        let style = if index == 0 { strong } else { style::PLAIN };
        let name = text::cut_end(&name, names);
        write!(out, "{style}{name}{:gap$}{style:#}", "", gap = names - text::width(&name))?;
        let shade = if index == 0 { faint } else { style::PLAIN };
        for (cell, width) in cells.iter().zip(widths) {
            write!(out, "  {:gap$}{shade}{cell}{shade:#}", "", gap = width - text::width(cell))?;
        }
        writeln!(out)?;
    }
    if let Some(more) = operations.len().checked_sub(TOP).filter(|more| *more > 0) {
        writeln!(out, "{faint}and {more} more, which took less time{faint:#}")?;
    }
    for operation in operations.iter().take(TOP) {
        if let Some(remark) = remark(operation) {
            writeln!(out, "{faint}{}{faint:#}", text::cut_end(&remark, width))?;
        }
    }
    Ok(())
}

const COLUMNS: usize = 9;

const HEAD: [&str; COLUMNS] =
    ["times", "a second", "p50", "p99", "max", "blocks", "bytes", "at peak", "at end"];

fn row(operation: &Operated<'_>) -> [String; COLUMNS] {
    const UNKNOWN: &str = "–";
    let recorded = operation.recorded;
    let time = |of: fn(&crate::analyse::operations::Latency) -> u64| {
        operation.latency.as_ref().map_or_else(|| UNKNOWN.to_owned(), |latency| duration(of(latency)))
    };
    let held = |of: fn(&alloc_probe_format::dump::Figures) -> u64| {
        operation.figures.as_ref().map_or_else(|| UNKNOWN.to_owned(), |figures| bytes(of(figures)))
    };
    [
        count(recorded.started),
        operation.per_second.map_or_else(|| UNKNOWN.to_owned(), |rate| count(rate.round() as u64)),
        time(|latency| latency.p50_ns),
        time(|latency| latency.p99_ns),
        time(|latency| latency.max_ns),
        count(recorded.total_blocks),
        bytes(recorded.total_bytes),
        held(|figures| figures.peak_bytes),
        held(|figures| figures.end_bytes),
    ]
}

/// What is out of the ordinary.
fn remark(operation: &Operated<'_>) -> Option<String> {
    let recorded = operation.recorded;
    let mut parts = Vec::new();
    let running = recorded.started.saturating_sub(recorded.finished + recorded.cancelled);
    for (figure, what) in
        [(recorded.failed, "failed"), (recorded.cancelled, "cancelled"), (running, "not ended")]
    {
        if figure > 0 {
            parts.push(format!("{} {what}", count(figure)));
        }
    }
    (!parts.is_empty()).then(|| format!("{}: {}", recorded.name, parts.join(", ")))
}

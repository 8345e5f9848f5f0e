//! What became of the sites, in all: a row for each class of change.

use super::change::Change;
use super::view::View;
use super::words::word;
use crate::analyse::diff::Diff;
use crate::analyse::diff::class::{Class, Sum};
use crate::term::{style, text};
use crate::units::{count, figure};
use alloc_probe_format::metric::Metric;
use std::cmp::Ordering;
use std::io::{self, Write};

/// Columns of a class's name, and of a figure.
const NAME: usize = 18;
const FIGURE: usize = 12;

/// Writes the table; nothing where no site changed.
pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, options, .. } = *view;
    let assertions = [base, new].iter().any(|profile| profile.dump.build.debug_assertions);
    let sums = diff.sums();
    if sums.is_empty() {
        return Ok(());
    }
    let metrics = metrics(options.metric);
    let (strong, faint) = (style::STRONG, style::FAINT);
    write!(out, "\n{strong}{:<NAME$}{strong:#}{faint}{:>FIGURE$}", "What changed", "sites")?;
    for metric in &metrics {
        write!(out, "{:>FIGURE$}", title(*metric))?;
    }
    writeln!(out, "{faint:#}")?;
    // A few words are no use.
    let room = options.width.saturating_sub(NAME + FIGURE * (1 + metrics.len()) + 2);
    for sum in &sums {
        write!(out, "{:<NAME$}{:>FIGURE$}", name(sum.class, diff.optimisation), count(sum.pairs as u64))?;
        for metric in &metrics {
            let change = change(sum, *metric);
            let look = change.style();
            write!(out, "{look}{:>FIGURE$}{look:#}", change.difference())?;
        }
        if room > 18 {
            write!(out, "  {faint}{}{faint:#}", text::cut_end(sum.class.meaning(assertions), room))?;
        }
        writeln!(out)?;
        if options.has_estimates {
            errors(diff, sum.class, &metrics, out)?;
        }
    }
    Ok(())
}

/// The standard errors of a class's sums, below these.
fn errors(diff: &Diff, class: Class, metrics: &[Metric], out: &mut dyn Write) -> io::Result<()> {
    let faint = style::FAINT;
    write!(out, "{:1$}{faint}", "", NAME + FIGURE)?;
    for metric in metrics {
        write!(out, "{:>FIGURE$}", error(diff, class, *metric).unwrap_or_default())?;
    }
    writeln!(out, "{faint:#}")
}

/// The standard error of a class's sum; none where it was counted.
pub(super) fn error(diff: &Diff, class: Class, metric: Metric) -> Option<String> {
    let of_class = (0..diff.pairs.len()).filter(|pair| diff.classes[*pair] == Some(class));
    let error = diff.error_of(of_class, metric)?;
    Some(format!("±{}", figure(error.round() as u64, metric.is_bytes())))
}

/// The figures that tell what classes mean, and the one that is asked for.
pub(super) fn metrics(metric: Metric) -> Vec<Metric> {
    let mut metrics = vec![Metric::TotalBlocks, Metric::TotalBytes];
    if !metrics.contains(&metric) {
        metrics.push(metric);
    }
    metrics
}

pub(super) fn title(metric: Metric) -> String {
    match metric {
        Metric::TotalBlocks => "blocks".to_owned(),
        Metric::TotalBytes => "bytes".to_owned(),
        metric => word(metric),
    }
}

pub(super) fn change(sum: &Sum, metric: Metric) -> Change {
    Change::of((metric.of(&sum.base), metric.of(&sum.new)), metric.is_bytes())
}

/// What a class is called, with the build that it is about.
pub(super) fn name(class: Class, optimisation: Ordering) -> String {
    match (class, optimisation) {
        (Class::Elided, Ordering::Less) => "elided in base".to_owned(),
        (Class::Elided, _) => "elided in new".to_owned(),
        _ => class.word().to_owned(),
    }
}

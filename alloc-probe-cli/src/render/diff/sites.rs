//! The sites that changed most, and those that only one side has.

use super::stacks::{Columns, Line, Stacks};
use super::{Options, change::Change};
use crate::analyse::diff::{Diff, MatchKind, Pair, Sites};
use crate::profile::Profile;
use crate::term::units::{bytes, count, plural};
use crate::term::{style, text};
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// Sites listed of those that only one side has.
const ONE_SIDED: usize = 5;
/// Where less than this was matched, in percent, a site without a counterpart may have one that was not found.
const TRUSTED: f64 = 90.0;
/// Columns of a difference in percent, and of the gap before a stack.
const PERCENT: usize = 7;
const GAP: usize = 2;

/// Writes the sites.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write(
    base: &Profile,
    new: &Profile,
    diff: &Diff,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    if base.sites.is_empty() || new.sites.is_empty() {
        return Ok(());
    }
    let stacks = Stacks::new(base, new, diff, options);
    let changed = diff.by_distance(options.metric);
    let top = &changed[..options.top.min(changed.len())];
    most_changed(&stacks, top, changed.len(), options, out)?;

    let sure = diff.matched.bytes.percent >= TRUSTED;
    let (gone, added) = if sure { ("Gone in new", "Added in new") } else { ("Only in base", "Only in new") };
    // A table by the same figure has shown the largest already.
    let is_total = matches!(options.metric, Metric::TotalBytes | Metric::TotalBlocks);
    let shown = if is_total { top } else { &[] };
    let width = options.width;
    one_sided(&stacks, gone, &of_one_side(diff, |pair| (&pair.base, &pair.new)), shown, width, out)?;
    one_sided(&stacks, added, &of_one_side(diff, |pair| (&pair.new, &pair.base)), shown, width, out)
}

/// The largest differences, each with its figures on the left and its stack on the right.
fn most_changed(
    stacks: &Stacks<'_>,
    top: &[&Pair],
    changed: usize,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let metric = options.metric;
    let (strong, faint) = (style::STRONG, style::FAINT);
    writeln!(out)?;
    if changed == 0 {
        return writeln!(out, "No site differs by {}.", metric.name());
    }
    writeln!(
        out,
        "{strong}Top {} of {} sites that differ{strong:#} by {}",
        count(top.len() as u64),
        count(changed as u64),
        metric.name()
    )?;
    let change = |pair: &Pair| Change::of(pair.of(metric), metric.is_bytes());
    let below: Vec<[String; 2]> =
        top.iter().map(|pair| [from_to(pair, change(pair)), how(pair).to_owned()]).collect();
    let left = below.iter().flatten().map(|text| text::width(text)).max().unwrap_or(0).max(12 + PERCENT);
    let lines: Vec<Vec<Line>> = top.iter().map(|pair| stacks.lines(pair)).collect();
    let columns = Columns::fit(lines.iter().flatten(), options.width.saturating_sub(left + GAP));
    for ((pair, below), lines) in top.iter().zip(&below).zip(&lines) {
        let change = change(pair);
        let look = change.style();
        let rows = lines.len().max(below.iter().filter(|text| !text.is_empty()).count() + 1);
        writeln!(out)?;
        for row in 0..rows {
            let width = left - PERCENT;
            match row.checked_sub(1).map(|row| below.get(row).map_or("", String::as_str)) {
                None => write!(
                    out,
                    "{look}{:>width$}{:>PERCENT$}{look:#}",
                    change.difference(),
                    change.percent()
                )?,
                Some(text) => write!(out, "{faint}{text:>left$}{faint:#}")?,
            }
            match lines.get(row) {
                Some(line) => {
                    write!(out, "{:GAP$}", "")?;
                    columns.write(line, row == 0, out)?;
                }
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}

/// Both figures of a pair: `4.0 MiB → 3.5 MiB`.
fn from_to(pair: &Pair, change: Change) -> String {
    match (&pair.base, &pair.new) {
        (Some(_), None) => format!("{} → gone", change.base_text()),
        (None, _) => format!("none → {}", change.new_text()),
        _ => format!("{} → {}", change.base_text(), change.new_text()),
    }
}

/// What is to be known of how a pair was matched.
fn how(pair: &Pair) -> &'static str {
    match pair.kind {
        Some(MatchKind::Subsequence | MatchKind::Site) => "matched loosely",
        Some(MatchKind::Exact) | None => "",
    }
}

/// The pairs that have the first of two sides alone, the largest first.
fn of_one_side(diff: &Diff, sides: fn(&Pair) -> (&Option<Sites>, &Option<Sites>)) -> Vec<(&Pair, &Sites)> {
    let alone = diff.pairs.iter().filter_map(|pair| match sides(pair) {
        (Some(sites), None) => Some((pair, sites)),
        _ => None,
    });
    let mut alone: Vec<(&Pair, &Sites)> = alone.collect();
    alone
        .sort_by_key(|(_, sites)| std::cmp::Reverse((sites.figures.total_bytes, sites.figures.total_blocks)));
    alone
}

/// The sites of one side alone: how many there are, and the largest that have not been shown.
fn one_sided(
    stacks: &Stacks<'_>,
    title: &str,
    pairs: &[(&Pair, &Sites)],
    shown: &[&Pair],
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let sum = |metric: Metric| {
        pairs.iter().map(|(_, sites)| metric.of(&sites.figures)).fold(0, u64::saturating_add)
    };
    let (strong, faint) = (style::STRONG, style::FAINT);
    writeln!(
        out,
        "\n{strong}{title}{strong:#}: {}, which allocated {} in {}",
        plural(pairs.len() as u64, "site"),
        bytes(sum(Metric::TotalBytes)),
        plural(sum(Metric::TotalBlocks), "block")
    )?;
    let is_shown = |pair: &Pair| shown.iter().any(|shown| std::ptr::eq(*shown, pair));
    let listed: Vec<&Sites> =
        pairs.iter().filter(|(pair, _)| !is_shown(pair)).map(|(_, sites)| *sites).take(ONE_SIDED).collect();
    let lines: Vec<Line> = pairs
        .iter()
        .filter(|(pair, _)| !is_shown(pair))
        .take(ONE_SIDED)
        .map(|(pair, _)| stacks.headline(pair))
        .collect();
    let blocks: Vec<String> =
        listed.iter().map(|sites| format!("in {}", plural(sites.figures.total_blocks, "block"))).collect();
    let widest = blocks.iter().map(|text| text::width(text)).max().unwrap_or(0);
    let columns = Columns::fit(lines.iter(), width.saturating_sub(12 + 1 + widest + GAP));
    for ((sites, blocks), line) in listed.iter().zip(&blocks).zip(&lines) {
        write!(out, "{:>12} {faint}{blocks:<widest$}{faint:#}{:GAP$}", bytes(sites.figures.total_bytes), "")?;
        columns.write(line, false, out)?;
    }
    Ok(())
}

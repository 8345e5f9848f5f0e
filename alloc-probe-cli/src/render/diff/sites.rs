//! The sites that changed most, and those that only one side has.

use super::change::Change;
use super::pair_stacks::{Columns, Stacks};
use super::view::{Options, View};
use super::work;
use crate::analyse::diff::Diff;
use crate::analyse::diff::class::Class;
use crate::analyse::diff::pair::{MatchKind, Pair, Sites};
use crate::term::{style, text};
use crate::units::{bytes, count, plural};
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// Sites listed of those that only one side has.
const ONE_SIDED: usize = 5;
/// Columns of a difference in percent, and of the gap before a stack.
const PERCENT: usize = 7;
const GAP: usize = 2;

/// Writes the sites.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, options } = *view;
    if base.sites.is_empty() || new.sites.is_empty() {
        return Ok(());
    }
    let stacks = Stacks::new(view);
    let changed: Vec<Row<'_>> = diff
        .by_distance(options.metric, options.only)
        .into_iter()
        .take_while(|index| diff.is_told(*index, options.metric))
        .map(|index| Row { pair: &diff.pairs[index], class: diff.classes[index] })
        .collect();
    let top = &changed[..options.top.min(changed.len())];
    most_changed(&stacks, top, changed.len(), &options, out)?;
    if diff.has_estimates() {
        let by_chance = (0..diff.pairs.len()).filter(|index| {
            diff.pairs[*index].distance(options.metric) > 0 && !diff.is_told(*index, options.metric)
        });
        let sites = plural(by_chance.count() as u64, "site");
        writeln!(out, "\nChance explains what else differs: the estimates of {sites}.")?;
    }

    // A table by the same figure has shown the largest already.
    let is_total = matches!(options.metric, Metric::TotalBytes | Metric::TotalBlocks);
    let shown = if is_total { top } else { &[] };
    let lists: [(bool, &str, Option<Class>); 6] = [
        (true, "Elided in new", Some(Class::Elided)),
        (true, "Gone in new", Some(Class::Gone)),
        (true, "Only in base", None),
        (false, "Elided in base", Some(Class::Elided)),
        (false, "Added in new", Some(Class::Added)),
        (false, "Only in new", None),
    ];
    for (is_base, title, class) in lists {
        let rows = of_one_side(diff, options.only, is_base, class);
        one_sided(&stacks, title, &rows, shown, options.width, out)?;
    }
    Ok(())
}

/// A pair with its class.
#[derive(Clone, Copy)]
struct Row<'a> {
    pair: &'a Pair,
    class: Option<Class>,
}

/// The largest differences, each with its figures on the left and its stack on the right.
fn most_changed(
    stacks: &Stacks<'_>,
    top: &[Row<'_>],
    changed: usize,
    options: &Options<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let metric = options.metric;
    let (strong, faint) = (style::STRONG, style::FAINT);
    writeln!(out)?;
    let of_class = options.only.map_or(String::new(), |class| format!(" and are “{}”", class.word()));
    if changed == 0 {
        return writeln!(out, "No site differs by {}.", metric.name());
    }
    writeln!(
        out,
        "{strong}Top {} of {} sites that differ{strong:#}{of_class} by {}",
        count(top.len() as u64),
        count(changed as u64),
        metric.name()
    )?;
    let change = |row: &Row<'_>| Change::of(row.pair.of(metric), metric.is_bytes());
    let below: Vec<Vec<String>> = top.iter().map(|row| notes(*row, change(row), options)).collect();
    let left = below.iter().flatten().map(|text| text::width(text)).max().unwrap_or(0).max(12 + PERCENT);
    let pairs: Vec<&Pair> = top.iter().map(|row| row.pair).collect();
    let lines = stacks.lines(&pairs);
    let columns = Columns::fit(lines.iter().flatten(), options.width.saturating_sub(left + GAP));
    for ((row, below), lines) in top.iter().zip(&below).zip(&lines) {
        let change = change(row);
        let look = change.style();
        writeln!(out)?;
        for row in 0..lines.len().max(below.len() + 1) {
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

/// What stands below a difference: both figures, the same for a unit of work, what became of the blocks, and how the
/// two were matched.
fn notes(row: Row<'_>, change: Change, options: &Options<'_>) -> Vec<String> {
    let mut notes = vec![from_to(row, change)];
    if let Some(unit) = options.unit.filter(|_| work::is_of_work(options.metric)) {
        notes.push(work::from_to(unit, row.pair.of(options.metric), options.metric.is_bytes()));
    }
    let is_said = |class: &Class| matches!(class, Class::Gone | Class::Added) || row.pair.new.is_none();
    notes.extend(row.class.filter(|class| !is_said(class)).map(|class| class.word().to_owned()));
    if matches!(row.pair.kind, Some(MatchKind::Subsequence | MatchKind::Site)) {
        notes.push("matched loosely".to_owned());
    }
    notes
}

/// Both figures of a pair: `4.0 MiB → 3.5 MiB`.
fn from_to(row: Row<'_>, change: Change) -> String {
    let gone = match row.class {
        Some(Class::Elided) => "elided",
        Some(Class::Gone) => "gone",
        _ => "not found",
    };
    match (&row.pair.base, &row.pair.new) {
        (Some(_), None) => format!("{} → {gone}", change.base_text()),
        (None, _) => format!("none → {}", change.new_text()),
        _ => format!("{} → {}", change.base_text(), change.new_text()),
    }
}

/// The pairs of a class that one side has alone, the largest first. Of those without one, nothing is known of the other
/// side.
fn of_one_side(diff: &Diff, only: Option<Class>, is_base: bool, of: Option<Class>) -> Vec<(&Pair, &Sites)> {
    let wanted = |index: usize| {
        let is_empty = diff.pairs[index].distance(Metric::TotalBlocks) == 0;
        let class = diff.classes[index];
        let is_asked_for = class == of && !is_empty && (only.is_none() || class == only);
        // What a sample of the other run may have missed is not known to be one run's alone.
        is_asked_for && (!diff.has_estimates() || diff.is_told(index, Metric::TotalBytes))
    };
    let pairs = diff.pairs.iter().enumerate().filter(|(index, _)| wanted(*index));
    let alone = pairs.filter_map(|(_, pair)| match (&pair.base, &pair.new) {
        (Some(sites), None) if is_base => Some((pair, sites)),
        (None, Some(sites)) if !is_base => Some((pair, sites)),
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
    shown: &[Row<'_>],
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
    let is_shown = |pair: &Pair| shown.iter().any(|row| std::ptr::eq(row.pair, pair));
    let listed = pairs.iter().filter(|(pair, _)| !is_shown(pair)).take(ONE_SIDED);
    let (pairs, listed): (Vec<&Pair>, Vec<&Sites>) = listed.copied().unzip();
    let lines = stacks.headlines(&pairs);
    let blocks: Vec<String> =
        listed.iter().map(|sites| format!("in {}", plural(sites.figures.total_blocks, "block"))).collect();
    let widest = blocks.iter().map(|text| text::width(text)).max().unwrap_or(0);
    let columns = Columns::fit(lines.iter().flatten(), width.saturating_sub(12 + 1 + widest + GAP));
    for ((sites, blocks), lines) in listed.iter().zip(&blocks).zip(&lines) {
        let mut figures = (bytes(sites.figures.total_bytes), blocks.as_str());
        for line in lines {
            let (bytes, blocks) = &figures;
            write!(out, "{bytes:>12} {faint}{blocks:<widest$}{faint:#}{:GAP$}", "")?;
            columns.write(line, false, out)?;
            figures = Default::default();
        }
    }
    Ok(())
}

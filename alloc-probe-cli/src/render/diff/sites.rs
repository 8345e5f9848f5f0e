//! The sites that changed most, and those that only one side has.

use super::change::Change;
use super::pair_stacks::{Columns, Stacks};
use super::view::{Options, View};
use super::{words, work};
use crate::analyse::diff::Diff;
use crate::analyse::diff::class::Class;
use crate::analyse::diff::pair::{MatchKind, Pair};
use crate::profile::Profile;
use crate::term::{style, text};
use crate::units::{bytes, count, figure, plural};
use alloc_probe_format::metric::Metric;
use std::cmp::Ordering;
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
    let metric = options.metric;
    // Of a class, all of its sites are listed; otherwise those that differ.
    let is_listed = |index: &usize| options.only.is_some() || diff.is_told(*index, metric);
    let changed: Vec<Row<'_>> = diff
        .by_distance(metric, options.only)
        .into_iter()
        .filter(is_listed)
        .map(|index| Row {
            pair: &diff.pairs[index],
            class: diff.classes[index],
            error: diff.error(index, metric),
        })
        .collect();
    let top = &changed[..options.top.min(changed.len())];
    most_changed(&stacks, top, changed.len(), &options, out)?;
    if options.only.is_some() {
        return Ok(());
    }
    if diff.has_estimates() {
        let by_chance = (0..diff.pairs.len())
            .filter(|index| diff.pairs[*index].distance(metric) > 0 && !is_listed(index));
        match by_chance.count() as u64 {
            0 => {}
            sites => {
                let sites = plural(sites, "site");
                let unplaced = unplaced(base, new, &changed, metric).unwrap_or_default();
                let chance = format!(
                    "The estimates of {sites} differ, too, by no more than chance explains{unplaced}."
                );
                writeln!(out)?;
                words::sentence("", &chance, options.width, out)?;
            }
        }
    }

    // A table by the same figure has shown the largest already.
    let is_total = matches!(metric, Metric::TotalBytes | Metric::TotalBlocks);
    let shown = if is_total { top } else { &[] };
    // The optimiser removes from the build that is optimised more.
    let in_base = diff.optimisation == Ordering::Less;
    let elided = if in_base { "Elided in base" } else { "Elided in new" };
    let is_debug = |side: &Profile| side.dump.build.debug_assertions;
    for (title, class, is_base) in [
        ("Debug only", Class::DebugOnly, is_debug(base)),
        (elided, Class::Elided, !in_base),
        ("Gone in new", Class::Gone, true),
        ("Added in new", Class::Added, false),
    ] {
        list(&stacks, title, &of_class(diff, class, is_base), shown, options.width, out)?;
    }
    for (title, is_base) in [("Unmatched in base", true), ("Unmatched in new", false)] {
        list(&stacks, title, &of_one_side(diff, is_base), shown, options.width, out)?;
    }
    Ok(())
}

/// What the counted figures of both processes differ by beyond the rows that are told, if that is much: nobody knows where it
/// is.
fn unplaced(base: &Profile, new: &Profile, told: &[Row<'_>], metric: Metric) -> Option<String> {
    use Metric::{EndBlocks, EndBytes, PeakBlocks, PeakBytes, TotalBlocks, TotalBytes};
    let is_counted =
        matches!(metric, PeakBytes | PeakBlocks | TotalBytes | TotalBlocks | EndBytes | EndBlocks);
    let of = |profile: &Profile| i128::from(metric.of(&profile.dump.totals));
    let whole = of(new) - of(base);
    let placed: i128 = told
        .iter()
        .map(|row| row.pair.of(metric))
        .map(|(base, new)| i128::from(new) - i128::from(base))
        .sum();
    // What is small, or of the other sign, says nothing.
    let rest = whole - placed;
    let is_much = rest.signum() == whole.signum() && rest.abs() * UNPLACED_PART >= of(base).max(of(new));
    (is_counted && is_much).then(|| {
        let size = rest.unsigned_abs() as u64;
        let size = if metric.is_bytes() { bytes(size) } else { count(size) };
        let sign = if rest < 0 { "−" } else { "+" };
        format!(", so too few samples tell where {sign}{size} of the whole difference is")
    })
}

/// From this part of the larger side on, a difference is much.
const UNPLACED_PART: i128 = 20;

/// A pair with its class.
#[derive(Clone, Copy)]
struct Row<'a> {
    pair: &'a Pair,
    class: Option<Class>,
    /// The standard error of the difference, where it is an estimate.
    error: Option<f64>,
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
    let (shown, sites) = (count(top.len() as u64), plural(changed as u64, "site"));
    match options.only {
        None if changed == 0 => return writeln!(out, "No site differs by {}.", metric.name()),
        Some(class) if changed == 0 => return writeln!(out, "No site is “{}”.", class.word()),
        None => {
            let differ = if changed == 1 { "differs" } else { "differ" };
            writeln!(out, "{strong}Top {shown} of {sites} that {differ}{strong:#} by {}", metric.name())?;
        }
        Some(class) => writeln!(
            out,
            "{strong}Top {shown} of {sites} of class “{}”{strong:#} by {}",
            class.word(),
            metric.name()
        )?,
    }
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
    // A site of a class need not differ by the figure that is asked for.
    if change.base == change.new {
        let total = Change::of(row.pair.of(Metric::TotalBytes), true);
        let blocks = Change::of(row.pair.of(Metric::TotalBlocks), false);
        if (total.base, blocks.base) != (total.new, blocks.new) {
            notes.push(format!("in all {}, {} blocks", total.difference(), blocks.difference()));
        }
    }
    notes.extend(row.error.map(|error| format!("±{}", figure(error.round() as u64, change.is_bytes))));
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
        Some(Class::DebugOnly) => "debug only",
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

/// A pair in a list, and what it has on one side alone.
#[derive(Clone, Copy)]
struct Listed<'a> {
    pair: &'a Pair,
    bytes: u64,
    blocks: u64,
    error: Option<f64>,
}

impl<'a> Listed<'a> {
    fn new(diff: &'a Diff, index: usize, is_base: bool) -> Listed<'a> {
        let pair = &diff.pairs[index];
        let more = |metric: Metric| {
            let (base, new) = pair.of(metric);
            if is_base { base.saturating_sub(new) } else { new.saturating_sub(base) }
        };
        let error = diff.error(index, Metric::TotalBytes);
        Listed { pair, bytes: more(Metric::TotalBytes), blocks: more(Metric::TotalBlocks), error }
    }
}

/// All pairs of a class, with what one side has more of: as many as the class has.
fn of_class(diff: &Diff, class: Class, is_base: bool) -> Vec<Listed<'_>> {
    let wanted = (0..diff.pairs.len()).filter(|index| diff.classes[*index] == Some(class));
    largest_first(wanted.map(|index| Listed::new(diff, index, is_base)).collect())
}

/// The pairs that one side has alone, and of which nothing is known of the other side.
fn of_one_side(diff: &Diff, is_base: bool) -> Vec<Listed<'_>> {
    let wanted = |index: &usize| {
        let pair = &diff.pairs[*index];
        let is_alone = if is_base { pair.new.is_none() } else { pair.base.is_none() };
        // What a sample of the other run may have missed is not known to be one run's alone.
        let is_known = !diff.has_estimates() || diff.is_told(*index, Metric::TotalBytes);
        is_alone && is_known && diff.classes[*index].is_none()
    };
    let alone = (0..diff.pairs.len()).filter(wanted).map(|index| Listed::new(diff, index, is_base));
    // What neither allocated while it was recorded is nothing to show.
    largest_first(alone.filter(|listed| (listed.bytes, listed.blocks) != (0, 0)).collect())
}

fn largest_first(mut pairs: Vec<Listed<'_>>) -> Vec<Listed<'_>> {
    pairs.sort_by_key(|listed| std::cmp::Reverse((listed.bytes, listed.blocks)));
    pairs
}

/// A list of sites with what one side has of them alone: how many there are, and the largest that have not been shown.
fn list(
    stacks: &Stacks<'_>,
    title: &str,
    pairs: &[Listed<'_>],
    shown: &[Row<'_>],
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let sum = |of: fn(&Listed<'_>) -> u64| pairs.iter().map(of).fold(0, u64::saturating_add);
    let (strong, faint) = (style::STRONG, style::FAINT);
    writeln!(
        out,
        "\n{strong}{title}{strong:#}: {}, which allocated {} in {}",
        plural(pairs.len() as u64, "site"),
        bytes(sum(|listed| listed.bytes)),
        plural(sum(|listed| listed.blocks), "block")
    )?;
    let is_shown = |pair: &Pair| shown.iter().any(|row| std::ptr::eq(row.pair, pair));
    let listed: Vec<&Listed<'_>> =
        pairs.iter().filter(|listed| !is_shown(listed.pair)).take(ONE_SIDED).collect();
    let pairs: Vec<&Pair> = listed.iter().map(|listed| listed.pair).collect();
    let lines = stacks.headlines(&pairs);
    let told: Vec<String> = listed
        .iter()
        .map(|listed| {
            let error = listed.error.map(|error| format!("±{} ", bytes(error.round() as u64)));
            format!("{}in {}", error.unwrap_or_default(), plural(listed.blocks, "block"))
        })
        .collect();
    let widest = told.iter().map(|text| text::width(text)).max().unwrap_or(0);
    let columns = Columns::fit(lines.iter().flatten(), width.saturating_sub(12 + 1 + widest + GAP));
    for ((listed, told), lines) in listed.iter().zip(&told).zip(&lines) {
        let mut figures = (bytes(listed.bytes), told.as_str());
        for line in lines {
            let (bytes, told) = &figures;
            write!(out, "{bytes:>12} {faint}{told:<widest$}{faint:#}{:GAP$}", "")?;
            columns.write(line, false, out)?;
            figures = Default::default();
        }
    }
    Ok(())
}

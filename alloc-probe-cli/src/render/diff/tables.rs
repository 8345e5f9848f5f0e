//! The figures of both runs, and the account of their memory, as tables.

use super::change::Change;
use super::view::View;
use super::words;
use crate::analyse::diff::account::{Account, Line};
use crate::analyse::sampling::{error_of_sum, tells_of_blocks};
use crate::profile::Profile;
use crate::term::{style, text};
use crate::units::figure;
use alloc_probe_format::dump::{Dump, Figures, Mode};
use anstyle::Style;
use std::io::{self, Write};

/// Columns of a row's name.
const NAME: usize = 18;
/// Columns of a table without remarks: a name, three figures and a percentage.
const TABLE: usize = NAME + 3 * 12 + PERCENT;
/// Columns of a percentage.
const PERCENT: usize = 8;

/// Columns that a remark needs.
const LEAST_REMARK: usize = 16;
/// A line of the account is small where it is less than this part of the whole: half a percent.
const SMALL: i64 = 200;

/// A figure of a dump: its name, whether it counts bytes, and how it is had.
pub(super) type Figure = (&'static str, bool, fn(&Dump) -> u64);

pub(super) const FIGURES: [Figure; 11] = [
    ("peak", true, |dump| dump.totals.peak_bytes),
    ("peak blocks", false, |dump| dump.totals.peak_blocks),
    ("end", true, |dump| dump.totals.end_bytes),
    ("end blocks", false, |dump| dump.totals.end_blocks),
    ("long-lived", true, |dump| dump.totals.long_lived_bytes),
    ("total", true, |dump| dump.totals.total_bytes),
    ("total blocks", false, |dump| dump.totals.total_blocks),
    ("temporary blocks", false, |dump| dump.totals.temporary_blocks),
    ("realloc calls", false, |dump| dump.totals.realloc_calls),
    ("copied by realloc", true, |dump| dump.totals.moved_bytes),
    ("peak resident", true, |dump| dump.memory.peak_rss_bytes),
];

/// Writes the figures that at least one side has.
pub(super) fn figures(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, options, .. } = *view;
    header("", out)?;
    writeln!(out)?;
    for one @ (name, is_bytes, of) in FIGURES {
        let sides = (of(&base.dump), of(&new.dump));
        if sides == (0, 0) {
            continue;
        }
        let known = known(&one, [base, new]);
        if known.contains(&false) {
            let [base, new] = [(sides.0, known[0]), (sides.1, known[1])]
                .map(|(side, is_known)| is_known.then(|| Change::of((side, side), is_bytes).base));
            let meaning = why_unknown(name);
            line_row(&Line { name, meaning, base, new, is_bytes, is_other: false }, options.width, out)?;
            continue;
        }
        let change = Change::of(sides, is_bytes);
        match Estimates::of(&one, [base, new]) {
            Some(estimates) => estimates.row(name, change, options.width, out)?,
            None => row(name, change, remark(name), options.width, out)?,
        }
    }
    Ok(())
}

/// Why a side doesn't know a figure.
pub(super) fn why_unknown(name: &str) -> &'static str {
    if name == "long-lived" { "unknown: the run was shorter" } else { "unknown: too few samples" }
}

/// Whether each side can know a figure: of what lives long, a run knows nothing that was shorter than that; and of small
/// blocks, samples nothing if they are too few.
pub(super) fn known((name, ..): &Figure, sides: [&Profile; 2]) -> [bool; 2] {
    sides.map(|profile| {
        let dump = &profile.dump;
        let is_short =
            dump.process.duration_ns > 0 && dump.process.duration_ns < dump.long_lived_threshold_ns;
        match *name {
            "long-lived" => !is_short,
            "temporary blocks" => tells_of_blocks(profile),
            "copied by realloc" => dump.mode != Mode::Sample || dump.totals.moved_bytes > 0,
            _ => true,
        }
    })
}

/// What must be known of a figure.
fn remark(name: &str) -> &'static str {
    if name == "peak resident" { "with the probe's own" } else { "" }
}

/// A figure of the whole process that is an estimate: the sum of what was estimated of its sites.
pub(super) struct Estimates {
    /// The standard errors of both sides; 0 where one was counted.
    errors: [f64; 2],
    is_bytes: bool,
}

/// Standard errors within which two estimates may be of the same.
const BY_CHANCE: f64 = 2.0;

impl Estimates {
    /// None where both sides were counted.
    pub(super) fn of((name, is_bytes, _): &Figure, sides: [&Profile; 2]) -> Option<Estimates> {
        let of: fn(&Figures) -> u64 = match *name {
            "long-lived" => |figures| figures.long_lived_bytes,
            "temporary blocks" => |figures| figures.temporary_blocks,
            "copied by realloc" => |figures| figures.moved_bytes,
            _ => return None,
        };
        let errors = sides.map(|profile| error_of_sum(profile, of, *is_bytes));
        let is_any = errors.iter().any(Option::is_some);
        is_any.then(|| Estimates { errors: errors.map(Option::unwrap_or_default), is_bytes: *is_bytes })
    }

    /// Whether two estimates may be of the same.
    pub(super) fn explain(&self, change: Change) -> bool {
        let [base, new] = self.errors;
        change.new.abs_diff(change.base) as f64 <= BY_CHANCE * base.hypot(new)
    }

    /// Both errors in words.
    pub(super) fn words(&self) -> String {
        let [base, new] = self.errors.map(|error| figure(error.round() as u64, self.is_bytes));
        format!("±{base}, ±{new}")
    }

    fn row(&self, name: &str, change: Change, width: usize, out: &mut dyn Write) -> io::Result<()> {
        if !self.explain(change) {
            return row(name, change, &self.words(), width, out);
        }
        let faint = style::FAINT;
        write!(out, "{name:<NAME$}{:>12}{:>12}", change.base_text(), change.new_text())?;
        // It is as wide as a difference may be, and takes of the percentage's columns, for there is none.
        write!(out, "{faint}  maybe chance{faint:#}")?;
        remarked(PERCENT - 2, "", faint, &self.words(), width, out)
    }
}

/// Writes what the resident memory of both consists of, at the end and at the peak.
pub(super) fn account(account: &Account, width: usize, out: &mut dyn Write) -> io::Result<()> {
    header("Memory at the end", out)?;
    writeln!(out)?;
    lines(&account.lines, &account.resident, width, out)?;
    for line in &account.beside {
        line_row(line, width, out)?;
    }
    if let Some(resident) = &account.resident_at_peak {
        writeln!(out)?;
        header("Near the peak", out)?;
        writeln!(out)?;
        lines(&account.at_peak, resident, width, out)?;
    }
    for note in &account.notes {
        words::sentence("  - ", note, width, out)?;
    }
    Ok(())
}

/// The lines of an account and their sum. Those that are small on both sides are one, so that all fit on a page: but for
/// the first, what is live, which everyone looks for, and the last, what the others leave.
fn lines(lines: &[Line], whole: &Line, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let limit = whole.base.max(whole.new).unwrap_or(0) / SMALL;
    let is_small = |line: &&Line| [line.base, line.new].iter().flatten().all(|bytes| bytes.abs() < limit);
    let [live, lines @ .., rest] = lines else { return Ok(()) };
    let (small, large): (Vec<&Line>, Vec<&Line>) =
        lines.iter().filter(|line| !line.is_empty()).partition(is_small);
    for line in [live].into_iter().chain(large) {
        line_row(line, width, out)?;
    }
    match small[..] {
        [] => {}
        [line] => line_row(line, width, out)?,
        _ => {
            let sum = |of: fn(&Line) -> Option<i64>| small.iter().filter_map(|line| of(line)).sum();
            let change = Change { base: sum(|line| line.base), new: sum(|line| line.new), is_bytes: true };
            let names: Vec<&str> = small.iter().map(|line| line.name).collect();
            row("smaller ones", change, &names.join(", "), width, out)?;
        }
    }
    if !rest.is_empty() {
        line_row(rest, width, out)?;
    }
    let faint = style::FAINT;
    writeln!(out, "{faint}{}{faint:#}", "─".repeat(TABLE.min(width)))?;
    line_row(whole, width, out)
}

/// A line of an account. What a side can't tell is a question mark there.
fn line_row(line: &Line, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let &Line { name, meaning: remark, base, new, is_bytes, is_other } = line;
    if let (Some(base), Some(new), false) = (base, new, is_other) {
        return row(name, Change { base, new, is_bytes }, remark, width, out);
    }
    let text = |side: Option<i64>| {
        side.map_or("?".to_owned(), |side| Change { base: side, new: side, is_bytes }.base_text())
    };
    write!(out, "{name:<NAME$}{:>12}{:>12}{:>12}", text(base), text(new), "?")?;
    remarked(PERCENT, "", style::PLAIN, remark, width, out)
}

/// The line above a table's figures, without its end.
fn header(title: &str, out: &mut dyn Write) -> io::Result<()> {
    let (strong, faint) = (style::STRONG, style::FAINT);
    write!(
        out,
        "{strong}{title:<NAME$}{strong:#}{faint}{:>12}{:>12}{:>12}{faint:#}",
        "base", "new", "difference"
    )
}

fn row(name: &str, change: Change, remark: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let look = change.style();
    write!(out, "{name:<NAME$}{:>12}{:>12}", change.base_text(), change.new_text())?;
    write!(out, "{look}{:>12}{look:#}", change.difference())?;
    remarked(PERCENT, &change.percent(), look, remark, width, out)
}

/// The end of a row: the difference in percent, in so many columns, and a remark where there is room for one.
fn remarked(
    columns: usize,
    percent: &str,
    look: Style,
    remark: &str,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (faint, room) = (style::FAINT, width.saturating_sub(TABLE + 2));
    // A few words of a remark are no use.
    let remark = if room >= LEAST_REMARK { remark } else { "" };
    if !(percent.is_empty() && remark.is_empty()) {
        write!(out, "{look}{percent:>columns$}{look:#}")?;
    }
    if !remark.is_empty() {
        write!(out, "  {faint}{}{faint:#}", text::cut_end(remark, room))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut anstream::StripStream::new(&mut out as &mut dyn Write)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_may_be_chance_stands_apart_from_the_figures() {
        let estimates = Estimates { errors: [1000.0, 1200.0], is_bytes: false };
        let may_be_chance = Change::of((6000, 6554), false);
        let row = written(|out| estimates.row("temporary blocks", may_be_chance, 100, out));
        assert_eq!(row, "temporary blocks         6,000       6,554  maybe chance        ±1,000, ±1,200\n");
        let differs =
            written(|out| estimates.row("temporary blocks", Change::of((6000, 60_554), false), 100, out));
        let remark = |row: &str| row.find('±').map(|at| text::width(&row[..at]));
        assert_eq!(remark(&row), remark(&differs), "{row}{differs}");
        let narrow = written(|out| estimates.row("temporary blocks", may_be_chance, 70, out));
        assert_eq!(narrow, "temporary blocks         6,000       6,554  maybe chance\n");
    }
}

//! The figures of both runs, and the account of their memory, as tables.

use super::{Options, change::Change};
use crate::analyse::diff::causes::Account;
use crate::profile::Profile;
use crate::term::{style, text};
use alloc_probe_format::dump::Dump;
use std::io::{self, Write};

/// Columns of a row's name.
const NAME: usize = 18;
/// Columns of a table without remarks: a name, three figures and a percentage.
const TABLE: usize = NAME + 3 * 12 + 8;

/// A figure of a dump: its name, whether it counts bytes, and how it is had.
type Figure = (&'static str, bool, fn(&Dump) -> u64);

const FIGURES: [Figure; 11] = [
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
pub(super) fn figures(
    base: &Profile,
    new: &Profile,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    header("", out)?;
    writeln!(out)?;
    for (name, is_bytes, of) in FIGURES {
        let sides = (of(&base.dump), of(&new.dump));
        if sides == (0, 0) {
            continue;
        }
        row(name, Change::of(sides, is_bytes), "", options.width, out)?;
    }
    Ok(())
}

/// Writes what the resident memory of both consists of.
pub(super) fn account(account: &Account, width: usize, out: &mut dyn Write) -> io::Result<()> {
    header("Memory at the end", out)?;
    writeln!(out)?;
    for line in &account.lines {
        if (line.base_bytes, line.new_bytes) == (0, 0) {
            continue;
        }
        let change = Change { base: line.base_bytes, new: line.new_bytes, is_bytes: true };
        row(line.name, change, line.meaning, width, out)?;
    }
    let resident = &account.resident;
    let change = Change { base: resident.base_bytes, new: resident.new_bytes, is_bytes: true };
    let faint = style::FAINT;
    writeln!(out, "{faint}{}{faint:#}", "─".repeat(TABLE.min(width)))?;
    row("resident", change, "", width, out)?;
    row("threads", Change::of(account.threads, false), "", width, out)
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
    let (faint, look) = (style::FAINT, change.style());
    write!(out, "{name:<NAME$}{:>12}{:>12}", change.base_text(), change.new_text())?;
    write!(out, "{look}{:>12}{look:#}", change.difference())?;
    let (percent, room) = (change.percent(), width.saturating_sub(TABLE + 2));
    // A few words of a remark are no use.
    let remark = if room > 18 { remark } else { "" };
    if !(percent.is_empty() && remark.is_empty()) {
        write!(out, "{look}{percent:>8}{look:#}")?;
    }
    if !remark.is_empty() {
        write!(out, "  {faint}{}{faint:#}", text::cut_end(remark, room))?;
    }
    writeln!(out)
}

//! The findings of a diff: what each says, from what it was concluded, where, and what to do.

use super::change::Change;
use super::pair_stacks::{Columns, Stacks};
use super::view::View;
use super::words;
use crate::analyse::diff::Diff;
use crate::analyse::diff::findings::finding::Finding;
use crate::analyse::diff::pair::Pair;
use crate::term::style;
use crate::units::plural;
use std::io::{self, Write};

/// Sites listed with a finding.
const SITES: usize = 3;
/// Columns of a site's bytes, and of the gap behind them.
const BYTES: usize = 14;
const GAP: usize = 2;

/// Writes the findings, each as a headline and what belongs to it. Without any, nothing.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { diff, options, .. } = *view;
    if diff.findings.is_empty() {
        return Ok(());
    }
    let stacks = Stacks::new(view);
    let strong = style::STRONG;
    let estimates = if options.has_estimates { "; what they say of sites are estimates" } else { "" };
    writeln!(out, "\n{strong}Why{strong:#}: {}{estimates}", plural(diff.findings.len() as u64, "finding"))?;
    for finding in &diff.findings {
        writeln!(out)?;
        title(finding, out)?;
        words::sentence("  ", &finding.sentence, options.width, out)?;
        for evidence in &finding.evidence {
            words::sentence("  - ", evidence, options.width, out)?;
        }
        sites(&stacks, diff, finding, options.width, out)?;
        words::sentence("  → ", &finding.advice, options.width, out)?;
    }
    Ok(())
}

/// What kind it is, and its bytes.
fn title(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let change = Change { base: 0, new: finding.bytes, is_bytes: true };
    let (strong, look) = (style::STRONG, change.style());
    write!(out, "{strong}{}{strong:#}  ", finding.kind.title())?;
    if finding.in_both {
        return writeln!(out, "{} in both", change.new_text());
    }
    writeln!(out, "{look}{}{look:#}", change.difference())
}

/// The sites with the most of it.
fn sites(
    stacks: &Stacks<'_>,
    diff: &Diff,
    finding: &Finding,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let sites = finding.sites.iter().take(SITES);
    let (pairs, bytes): (Vec<&Pair>, Vec<i64>) =
        sites.filter_map(|(pair, bytes)| Some((diff.pairs.get(*pair)?, *bytes))).unzip();
    let shown = stacks.headlines(&pairs);
    let columns = Columns::fit(shown.iter().flatten(), width.saturating_sub(BYTES + GAP));
    for (bytes, lines) in bytes.into_iter().zip(&shown) {
        let change = |new| Change { base: 0, new, is_bytes: true };
        let mut text = match finding.part(bytes) {
            Some(part) => change(part).new_text(),
            None => change(bytes).difference(),
        };
        for line in lines {
            write!(out, "{text:>BYTES$}{:GAP$}", "")?;
            columns.write(line, false, out)?;
            text.clear();
        }
    }
    match finding.sites.len().saturating_sub(SITES) {
        0 => Ok(()),
        more => writeln!(out, "{:>BYTES$}{:GAP$}and {} more", "", "", plural(more as u64, "site")),
    }
}

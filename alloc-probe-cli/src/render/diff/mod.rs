//! A diff on the terminal: what changed in all, why the process's memory did, and at which sites.

pub(super) mod change;
mod classes;
mod findings;
pub mod html;
mod pair_stacks;
pub(super) mod sides;
mod sites;
mod tables;
mod tree;
pub(super) mod view;
mod words;
pub(super) mod work;

pub use view::{Listing, Options, View};

use crate::analyse::diff::account::{Account, Line};
use crate::analyse::diff::view::tree::tree as call_tree;
use crate::term::style;
use change::Change;
use std::io::{self, Write};
use words::{floor, word};

/// Writes the whole diff.
///
/// # Errors
///
/// Those of `out`.
pub fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, options } = *view;
    headline(view, out)?;
    if let Some(account) = &diff.account {
        resident(account, out)?;
    }
    writeln!(out)?;
    sides::sides(view, out)?;
    if let Some(account) = &diff.account {
        writeln!(out)?;
        tables::account(account, options.width, out)?;
    }
    findings::write(view, out)?;
    writeln!(out)?;
    tables::figures(view, out)?;
    work::write(view, out)?;
    writeln!(out)?;
    matched(view, out)?;
    classes::write(view, out)?;
    match options.listing {
        Listing::Sites => sites::write(view, out),
        Listing::Tree if base.sites.is_empty() || new.sites.is_empty() => Ok(()),
        Listing::Tree => {
            let merged = diff.merged(base, new, options.metric, options.detail);
            tree::write(call_tree(&merged, options.top).as_ref(), &options, out)
        }
    }
}

/// What a person wants to know first, in one line.
fn headline(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, options, .. } = *view;
    let change = Change::of(
        (options.metric.of(&base.dump.totals), options.metric.of(&new.dump.totals)),
        options.metric.is_bytes(),
    );
    change_line(&word(options.metric), change, out)?;
    writeln!(out)
}

/// The next: the resident memory, and what its difference is.
fn resident(account: &Account, out: &mut dyn Write) -> io::Result<()> {
    let change = |line: &Line| {
        line.base.zip(line.new).map(|(base, new)| Change { base, new, is_bytes: line.is_bytes })
    };
    let Some(whole) = change(&account.resident) else { return Ok(()) };
    change_line("resident", whole, out)?;
    let parts: Vec<String> = account
        .main_differences()
        .into_iter()
        .filter_map(|line| Some(format!("{} {}", line.name, change(line)?.difference())))
        .collect();
    if whole.difference() != "=" && !parts.is_empty() {
        write!(out, ": {}", parts.join(", "))?;
    }
    writeln!(out)?;
    let probe = account.lines.iter().find(|line| line.name == "probe").and_then(change);
    if let Some(probe) = probe.filter(|probe| (probe.base, probe.new) != (0, 0)) {
        let (base, new) = (whole.base - probe.base, whole.new - probe.new);
        change_line("without the probe’s own", Change { base, new, ..whole }, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// A figure of both runs, without the end of the line.
fn change_line(name: &str, change: Change, out: &mut dyn Write) -> io::Result<()> {
    let (strong, look) = (style::STRONG, change.style());
    let percent = match change.percent() {
        percent if percent.is_empty() => change.difference(),
        percent => percent,
    };
    let percent = if percent == "=" { "the same".to_owned() } else { percent };
    write!(
        out,
        "{strong}{name} {} → {}{strong:#} ({look}{percent}{look:#})",
        change.base_text(),
        change.new_text()
    )
}

/// How much was matched, and what stands in the way of more.
fn matched(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, options } = *view;
    if !base.sites.is_empty() && !new.sites.is_empty() {
        let share = |percent: f64| {
            if percent >= 100.0 { "100%".to_owned() } else { format!("{:.1}%", floor(percent)) }
        };
        let (bytes, blocks) = (diff.matched.bytes, diff.matched.blocks);
        let strong = style::STRONG;
        writeln!(
            out,
            "{strong}Matched{strong:#} {} of the bytes ({} exactly), {} of the blocks ({} exactly)",
            share(bytes.percent),
            share(bytes.exact_percent),
            share(blocks.percent),
            share(blocks.exact_percent)
        )?;
    }
    if let Some(sameness) = diff.sameness() {
        words::sentence("", &sameness, options.width, out)?;
    }
    for caveat in &diff.caveats {
        words::sentence("  - ", caveat, options.width, out)?;
    }
    Ok(())
}

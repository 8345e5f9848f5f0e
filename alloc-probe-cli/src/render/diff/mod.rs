//! A diff on the terminal: what changed in all, why the process's memory did, and at which sites.

pub(super) mod change;
mod classes;
mod findings;
pub mod html;
pub mod json;
mod sites;
mod stacks;
mod tables;
mod tree;
mod work;

use crate::analyse::diff::Diff;
use crate::analyse::diff::account::{Account, Line};
use crate::analyse::diff::class::Class;
use crate::analyse::diff::view::tree::tree as call_tree;
use crate::analyse::diff::work::Unit;
use crate::profile::Profile;
use crate::term::{style, text};
use alloc_probe_format::dump::Mode;
use alloc_probe_format::metric::Metric;
use change::Change;
use std::io::{self, Write};

/// What of the sites is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Those that changed most, each with its stack.
    Sites,
    /// The tree of their callers.
    Tree,
}

/// How a diff is shown.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The figure that matters.
    pub metric: Metric,
    /// The unit of work that figures are shown for, beside the absolute ones.
    pub unit: Option<&'a Unit>,
    /// The class of the sites that are listed; all where it is none.
    pub only: Option<Class>,
    /// What of the sites is shown.
    pub view: View,
    /// How many sites are listed, or branches of the tree.
    pub top: usize,
    /// Whether whole stacks are listed.
    pub all_frames: bool,
    /// Whether paths of files are whole.
    pub full_paths: bool,
    /// The width of the page.
    pub width: usize,
}

/// Writes the whole diff.
///
/// # Errors
///
/// Those of `out`.
pub fn write(
    base: &Profile,
    new: &Profile,
    diff: &Diff,
    options: &Options<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    headline(base, new, options.metric, out)?;
    if let Some(account) = &diff.account {
        resident(account, out)?;
    }
    writeln!(out)?;
    sides(base, new, options.width, out)?;
    if let Some(account) = &diff.account {
        writeln!(out)?;
        tables::account(account, options.width, out)?;
    }
    findings::write(base, new, diff, options, out)?;
    writeln!(out)?;
    tables::figures(base, new, options, out)?;
    work::write(base, new, options, out)?;
    writeln!(out)?;
    matched(base, new, diff, options.width, out)?;
    classes::write(diff, options, out)?;
    match options.view {
        View::Sites => sites::write(base, new, diff, options, out),
        View::Tree if base.sites.is_empty() || new.sites.is_empty() => Ok(()),
        View::Tree => {
            let merged = diff.merged(base, new, options.metric, options.all_frames);
            tree::write(call_tree(&merged, options.top).as_ref(), options, out)
        }
    }
}

/// What a person wants to know first, in one line.
fn headline(base: &Profile, new: &Profile, metric: Metric, out: &mut dyn Write) -> io::Result<()> {
    let change = Change::of((metric.of(&base.dump.totals), metric.of(&new.dump.totals)), metric.is_bytes());
    change_line(&word(metric), change, out)?;
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
    writeln!(out)
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

/// What a metric is called in a headline: its bytes need no word of their own.
fn word(metric: Metric) -> String {
    metric.name().trim_end_matches("-bytes").replace("-blocks", " blocks")
}

/// Which runs are compared.
fn sides(base: &Profile, new: &Profile, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let (base_facts, new_facts) = (facts(base), facts(new));
    let names = file_names(base, new);
    let widest = names.iter().map(|name| text::width(name)).max().unwrap_or(0).min(width / 3);
    let (faint, strong) = (style::FAINT, style::STRONG);
    for (side, name, facts) in [("base", &names[0], base_facts), ("new", &names[1], new_facts)] {
        let name = text::cut_start(name, widest);
        let padding = widest - text::width(&name);
        let facts = text::cut_end(&facts, width.saturating_sub(10 + widest));
        writeln!(out, "  {faint}{side:<6}{faint:#}{strong}{name}{strong:#}{:padding$}  {facts}", "")?;
    }
    Ok(())
}

/// The files, without a directory that they share.
fn file_names(base: &Profile, new: &Profile) -> [String; 2] {
    let beside = base.path.parent() == new.path.parent() && base.path != new.path;
    [base, new].map(|profile| match profile.path.file_name() {
        Some(name) if beside => name.to_string_lossy().into_owned(),
        _ => profile.path.display().to_string(),
    })
}

/// What is known of a run and can differ: the program, how it was built, how it was recorded.
fn facts(profile: &Profile) -> String {
    let build = &profile.dump.build;
    let mut facts = Vec::new();
    if !build.crate_name.is_empty() {
        facts.push(format!("{} {}", build.crate_name, build.crate_version));
    }
    if !build.opt_level.is_empty() {
        let assertions = if build.debug_assertions { " with debug assertions" } else { "" };
        facts.push(format!("opt-level {}{assertions}", build.opt_level));
    }
    match profile.dump.mode {
        Mode::Full => {}
        Mode::Off => facts.push("nothing recorded".to_owned()),
        Mode::Count => facts.push("counts only".to_owned()),
        Mode::Sample => facts.push("sampled: estimates".to_owned()),
    }
    facts.join(", ")
}

/// How much was matched, and what stands in the way of more.
fn matched(base: &Profile, new: &Profile, diff: &Diff, width: usize, out: &mut dyn Write) -> io::Result<()> {
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
    for caveat in &diff.caveats {
        tables::sentence("  - ", caveat, width, out)?;
    }
    Ok(())
}

/// The sentence in lines of at most so many columns; a longer word has a line of its own.
fn wrapped(sentence: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if text::width(line) + 1 + text::width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// To one decimal, downwards: 100% is all of it.
fn floor(percent: f64) -> f64 {
    (percent * 10.0).floor() / 10.0
}

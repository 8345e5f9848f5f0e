//! The sites that changed most, and those that only one side has.

use super::{Options, change::Change};
use crate::analyse::diff::stack::Step;
use crate::analyse::diff::{Diff, MatchKind, Pair, Sites};
use crate::profile::{Frame, FrameId, Profile};
use crate::symbolicate::{names, paths};
use crate::term::units::{bytes, count};
use crate::term::{style, text};
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// Columns before the functions: a difference and two figures.
const INDENT: usize = 11 + 12 + 12 + 2;
/// Callers below a site, where not all frames are asked for.
const CALLERS: usize = 2;
/// Sites listed of those that only one side has.
const ONE_SIDED: usize = 5;
/// Where less than this was matched, in percent, a site without a counterpart may have one that was not found.
const TRUSTED: f64 = 90.0;

/// What the sites' text is made of.
struct View<'a> {
    base: &'a Profile,
    new: &'a Profile,
    diff: &'a Diff,
    options: &'a Options,
    /// The directories that each side's packages are in.
    homes: [String; 2],
}

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
    let home =
        |profile: &Profile| paths::home(profile.frames.iter().filter_map(|frame| frame.file.as_deref()));
    let view = View { base, new, diff, options, homes: [home(base), home(new)] };
    let changed = diff.by_distance(options.metric);
    let top = &changed[..options.top.min(changed.len())];
    view.changed(top, changed.len(), out)?;
    let sure = diff.matched.bytes.percent >= TRUSTED;
    let (gone, added) = if sure { ("Gone in new", "Added in new") } else { ("Only in base", "Only in new") };
    view.one_sided(gone, |pair| pair.new.is_none().then_some(pair.base.as_ref()).flatten(), top, out)?;
    view.one_sided(added, |pair| pair.base.is_none().then_some(pair.new.as_ref()).flatten(), top, out)
}

/// One line of a site's stack.
struct Line {
    function: String,
    location: String,
}

impl View<'_> {
    /// The table of the largest differences.
    fn changed(&self, top: &[&Pair], changed: usize, out: &mut dyn Write) -> io::Result<()> {
        let metric = self.options.metric;
        let (strong, faint) = (style::STRONG, style::FAINT);
        writeln!(out)?;
        if top.is_empty() {
            return writeln!(out, "No site differs by {}.", metric.name());
        }
        writeln!(
            out,
            "{strong}Top {} of {} sites that differ{strong:#} by {}",
            count(top.len() as u64),
            count(changed as u64),
            metric.name()
        )?;
        writeln!(out, "\n{faint}{:>11}{:>12}{:>12}  site{faint:#}", "difference", "base", "new")?;
        let stacks: Vec<Vec<Line>> = top.iter().map(|pair| self.lines(pair)).collect();
        let columns = Columns::fit(stacks.iter().flatten(), self.options.width.saturating_sub(INDENT));
        for (index, (pair, lines)) in top.iter().zip(&stacks).enumerate() {
            if index > 0 && self.options.all_frames {
                writeln!(out)?;
            }
            let change = Change::of(pair.of(metric), metric.is_bytes());
            let look = change.style();
            write!(out, "{look}{:>11}{look:#}", change.difference())?;
            write!(
                out,
                "{:>12}{:>12}  ",
                figure(&pair.base, change.base()),
                figure(&pair.new, change.new())
            )?;
            for (row, line) in lines.iter().enumerate() {
                if row == 1 {
                    write!(out, "{faint}{:>11}{faint:#}{:width$}", remark(pair), "", width = INDENT - 11)?;
                } else if row > 1 {
                    write!(out, "{:INDENT$}", "")?;
                }
                columns.write(line, row == 0, out)?;
            }
            if lines.is_empty() {
                writeln!(out, "(no stack)")?;
            }
        }
        Ok(())
    }

    /// The sites of one side alone: how many, and the largest that the table above does not show.
    fn one_sided<'p>(
        &'p self,
        title: &str,
        side: impl Fn(&'p Pair) -> Option<&'p Sites>,
        shown: &[&Pair],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let pairs: Vec<(&Pair, &Sites)> =
            self.diff.pairs.iter().filter_map(|pair| side(pair).map(|sites| (pair, sites))).collect();
        if pairs.is_empty() {
            return Ok(());
        }
        let sum = |metric: Metric| {
            pairs.iter().map(|(_, sites)| metric.of(&sites.figures)).fold(0, u64::saturating_add)
        };
        let (strong, faint) = (style::STRONG, style::FAINT);
        writeln!(out)?;
        let sites = if pairs.len() == 1 { "site" } else { "sites" };
        write!(out, "{strong}{title}{strong:#}: {} {sites}, ", count(pairs.len() as u64))?;
        writeln!(
            out,
            "{} in {} blocks in all",
            bytes(sum(Metric::TotalBytes)),
            count(sum(Metric::TotalBlocks))
        )?;
        let mut others: Vec<&(&Pair, &Sites)> =
            pairs.iter().filter(|(pair, _)| !shown.iter().any(|shown| std::ptr::eq(*shown, *pair))).collect();
        others.sort_by_key(|(_, sites)| {
            std::cmp::Reverse((sites.figures.total_bytes, sites.figures.total_blocks))
        });
        let listed = &others[..others.len().min(ONE_SIDED)];
        let lines: Vec<Vec<Line>> = listed.iter().map(|(pair, _)| self.lines(pair)).collect();
        let heads = || lines.iter().filter_map(|lines| lines.first());
        let columns = Columns::fit(heads(), self.options.width.saturating_sub(INDENT));
        for ((_, sites), line) in listed.iter().zip(heads()) {
            let blocks = format!("in {} blocks", count(sites.figures.total_blocks));
            write!(out, "{:>11} {faint}{blocks:<23}{faint:#}  ", bytes(sites.figures.total_bytes))?;
            columns.write(line, false, out)?;
        }
        Ok(())
    }

    /// The pair's stack: the allocating function with what it called, and who called it.
    fn lines(&self, pair: &Pair) -> Vec<Line> {
        let metric = self.options.metric;
        let base = pair.base.as_ref().and_then(|sites| sites.shown(self.base, metric));
        let new = pair.new.as_ref().and_then(|sites| sites.shown(self.new, metric));
        let stack = self.diff.stack(base, new, self.options.all_frames);
        let mut lines: Vec<Line> = stack.steps.iter().map(|step| self.line(step)).collect();
        if self.options.all_frames {
            lines.iter_mut().skip(1).for_each(|line| line.function.insert_str(0, "← "));
            return lines;
        }
        if let (Some(first), Some(called)) = (lines.first_mut(), &stack.called) {
            let called = self.line(called).function;
            first.function.push_str(" → ");
            first.function.push_str(&called);
        }
        let more = lines.len().saturating_sub(1 + CALLERS);
        lines.truncate(1 + CALLERS);
        lines.iter_mut().skip(1).for_each(|line| line.function.insert_str(0, "← "));
        if let Some(last) = lines.last_mut().filter(|_| more > 0) {
            last.function.push_str(&format!(" ← {} more", count(more as u64)));
        }
        lines
    }

    fn line(&self, step: &Step) -> Line {
        let frame = |profile: &'_ Profile, id: Option<FrameId>| -> Option<Frame> {
            id.and_then(|id| profile.frames.get(id.0 as usize)).cloned()
        };
        let (base, new) = (frame(self.base, step.base), frame(self.new, step.new));
        let function = [&new, &base]
            .into_iter()
            .flatten()
            .map(|frame| {
                if self.options.all_frames {
                    names::short_name(&frame.function)
                } else {
                    display(&frame.function)
                }
            })
            // What has its path tells more than what lost it.
            .max_by_key(|name| name.contains("::"))
            .unwrap_or_default();
        Line { function, location: self.location(base.as_ref(), new.as_ref()) }
    }

    /// The file and the line, of both sides where they differ.
    fn location(&self, base: Option<&Frame>, new: Option<&Frame>) -> String {
        let place = |frame: Option<&Frame>, home: &str| -> Option<(String, u32)> {
            let frame = frame?;
            Some((paths::short_path(frame.file.as_deref()?, home), frame.line.unwrap_or(0)))
        };
        let text = |(file, line): &(String, u32)| match line {
            0 => file.clone(),
            line => format!("{file}:{line}"),
        };
        match (place(base, &self.homes[0]), place(new, &self.homes[1])) {
            (None, None) => String::new(),
            (Some(one), None) | (None, Some(one)) => text(&one),
            (Some(base), Some(new)) if base.0 != new.0 && !same_file(&base.0, &new.0) => {
                format!("{} → {}", text(&base), text(&new))
            }
            (Some(base), Some(new)) if base.1 == new.1 || base.1 == 0 || new.1 == 0 => {
                text(&(new.0, new.1.max(base.1)))
            }
            (Some(base), Some(new)) => format!("{} → :{}", text(&base), new.1),
        }
    }
}

/// The function for people. An address is no name: another build has another.
fn display(function: &str) -> String {
    match function.strip_prefix("0x").and_then(|text| text.split_once(" in ")) {
        Some((_, image)) => format!("?? in {image}"),
        None => names::display_name(function),
    }
}

/// Whether two short paths are of one file: one build's may begin further out.
fn same_file(a: &str, b: &str) -> bool {
    let (long, short) = if a.len() > b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|rest| rest.ends_with(['/', ' ']))
}

/// The figure of a side, or a dash where it has no such site.
fn figure(side: &Option<Sites>, figure: String) -> String {
    if side.is_some() { figure } else { "-".to_owned() }
}

/// What is to be known of a pair that the figures don't say.
fn remark(pair: &Pair) -> &'static str {
    match (pair.kind, &pair.base) {
        (Some(MatchKind::Exact), _) => "",
        (Some(_), _) => "loosely",
        (None, Some(_)) => "gone",
        (None, None) => "added",
    }
}

/// The widths of functions and locations, the same for all lines.
struct Columns {
    function: usize,
    location: usize,
}

impl Columns {
    /// Gives functions and locations what they need, or, where that is too much, functions at least three fifths.
    fn fit<'a>(lines: impl Iterator<Item = &'a Line> + Clone, width: usize) -> Columns {
        const GAP: usize = 2;
        let function = lines.clone().map(|line| text::width(&line.function)).max().unwrap_or(0);
        let location = lines.map(|line| text::width(&line.location)).max().unwrap_or(0);
        if function + GAP + location <= width {
            return Columns { function, location };
        }
        let room = width.saturating_sub(GAP);
        let location = location.min((room * 2 / 5).max(room.saturating_sub(function)));
        Columns { function: room - location, location }
    }

    fn write(&self, line: &Line, is_headline: bool, out: &mut dyn Write) -> io::Result<()> {
        let (strong, faint) = (style::STRONG, style::FAINT);
        let function = text::cut_start(&line.function, self.function);
        if is_headline {
            write!(out, "{strong}{function}{strong:#}")?;
        } else {
            write!(out, "{function}")?;
        }
        if line.location.is_empty() {
            return writeln!(out);
        }
        let padding = self.function + 2 - text::width(&function);
        let location = text::cut_start(&line.location, self.location);
        writeln!(out, "{:padding$}{faint}{location}{faint:#}", "")
    }
}

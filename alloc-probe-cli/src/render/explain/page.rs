//! Why a process's memory is what it is, on one screen: the answer, what stands out, the account, and what others show.

use crate::analyse::account::{Account, Line, is_free_known};
use crate::analyse::evidence::place;
use crate::analyse::explain::Explanation;
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::sites::{ShownSite, ShownSites};
use crate::profile::{Frame, Profile};
use crate::render::sites::{Row, headlines};
use crate::render::{sentence, summary};
use crate::source::paths::PathStyle;
use crate::term::{style, text};
use crate::units::{bytes, count, duration, plural};
use alloc_probe_format::dump::{Dump, Ended, Mode};
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether everything is, or what fits on a screen.
    pub all: bool,
    /// Whether paths of files are whole.
    pub full_paths: bool,
    /// The width of the page.
    pub width: usize,
}

/// Findings with their evidence, if not all are asked for.
const FINDINGS: usize = 3;
/// Evidence of each, and sites.
const EVIDENCE: usize = 3;
const SITES: usize = 3;
/// Lines of the account that are smaller than this part of it are one.
const SMALL: i64 = 100;
/// Columns of names and figures.
const NAME: usize = 18;
const FIGURE: usize = 12;

/// Writes an explanation.
///
/// # Errors
///
/// Those of `out`.
pub fn write(
    profile: &Profile,
    sites: &ShownSites<'_>,
    explanation: &Explanation,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    title(profile, options.width, out)?;
    writeln!(out)?;
    sentence::write("", &explanation.headline.text(), options.width, out)?;
    findings(profile, sites, explanation, options, out)?;
    if let Some(account) = &explanation.account {
        writeln!(out)?;
        write_account(profile, account, options, out)?;
    }
    largest(profile, sites, options, out)?;
    if !explanation.seen.is_empty() {
        writeln!(out)?;
        writeln!(out, "{}What others show{:#}", style::STRONG, style::STRONG)?;
        for seen in &explanation.seen {
            row(seen.name, &bytes(seen.bytes), &seen.meaning, options.width, out)?;
        }
    }
    Ok(())
}

/// Which process it is, in a line.
fn title(profile: &Profile, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let dump = &profile.dump;
    let process = &dump.process;
    let when = match process.ended {
        Ended::Running => "was running",
        Ended::Exit => "at its end",
        Ended::Signal => "as a signal ended it",
        Ended::Killed => "as it was killed",
    };
    let (strong, faint) = (style::STRONG, style::FAINT);
    let name = text::cut_end(summary::program(dump), width);
    writeln!(
        out,
        "{strong}{name}{strong:#} {faint}(process {}) {when}, after {}{faint:#}",
        process.pid,
        duration(process.duration_ns)
    )?;
    match dump.mode {
        Mode::Sample => writeln!(out, "{faint}recorded samples: figures of sites are estimates{faint:#}"),
        _ => Ok(()),
    }
}

fn findings(
    profile: &Profile,
    sites: &ShownSites<'_>,
    explanation: &Explanation,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let files = profile.frames.iter().filter_map(Frame::source);
    let paths = PathStyle::of(files, options.full_paths);
    let found = &explanation.findings;
    let whole = if options.all { found.len() } else { FINDINGS };
    for finding in found.iter().take(whole) {
        writeln!(out)?;
        let strong = style::STRONG;
        writeln!(out, "{strong}{}{strong:#}  {}", finding.kind.title(), size(&profile.dump, finding))?;
        sentence::write("  ", &finding.sentence, options.width, out)?;
        let shown = if options.all { finding.evidence.len() } else { EVIDENCE };
        for evidence in finding.evidence.iter().take(shown) {
            sentence::write("  - ", evidence, options.width, out)?;
        }
        sites_of(profile, sites, finding, &paths, options, out)?;
        sentence::write("  → ", &finding.advice, options.width, out)?;
    }
    if found.len() > whole {
        writeln!(out)?;
        let rest: Vec<String> = found[whole..]
            .iter()
            .map(|finding| format!("{} ({})", finding.kind.title().to_lowercase(), finding.short))
            .collect();
        sentence::write("", &format!("Also: {}. `--all` shows them.", rest.join("; ")), options.width, out)?;
    }
    Ok(())
}

/// A finding's bytes, as far as they are memory.
fn size(dump: &Dump, finding: &Finding) -> String {
    match finding.kind {
        Kind::Retained if !is_free_known(dump) => format!("at most {}", bytes(finding.bytes)),
        Kind::TemporaryWork => format!("{} allocated", bytes(finding.bytes)),
        Kind::Reserved => format!("{}, not resident", bytes(finding.bytes)),
        _ => bytes(finding.bytes),
    }
}

/// The sites with the most of it: the function each is named after, and where that is.
fn sites_of(
    profile: &Profile,
    sites: &ShownSites<'_>,
    finding: &Finding,
    paths: &PathStyle,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let listed = if options.all { finding.sites.len() } else { SITES };
    let listed_sites = || finding.sites.iter().take(listed);
    let shown: Vec<ShownSite<'_>> = listed_sites().map(|(site, _)| sites.get(*site)).collect();
    let room = options.width.saturating_sub(FIGURE + 4);
    for ((_, figure), rows) in listed_sites().zip(headlines(profile, &shown, paths)) {
        let mut figure = bytes(*figure);
        for row in rows {
            writeln!(out, "{figure:>width$}  {}", at(&row, room), width = FIGURE + 2)?;
            figure.clear();
        }
    }
    match finding.sites.len().saturating_sub(listed) {
        0 => Ok(()),
        more => {
            writeln!(out, "{:>width$}  and {} more", "", plural(more as u64, "site"), width = FIGURE + 2)
        }
    }
}

/// A function and where it is, in so many columns: of both, the ends tell most, and of the place, it is the line. What the
/// function called gives way to it.
fn at(row: &Row, room: usize) -> String {
    const GAP: usize = 2;
    const ARROW: &str = " → ";
    /// What was called is not worth less.
    const LEAST: usize = 8;
    let place = row.place.as_deref().unwrap_or_default();
    let gap = if place.is_empty() { 0 } else { GAP };
    let room = room.saturating_sub(gap + text::width(row.mark));
    let least = text::width(place).min(room * 2 / 5);
    let mut function = text::cut_start(&row.function, room - least);
    let left = (room - least).saturating_sub(text::width(&function) + text::width(ARROW));
    if let Some(called) = row.called.as_deref().filter(|called| text::width(called).min(LEAST) <= left) {
        function += ARROW;
        function += &text::cut_start(called, left);
    }
    let place = text::cut_start(place, room - text::width(&function));
    format!("{}{function}{:gap$}{place}", row.mark, "")
}

/// Where the most is live, whether or not anything is to be said of it; an empty line stands before that.
fn largest(
    profile: &Profile,
    sites: &ShownSites<'_>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    if sites.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let totals = &profile.dump.totals;
    let is_running = profile.dump.process.ended == Ended::Running;
    let of_end = |site: ShownSite<'_>| site.of(Metric::EndBytes);
    let of_peak = |site: ShownSite<'_>| site.of(Metric::PeakBytes);
    let end = if is_running { "is live now" } else { "was live at the end" };
    type Of<'a> = &'a dyn Fn(ShownSite<'_>) -> u64;
    for (when, whole, of) in [
        (end, totals.end_bytes, &of_end as Of<'_>),
        ("was live at the peak", totals.peak_bytes, &of_peak as Of<'_>),
    ] {
        let mut largest: Vec<ShownSite<'_>> =
            sites.iter().filter(|site| of(*site) > 0 && of(*site) >= whole / NAMED_PART).collect();
        largest.sort_by_key(|site| std::cmp::Reverse(of(*site)));
        let mut named: Vec<(Vec<String>, String)> = Vec::new();
        for site in largest.iter().take(SITES) {
            let (figure, place) = (bytes(of(*site)), place::of_stack(profile, &site.frames()));
            match named.last_mut().filter(|(_, last)| *last == place) {
                Some((figures, _)) => figures.push(figure),
                None => named.push((vec![figure], place)),
            }
        }
        let named: Vec<String> =
            named.iter().map(|(figures, place)| format!("{} at {place}", listed(figures))).collect();
        if !named.is_empty() {
            let line = format!("The largest of what {when}: {}.", named.join(", "));
            sentence::write("", &line, options.width, out)?;
        }
    }
    Ok(())
}

/// What there is of several sites at one place, in words: `8 B, 4 B and 2 B`.
fn listed(figures: &[String]) -> String {
    match figures {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        few => few.concat(),
    }
}

/// A site with less than this part of what is live is not named for it.
const NAMED_PART: u64 = 20;

fn write_account(
    profile: &Profile,
    account: &Account,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let dump = &profile.dump;
    let strong = style::STRONG;
    let when = if dump.process.ended == Ended::Running { "now" } else { "at the end" };
    writeln!(out, "{strong}Memory {when}{strong:#}")?;
    lines(&account.lines, account.resident, options, out)?;
    for line in &account.beside {
        row(line.name, &figure(line), line.meaning, options.width, out)?;
    }
    if let Some(peak) = &account.at_peak {
        writeln!(out)?;
        let (read, at) = (duration(peak.time_ns), duration(dump.peak_time_ns));
        // It is read as the heap falls, and there may be a higher peak that fell too little for it.
        let live = dump.memory.at_peak.as_ref().map(|memory| bytes(memory.live_bytes));
        let is_other = read != at || live.is_some_and(|live| live != bytes(dump.totals.peak_bytes));
        match dump.peak_time_ns > 0 && is_other {
            true => writeln!(
                out,
                "{strong}Near the peak{strong:#}, after {read}; at the peak, after {at}, {} were live",
                bytes(dump.totals.peak_bytes)
            )?,
            false => writeln!(out, "{strong}At the peak{strong:#}, after {read}")?,
        }
        lines(&peak.lines, peak.resident, options, out)?;
    }
    for note in &account.notes {
        sentence::write("  - ", note, options.width, out)?;
    }
    Ok(())
}

/// The lines of an account and their sum; the small ones are one, unless all are asked for.
fn lines(lines: &[Line], whole: i64, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let is_small = |line: &&Line| {
        !options.all
            && line.name != "live blocks"
            && line.figure.is_some_and(|figure| figure.abs() < whole / SMALL)
    };
    let shown = lines.iter().filter(|line| line.figure != Some(0) && line.figure.is_some());
    let (small, large): (Vec<&Line>, Vec<&Line>) = shown.partition(is_small);
    for line in &large {
        row(line.name, &figure(line), line.meaning, options.width, out)?;
    }
    match small[..] {
        [] => {}
        [line] => row(line.name, &figure(line), line.meaning, options.width, out)?,
        _ => {
            let sum: i64 = small.iter().filter_map(|line| line.figure).sum();
            let names: Vec<&str> = small.iter().map(|line| line.name).collect();
            row("smaller ones", &signed_bytes(sum), &names.join(", "), options.width, out)?;
        }
    }
    let (faint, strong) = (style::FAINT, style::STRONG);
    writeln!(out, "{faint}{}{faint:#}", "─".repeat(NAME + FIGURE))?;
    writeln!(out, "{:<NAME$}{strong}{:>FIGURE$}{strong:#}", "resident", signed_bytes(whole))
}

fn figure(line: &Line) -> String {
    match (line.figure, line.is_bytes) {
        (None, _) => "?".to_owned(),
        (Some(figure), true) => signed_bytes(figure),
        (Some(figure), false) => count(figure.max(0).unsigned_abs()),
    }
}

fn signed_bytes(figure: i64) -> String {
    let sign = if figure < 0 { "−" } else { "" };
    format!("{sign}{}", bytes(figure.unsigned_abs()))
}

fn row(name: &str, figure: &str, meaning: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let faint = style::FAINT;
    let meaning = text::cut_end(meaning, width.saturating_sub(NAME + FIGURE + 2));
    writeln!(out, "{name:<NAME$}{figure:>FIGURE$}  {faint}{meaning}{faint:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_function_is_keeps_its_line() {
        let row = |function: &str, called: Option<&str>, place: Option<&str>| Row {
            mark: "",
            function: function.to_owned(),
            called: called.map(str::to_owned),
            place: place.map(str::to_owned),
        };
        let at = |function: &str, place: Option<&str>, room| at(&row(function, None, place), room);
        assert_eq!(at("a::f", Some("src/a.rs:31"), 20), "a::f  src/a.rs:31");
        assert_eq!(at("a::f", Some("/home/me/a/src/a.rs:31"), 20), "a::f  …a/src/a.rs:31");
        assert_eq!(at("a::long::function", Some("/home/me/src/a.rs:31"), 20), "…::function  ….rs:31");
        assert_eq!(at("a::function", None, 6), "…ction");
        assert_eq!(at("a::f", Some("a.rs:31"), 0), "  ");
    }

    #[test]
    fn what_was_called_gives_way() {
        let at = |called: &str, mark, room| {
            let (function, place) = ("a::function".to_owned(), Some("a.rs:31".to_owned()));
            at(&Row { mark, function, called: Some(called.to_owned()), place }, room)
        };
        assert_eq!(at("vec::push", "", 40), "a::function → vec::push  a.rs:31");
        assert_eq!(at("some::long::function", "", 40), "a::function → …::long::function  a.rs:31");
        assert_eq!(at("some::long::function", "", 22), "a::function  a.rs:31");
        assert_eq!(at("f", "≠ ", 30), "≠ a::function → f  a.rs:31");
    }

    #[test]
    fn figures_of_one_place_are_a_list() {
        let listed =
            |figures: &[&str]| listed(&figures.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(listed(&["8 B"]), "8 B");
        assert_eq!(listed(&["8 B", "4 B"]), "8 B and 4 B");
        assert_eq!(listed(&["8 B", "4 B", "2 B"]), "8 B, 4 B and 2 B");
    }
}

//! The top call sites, as a table.

use crate::analyse::fold::turns::Turns;
use crate::analyse::fold::{self, Detail};
use crate::analyse::sampling;
use crate::analyse::sites::ShownSite;
use crate::profile::{Frame, FrameId, Profile, Role};
use crate::render::significant::{Numbers, Place, marks};
use crate::source::names;
use crate::source::paths::{Origin, PathStyle, Source, name_and_version};
use crate::source::roles::telling;
use crate::term::{style, text};
use crate::units::{count, figure, percent, plural};
use alloc_probe_format::dump::Mode;
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// How the sites are listed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The figure they are ordered by.
    pub metric: Metric,
    /// How many are listed.
    pub top: usize,
    /// How much of the stacks is listed.
    pub detail: Detail,
    /// Whether paths of files are whole.
    pub full_paths: bool,
    /// The width of the page.
    pub width: usize,
}

/// Callers below a site, where not all frames are asked for.
const MAX_CALLERS: usize = 4;

/// Columns of the figure beside the metric, of the percentage, and of the gaps.
const OTHER_COLUMNS: usize = 2 + 10 + 2 + 6 + 2;

/// Writes the largest of `sites`, which are in order.
///
/// # Errors
///
/// Those of `out`.
pub fn write<'s>(
    profile: &Profile,
    sites: impl ExactSizeIterator<Item = ShownSite<'s>>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Options { metric, .. } = *options;
    let whole = metric.of(&profile.dump.totals);
    let all = sites.len();
    let top: Vec<ShownSite<'_>> = sites.take(options.top).take_while(|site| site.of(metric) > 0).collect();
    let sum: u64 = top.iter().map(|site| site.of(metric)).fold(0, u64::saturating_add);
    let (strong, faint) = (style::STRONG, style::FAINT);
    let what = if metric.is_bytes() { figure(whole, true) } else { format!("{} blocks", count(whole)) };
    let estimates = if profile.dump.mode == Mode::Sample { " (estimates)" } else { "" };
    // Estimates may add up to more than there was, and tell nothing of the share then.
    let of_whole = match share(sum, whole) {
        Some(share) => format!("{share} of {what}"),
        None => format!("{what} in all"),
    };
    let (listed, all) = (count(top.len() as u64), plural(all as u64, "site"));
    writeln!(out, "{strong}Top {listed} of {all}{strong:#} by {}{estimates}, {of_whole}", metric.name())?;
    if top.is_empty() {
        return Ok(());
    }
    let (header, companion) = (metric.title(), metric.companion());
    let values: Vec<String> = top.iter().map(|site| value(profile, *site, metric)).collect();
    let widest = values.iter().map(|value| text::width(value)).max().unwrap_or(0);
    let value_columns = text::width(&header).max(10).max(widest);
    let indent = value_columns + OTHER_COLUMNS;
    writeln!(out)?;
    let beside = if companion.is_bytes() { "bytes" } else { "blocks" };
    writeln!(out, "{faint}{header:>value_columns$}  {beside:>10}  {:>6}  site{faint:#}", "%")?;
    let stacks: Vec<Vec<Line>> = {
        let files = profile.frames.iter().filter_map(Frame::source);
        let style = PathStyle::of(files, options.full_paths);
        told_apart(profile, &top, options.detail, &style)
    };
    let columns = Columns::fit(stacks.iter().flatten(), options.width.saturating_sub(indent));
    for (index, (site, lines)) in top.iter().zip(&stacks).enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let other = match companion.is_known(&profile.dump) {
            true => figure(companion.of(&site.figures()), companion.is_bytes()),
            false => "?".to_owned(),
        };
        let value = &values[index];
        write!(
            out,
            "{strong}{value:>value_columns$}{strong:#}  {other:>10}  {:>6}  ",
            share(site.of(metric), whole).unwrap_or_default()
        )?;
        for (row, line) in lines.iter().enumerate() {
            if row > 0 {
                write!(out, "{:indent$}", "")?;
            }
            columns.write(line, row == 0, out)?;
        }
        if lines.is_empty() {
            writeln!(out, "(no stack)")?;
        }
    }
    Ok(())
}

/// A part of the whole; none of an estimate that is more than that.
fn share(part: u64, whole: u64) -> Option<String> {
    (part <= whole || whole == 0).then(|| percent(part, whole))
}

/// A site's figure, with its standard error where it is an estimate.
fn value(profile: &Profile, site: ShownSite<'_>, metric: Metric) -> String {
    let value = figure(site.of(metric), metric.is_bytes());
    match sampling::relative_error(&profile.dump, &site.figures(), metric) {
        Some(error) => format!("{value} ±{:.0}%", error * 100.0),
        None => value,
    }
}

/// The stacks of sites, each as lines that no other has.
fn told_apart(
    profile: &Profile,
    sites: &[ShownSite<'_>],
    detail: Detail,
    paths: &PathStyle,
) -> Vec<Vec<Line>> {
    let stacks = sites.iter().map(|site| lines(profile, *site, detail.all_frames, paths)).collect();
    let mut stacks = with_marks(profile, sites, detail, paths, stacks);
    for (lines, site) in stacks.iter_mut().zip(sites) {
        lines.extend(turns(*site).map(|turns| Line::new("↻ ", turns)));
    }
    stacks
}

/// A function and its place, as a list of sites shows them.
pub(super) struct Row {
    /// What comes before the function.
    pub(super) mark: &'static str,
    pub(super) function: String,
    /// What that called first.
    pub(super) called: Option<String>,
    pub(super) place: Option<String>,
}

/// The functions that sites are named after, with what these called first, and where that is; further rows of a site say at
/// what it parts from another that would read the same.
pub(super) fn headlines(profile: &Profile, sites: &[ShownSite<'_>], paths: &PathStyle) -> Vec<Vec<Row>> {
    let row = |mark, line: Line, called| {
        let [function, _] = line.function;
        let [place, _] = line.location;
        Row { mark, function, called, place: (!place.is_empty()).then_some(place) }
    };
    let headline = |site: &ShownSite<'_>| {
        let frames: Vec<&Frame> = site.frames().iter().map(|id| fold::frame(profile, *id)).collect();
        let Some(named) = fold::headline(&frames) else {
            return row("", Line::new("", "(no stack)".to_owned()), None);
        };
        let line = Line::at("", names::display_name(&frames[named].function), frames[named], paths);
        let called = frames[..named].last().map(|called| names::display_name(&called.function));
        row("", line, called)
    };
    let headlines: Vec<Row> = sites.iter().map(headline).collect();
    let line = |row: &Row| {
        let mut line =
            Line::new("", format!("{} → {}", row.function, row.called.as_deref().unwrap_or_default()));
        line.location[0].push_str(row.place.as_deref().unwrap_or_default());
        vec![line]
    };
    let lines = headlines.iter().map(line).collect();
    let marked = with_marks(profile, sites, Detail::default(), paths, lines);
    let rows = headlines.into_iter().zip(marked).map(|(headline, lines)| {
        let marks = lines.into_iter().skip(1).map(|line| row(line.mark, line, None));
        std::iter::once(headline).chain(marks).collect()
    });
    rows.collect()
}

/// The stacks of sites as lines, with those at which they part that would read the same.
fn with_marks(
    profile: &Profile,
    sites: &[ShownSite<'_>],
    detail: Detail,
    paths: &PathStyle,
    mut stacks: Vec<Vec<Line>>,
) -> Vec<Vec<Line>> {
    let texts: Vec<Vec<&str>> = stacks
        .iter()
        .map(|lines| lines.iter().flat_map(|line| [&*line.function[0], &*line.location[0]]).collect())
        .collect();
    let name = |frame: &Frame| match detail.all_frames {
        true => frame.function.clone(),
        false => names::display_name(&frame.function),
    };
    let mut numbers = Numbers::new();
    let mut places = |frames: &Vec<FrameId>| -> Vec<Place> {
        let tells = telling(frames.iter().map(|id| fold::frame(profile, *id).role));
        let place = |id: &FrameId| {
            let frame = fold::frame(profile, *id);
            let shown = numbers.of(*id, || (name(frame), &frame.file, frame.line, frame.column));
            Place { shown, tells: tells(frame.role) }
        };
        frames.iter().map(place).collect()
    };
    let frames: Vec<Vec<FrameId>> = sites.iter().map(|site| site.frames()).collect();
    let places: Vec<Vec<Place>> = frames.iter().map(&mut places).collect();
    let told = marks(&texts, &places);
    for ((lines, told), frames) in stacks.iter_mut().zip(told).zip(&frames) {
        for frame in told.into_iter().map(|at| fold::frame(profile, frames[at])) {
            let mut line = Line::at("≠ ", name(frame), frame, paths);
            if let Some(column) = frame.column {
                line.location.iter_mut().for_each(|location| *location += &format!(":{column}"));
            }
            lines.push(line);
        }
    }
    stacks
}

/// What recursion is left out of a site's stack.
fn turns(site: ShownSite<'_>) -> Option<String> {
    let Turns { least, most } = site.turns();
    let turns = match (least, most) {
        (_, 0) => return None,
        (least, most) if least == most => plural(most.into(), "turn"),
        (least, most) => format!("{} to {}", count(least.into()), plural(most.into(), "turn")),
    };
    let stacks = if site.members().len() > 1 {
        format!(" in {}", plural(site.members().len() as u64, "stack"))
    } else {
        String::new()
    };
    Some(format!("{turns} of a recursion{stacks}"))
}

/// One line of a site's stack.
struct Line {
    /// What comes before the function.
    mark: &'static str,
    /// The whole text, and a shorter one for where that does not fit.
    function: [String; 2],
    /// The location, likewise.
    location: [String; 2],
}

impl Line {
    fn new(mark: &'static str, function: String) -> Line {
        Line { mark, function: [function.clone(), function], location: [String::new(), String::new()] }
    }

    fn at(mark: &'static str, function: String, frame: &Frame, paths: &PathStyle) -> Line {
        let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
        let location = frame.file.as_deref().zip(frame.source()).map(|(file, source)| {
            let whole = paths.show(file, source);
            // Of which version a package is, and that a crate is of the standard library, can be done without.
            let short = match (paths, source) {
                (PathStyle::Full, _) | (_, Source { origin: Origin::Project(_), .. }) => whole.clone(),
                (_, Source { origin: Origin::Std, path }) => path.to_owned(),
                (_, Source { origin: Origin::Package(package), path }) => {
                    format!("{} {path}", name_and_version(package).0)
                }
            };
            [whole + &line, short + &line]
        });
        Line { location: location.unwrap_or_default(), ..Line::new(mark, function) }
    }
}

/// A site's stack: the function it is named after, what that called, and who called it.
fn lines(profile: &Profile, site: ShownSite<'_>, all_frames: bool, paths: &PathStyle) -> Vec<Line> {
    let frames: Vec<&Frame> = site.frames().iter().map(|id| fold::frame(profile, *id)).collect();
    let mut lines: Vec<Line> = Vec::new();
    if all_frames {
        lines.extend(frames.iter().enumerate().map(|(index, frame)| {
            Line::at(if index == 0 { "" } else { "← " }, frame.function.clone(), frame, paths)
        }));
    } else if let Some(named) = fold::headline(&frames) {
        lines.push(Line::at("", names::display_name(&frames[named].function), frames[named], paths));
        lines.extend(called(&frames[..named]));
        callers(&frames[named + 1..], paths, &mut lines);
    }
    if site.is_truncated() {
        let of = if site.members().len() > 1 { "some of these stacks" } else { "this stack" };
        lines.push(Line::new("", format!("(frames were left out of {of})")));
    }
    lines
}

/// What the function that a site is named after called, on the way to the allocation: the first, and the last.
fn called(inner: &[&Frame]) -> Option<Line> {
    let first = names::display_name(&inner.last()?.function);
    let last = names::display_name(&inner.first()?.function);
    let whole = match inner.len() {
        1 => first,
        2 => format!("{first} → {last}"),
        _ => format!("{first} → … → {last}"),
    };
    let short = if inner.len() == 1 { last } else { format!("… → {last}") };
    Some(Line { function: [whole, short], ..Line::new("→ ", String::new()) })
}

/// Adds who called, nearest first.
fn callers(outer: &[&Frame], paths: &PathStyle, lines: &mut Vec<Line>) {
    let callers = grouped(outer);
    let shown = if callers.len() > MAX_CALLERS { MAX_CALLERS - 1 } else { callers.len() };
    lines.extend(callers[..shown].iter().map(|caller| caller.line(paths)));
    if let Some(outermost) = callers.last().filter(|_| shown < callers.len()) {
        let between: usize = callers[shown..callers.len() - 1].iter().map(Caller::frames).sum();
        if between > 0 {
            lines.push(Line::new("← ", format!("({} more)", count(between as u64))));
        }
        lines.push(outermost.line(paths));
    }
}

/// Who called, as one line shows it.
enum Caller<'a> {
    /// A function, so many times in a row.
    Function(&'a Frame, usize),
    /// So many of other people's functions, by their crates.
    Others(Vec<String>, usize),
}

impl Caller<'_> {
    fn frames(&self) -> usize {
        match self {
            Caller::Function(_, frames) | Caller::Others(_, frames) => *frames,
        }
    }

    fn line(&self, paths: &PathStyle) -> Line {
        match self {
            Caller::Function(frame, 1) => Line::at("← ", names::display_name(&frame.function), frame, paths),
            Caller::Function(frame, times) => {
                Line::at("← ", format!("{} ×{times}", names::display_name(&frame.function)), frame, paths)
            }
            Caller::Others(crates, frames) => {
                let frames = plural(*frames as u64, "frame");
                let crates = match crates.as_slice() {
                    [first, second, rest @ ..] if !rest.is_empty() => {
                        format!("{first}, {second} and {}", plural(rest.len() as u64, "more crate"))
                    }
                    few => few.join(", "),
                };
                let short = format!("({frames})");
                Line {
                    function: [format!("({frames} of {crates})"), short],
                    ..Line::new("← ", String::new())
                }
            }
        }
    }
}

/// The frames worth a line: the project's own functions, with what lies between them in one; in a stack without
/// these, the dependencies'.
fn grouped<'a>(outer: &[&'a Frame]) -> Vec<Caller<'a>> {
    let has_own = outer.iter().any(|frame| fold::is_own(frame));
    let mut callers: Vec<Caller<'a>> = Vec::new();
    for frame in outer.iter().filter(|frame| matches!(frame.role, Role::Program | Role::Operation)) {
        if has_own && !fold::is_own(frame) && frame.role != Role::Operation {
            let name = names::short_name(&frame.function);
            let of_crate = names::crate_name(&name).unwrap_or(&name).to_owned();
            match callers.last_mut() {
                Some(Caller::Others(crates, frames)) => {
                    *frames += 1;
                    if !crates.contains(&of_crate) {
                        crates.push(of_crate);
                    }
                }
                _ => callers.push(Caller::Others(vec![of_crate], 1)),
            }
            continue;
        }
        match callers.last_mut() {
            Some(Caller::Function(last, times)) if last.function == frame.function => *times += 1,
            _ => callers.push(Caller::Function(frame, 1)),
        }
    }
    callers
}

/// The widths of functions and locations, the same for all lines.
struct Columns {
    function: usize,
    location: usize,
    /// Both, and the gap between them.
    width: usize,
}

impl Columns {
    const GAP: usize = 2;

    /// Gives functions and locations what they need; where that is too much, locations are first to go short.
    fn fit<'a>(lines: impl Iterator<Item = &'a Line> + Clone, width: usize) -> Columns {
        let widest = |of: fn(&Line) -> usize| lines.clone().map(of).max().unwrap_or(0);
        let function = widest(|line| match line.location[0].is_empty() {
            true => 0,
            false => text::width(line.mark) + text::width(&line.function[0]),
        });
        let whole = widest(|line| text::width(&line.location[0]));
        let short = widest(|line| text::width(&line.location[1]));
        let room = width.saturating_sub(Columns::GAP);
        if function + whole <= room {
            Columns { function, location: whole, width }
        } else if function + short <= room {
            Columns { function, location: room - function, width }
        } else {
            let location = short.min((room * 2 / 5).max(room.saturating_sub(function)));
            Columns { function: room - location, location, width }
        }
    }

    fn write(&self, line: &Line, is_headline: bool, out: &mut dyn Write) -> io::Result<()> {
        let look = if is_headline { style::STRONG } else { style::PLAIN };
        let (mark, faint) = (line.mark, style::FAINT);
        let has_location = !line.location[0].is_empty();
        let room = if has_location { self.function } else { self.width };
        let room = room.saturating_sub(text::width(mark));
        let function = fitting(&line.function, room);
        write!(out, "{faint}{mark}{faint:#}{look}{function}{look:#}")?;
        if has_location {
            let location = fitting(&line.location, self.location);
            let padding = room - text::width(&function) + Columns::GAP;
            write!(out, "{:padding$}{faint}{location}{faint:#}", "")?;
        }
        writeln!(out)
    }
}

/// The first of the texts that fits, or as much of the last as does.
fn fitting(texts: &[String; 2], columns: usize) -> String {
    let fits = texts.iter().find(|text| text::width(text) <= columns);
    text::cut_start(fits.unwrap_or(&texts[1]), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::sites;
    use alloc_probe_format::dump::{Figures, Site};

    /// A profile of stacks of these frames, the allocation first: function, file, line.
    fn profile(stacks: &[&[(&str, &str, u32)]]) -> Profile {
        let mut profile = Profile::default();
        for stack in stacks {
            let ids: Vec<FrameId> = (stack.iter())
                .map(|(function, file, line)| {
                    let (function, file) = ((*function).to_owned(), Some((*file).to_owned()));
                    let role = if file.as_deref() == Some(STD) { Role::Standard } else { Role::Program };
                    let line = Some(*line);
                    profile.frames.push(Frame { function, file, line, role, ..Frame::default() });
                    FrameId(profile.frames.len() as u32 - 1)
                })
                .collect();
            let figures = Figures { peak_bytes: 8, total_blocks: 1, ..Figures::default() };
            let stack = profile.stacks.add(ids);
            profile.sites.push(Site { stack, figures, ..Site::default() });
        }
        profile
    }

    const STD: &str = "/rustc/1/library/alloc/src/slice.rs";
    const MAIN: (&str, &str, u32) = ("m::main", "/w/m/src/main.rs", 5);

    /// What the marks of a profile's sites stand at.
    fn marked(stacks: &[&[(&str, &str, u32)]]) -> Vec<Vec<String>> {
        let profile = profile(stacks);
        let shown = sites::shown(&profile, Metric::PeakBytes, Detail::default());
        let sites: Vec<ShownSite<'_>> = shown.iter().collect();
        let style = PathStyle::of(profile.frames.iter().filter_map(Frame::source), false);
        let told = told_apart(&profile, &sites, Detail::default(), &style);
        let marks = |lines: &Vec<Line>| -> Vec<String> {
            let marks = lines.iter().filter(|line| line.mark == "≠ ");
            marks.map(|line| format!("{} {}", line.function[0], line.location[0])).collect()
        };
        told.iter().map(marks).collect()
    }

    #[test]
    fn marks_stand_where_what_is_shown_differs() {
        let record = "/root/.cargo/registry/src/i/csv-1.3.0/src/record.rs";
        // The generic arguments differ as well, which are not shown.
        let stack = |to_vec: &'static str, copy: &'static str, line| {
            [(to_vec, STD, 448), (copy, record, 20), ("csv::clone", record, line), MAIN]
        };
        let bytes = stack("alloc::slice::to_vec<u8>", "csv::copy<u8>", 510);
        let ends = stack("alloc::slice::to_vec<usize>", "csv::copy<usize>", 511);
        let at = |line| vec![format!("csv::clone csv 1.3.0 src/record.rs:{line}")];
        assert_eq!(marked(&[&bytes, &ends]), [at(510), at(511)]);
    }

    #[test]
    fn estimates_of_more_than_there_was_tell_no_share() {
        let title = |peak_bytes| {
            let mut profile = profile(&[&[MAIN]]);
            profile.dump.totals.peak_bytes = peak_bytes;
            let (metric, detail) = (Metric::PeakBytes, Detail::default());
            let shown = sites::shown(&profile, metric, detail);
            let options = Options { metric, top: 1, detail, full_paths: false, width: 100 };
            let mut out = Vec::new();
            let mut plain = anstream::StripStream::new(&mut out as &mut dyn Write);
            write(&profile, shown.iter(), &options, &mut plain).unwrap();
            String::from_utf8(out).unwrap()
        };
        let exact = title(16);
        assert!(exact.starts_with("Top 1 of 1 site by peak-bytes, 50.0% of 16 B\n"), "{exact}");
        let more = title(6);
        assert!(more.starts_with("Top 1 of 1 site by peak-bytes, 6 B in all\n"), "{more}");
        assert!(!more.contains("133"), "{more}");
    }

    #[test]
    fn a_short_path_says_whose_it_is() {
        let short = |file: &str| {
            let frame = Frame { file: Some(file.to_owned()), line: Some(814), ..Frame::default() };
            let style = PathStyle::of(frame.source(), false);
            Line::at("", String::new(), &frame, &style).location[1].clone()
        };
        assert_eq!(short("/r/registry/src/i/docopt-1.1.1/src/parse.rs"), "docopt src/parse.rs:814");
        assert_eq!(short(STD), "alloc/src/slice.rs:814");
    }
}

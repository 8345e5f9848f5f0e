//! The summary of a dump, as text.

mod threads;

use crate::analyse::fold;
use crate::analyse::sampling::{error_of_sum, estimated_blocks, tells_of_blocks};
use crate::profile::{Frame, Profile, Role};
use crate::render::sentence;
use crate::source::names;
use crate::term::{style, text};
use crate::units::{bytes, count, duration, figure, instant, percent, plural};
use alloc_probe_format::dump::{Dump, Ended, Figures, Mark, Mode};
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// Writes what the process was and what it allocated in all. `live_bytes` are those over time, in equal steps.
///
/// # Errors
///
/// Those of `out`.
pub fn write(profile: &Profile, live_bytes: &[u64], width: usize, out: &mut dyn Write) -> io::Result<()> {
    let dump = &profile.dump;
    title(dump, width, out)?;
    writeln!(out)?;
    let mut rows = Rows { width, out };
    let totals = &dump.totals;
    for (name, metric, remark) in [
        ("peak", Metric::PeakBytes, peak(dump)),
        ("end", Metric::EndBytes, end(profile)),
        ("total", Metric::TotalBytes, total(profile)),
    ] {
        match (metric.is_known(dump), metric.companion().is_known(dump)) {
            (true, true) => rows.row(name, bytes(metric.of(totals)), &remark)?,
            (true, false) => rows.row(name, bytes(metric.of(totals)), "")?,
            (false, true) => rows.row(name, "unknown".to_owned(), &remark)?,
            (false, false) => {}
        }
    }
    if totals.realloc_calls > 0 {
        rows.row("realloc", count(totals.realloc_calls), &reallocs(profile))?;
    }
    if dump.memory.rss_bytes > 0 {
        rows.row("resident", bytes(dump.memory.rss_bytes), &resident(dump))?;
    }
    let threads: u64 = dump.threads.iter().map(|thread| thread.threads).sum();
    if threads > 0 {
        rows.row("threads", count(threads), &threads::busiest(&dump.threads))?;
    }
    if let Some(most) = dump.threads.iter().map(|thread| thread.stack_bytes).max().filter(|most| *most > 0) {
        rows.row("stacks", bytes(most), &threads::deepest(&dump.threads))?;
    }
    if !dump.marks.is_empty() {
        let passed = dump.marks.iter().map(|mark| mark.count).sum();
        rows.row("marks", count(passed), &marks(&dump.marks))?;
    }
    if live_bytes.iter().any(|live| *live > 0) {
        rows.bars("live", live_bytes, &format!("live bytes over {}", duration(dump.process.duration_ns)))?;
    }
    Ok(())
}

/// Writes what allocations failed, if any: how many, and which was the last.
///
/// # Errors
///
/// Those of `out`.
pub fn write_failures(profile: &Profile, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let failures = &profile.dump.failures;
    let Some((last, frames)) = failures.last.last().zip(profile.failed.last()) else { return Ok(()) };
    let (size, time) = (bytes(last.bytes), duration(last.time_ns));
    let mut remark = match failures.count {
        1 => format!("allocation failed for lack of memory: {size} after {time}"),
        _ => format!("allocations failed for lack of memory; the last: {size} after {time}"),
    };
    let mut frames = frames.iter().map(|id| fold::frame(profile, *id));
    let of_program = |frame: &&Frame| frame.role == Role::Program;
    let own = frames.clone().find(|frame| of_program(frame) && fold::is_rust(frame));
    let own = own.or_else(|| frames.clone().find(of_program)).or_else(|| frames.next());
    if let Some(frame) = own {
        remark += &format!(", in {}", names::display_name(&frame.function));
        let place = frame.file.as_deref().zip(frame.line);
        remark.extend(place.map(|(file, line)| format!(" ({file}:{line})")));
    }
    Rows { width, out }.row("failed", count(failures.count), &remark)
}

/// What could not be recorded, one sentence each: nothing for a faultless run.
pub fn losses(dump: &Dump) -> Vec<String> {
    let lost = &dump.lost;
    let mut sentences = Vec::new();
    let mut say = |figure: u64, sentence: String| {
        if figure > 0 {
            sentences.push(sentence);
        }
    };
    let be = |figure| if figure == 1 { "is" } else { "are" };
    let (blocks, are) = (plural(lost.blocks, "block"), be(lost.blocks));
    say(
        lost.blocks,
        format!("{blocks} ({}) could not be recorded and {are} in no figure", bytes(lost.bytes)),
    );
    let (blocks, are) = (plural(lost.unattributed_blocks, "block"), be(lost.unattributed_blocks));
    say(
        lost.unattributed_blocks,
        format!("{blocks} could not be given a stack and {are} counted under none"),
    );
    let stacks = plural(lost.truncated_stacks, "stack");
    say(lost.truncated_stacks, format!("frames were left out of {stacks}"));
    let blocks = plural(lost.unknown_frees, "block");
    say(
        lost.unknown_frees,
        format!(
            "{blocks} without a record, such as those from before recording started, were freed and {} in no figure",
            be(lost.unknown_frees)
        ),
    );
    sentences.extend(lost.notes.iter().map(|note| note.trim_end_matches('.').to_owned()));
    sentences
}

/// What a mode does to the figures; nothing where they are exact.
pub fn caveat(dump: &Dump) -> Option<String> {
    match dump.mode {
        Mode::Sample => Some(match dump.sample_bytes {
            Some(mean) => format!(
                "estimates with their standard error (±), from one sample in about every {}",
                bytes(mean)
            ),
            None => "estimates, from samples".to_owned(),
        }),
        Mode::Off => Some("nothing was recorded".to_owned()),
        Mode::Count | Mode::Full => None,
    }
}

/// Writes what the process was.
pub(super) fn title(dump: &Dump, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let (build, process) = (&dump.build, &dump.process);
    let (strong, faint) = (style::STRONG, style::FAINT);
    let name = program(dump);
    let package = match build.crate_name == name {
        true => build.crate_version.clone(),
        false => format!("{} {}", build.crate_name, build.crate_version),
    };
    let title = text::cut_end(name, width);
    write!(out, "{strong}{title}{strong:#}")?;
    match text::cut_end(package.trim(), width) {
        // A program that installed the probe by hand tells no crate.
        package if package.is_empty() => writeln!(out)?,
        package => writeln!(out, " {package}")?,
    }
    for line in wrap(&build_facts(dump).join(", "), width) {
        writeln!(out, "{faint}{line}{faint:#}")?;
    }
    let command = process.command.join(" ");
    if !command.is_empty() {
        writeln!(out, "{faint}{}{faint:#}", text::cut_end(&command, width))?;
    }
    let ended = match process.ended {
        Ended::Exit => "until it exited".to_owned(),
        Ended::Running => "and was still running".to_owned(),
        Ended::Signal => format!("until {} ended it", signal_name(process.signal.unwrap_or(0))),
        Ended::Killed => "until it was killed, crashed, or called `_exit`".to_owned(),
    };
    let recorded = match dump.mode {
        Mode::Off => "recorded nothing",
        Mode::Count => "recorded counts (no call sites)",
        Mode::Sample => "recorded samples",
        Mode::Full => "recorded in full",
    };
    if !dump.sources.is_empty() {
        return sources(dump, width, out);
    }
    match (&dump.recorded_by, process.duration_ns) {
        (None, ran) => writeln!(out, "ran {} {ended}, {recorded}", duration(ran))?,
        // Its files do not say how a process ended, and some not how long it ran.
        (Some(other), 0) => writeln!(out, "recorded by {other}")?,
        (Some(other), ran) => writeln!(out, "ran {}, recorded by {other}", duration(ran))?,
    }
    if let Some(until) = until(dump) {
        wrap(&until, width).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if let (Mode::Sample, Some(caveat)) = (dump.mode, caveat(dump)) {
        let caveat = match &dump.recorded_by {
            None => format!(
                "The figures of sites are {caveat}; of the process's own, those of temporary and long-lived \
                 blocks and of moves are as well, and the others are counted."
            ),
            // Its files have samples alone.
            Some(_) => format!("All figures are {caveat}."),
        };
        for line in sentence::wrapped(&caveat, width) {
            writeln!(out, "{strong}{line}{strong:#}")?;
        }
    }
    Ok(())
}

/// What a sum is of, and the largest part of it.
fn sources(dump: &Dump, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let count = plural(dump.sources.len() as u64, "dump");
    let recorded =
        dump.recorded_by.as_ref().map_or_else(String::new, |other| format!(", recorded by {other}"));
    writeln!(out, "the sum of {count}{recorded}: each process has its own peak, at its own time")?;
    for metric in [Metric::PeakBytes, Metric::TotalBytes, Metric::EndBytes] {
        let Some(most) = dump.sources.iter().max_by_key(|source| metric.of(&source.totals)) else { continue };
        let most_bytes = metric.of(&most.totals);
        if !metric.is_known(dump) || most_bytes == 0 {
            continue;
        }
        let share = percent(most_bytes, metric.of(&dump.totals));
        let line = format!("most {}: {} ({share}) in {}", metric.title(), bytes(most_bytes), most.path);
        writeln!(out, "{}", text::cut_end(&line, width))?;
    }
    Ok(())
}

/// Where the figures come from and until when they run; nothing for the dump at a normal end, where that is plain.
fn until(dump: &Dump) -> Option<String> {
    let process = &dump.process;
    let time = instant(process.end_unix_ns);
    Some(match (process.ended, process.from_spool) {
        (Ended::Exit, false) => return None,
        (Ended::Signal | Ended::Running | Ended::Killed, false) => {
            format!("figures as of {time}, when the dump was written")
        }
        (Ended::Running, true) => format!("figures as of {time}; read from its spool while it ran"),
        (Ended::Exit | Ended::Signal | Ended::Killed, true) => {
            format!(
                "figures as of its last instruction, times as of {time}; read from its spool, as it wrote no dump"
            )
        }
    })
}

/// A signal as people know it, of those that the probe takes.
fn signal_name(signal: i32) -> String {
    match signal {
        2 => "SIGINT".to_owned(),
        6 => "SIGABRT".to_owned(),
        15 => "SIGTERM".to_owned(),
        _ => format!("signal {signal}"),
    }
}

/// The program's name: its file's, or its crate's where that is not known.
pub fn program(dump: &Dump) -> &str {
    let names = [dump.process.executable.rsplit('/').next().unwrap_or_default(), &dump.build.crate_name];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or("unknown program")
}

/// How it was built, as far as it is known.
fn build_facts(dump: &Dump) -> Vec<String> {
    let build = &dump.build;
    let mut facts = Vec::new();
    if !build.opt_level.is_empty() {
        facts.push(format!("opt-level {}", build.opt_level));
        facts.push(format!("debug assertions {}", if build.debug_assertions { "on" } else { "off" }));
    }
    if !build.panic.is_empty() {
        facts.push(format!("panic {}", build.panic));
    }
    if !build.rustc.is_empty() {
        // `rustc 1.95.0 (59807616e 2026-04-14)`: the commit tells people nothing.
        facts.push(build.rustc.split(" (").next().unwrap_or_default().to_owned());
    }
    if !build.allocator.is_empty() {
        facts.push(format!("allocator {}", build.allocator));
    }
    facts
}

fn peak(dump: &Dump) -> String {
    let peak = format!("in {}", plural(dump.totals.peak_blocks, "block"));
    // Counts alone don't know when it was.
    if dump.peak_time_ns == 0 { peak } else { peak + &format!(", after {}", duration(dump.peak_time_ns)) }
}

fn end(profile: &Profile) -> String {
    let dump = &profile.dump;
    let totals = &dump.totals;
    let mut end = format!("in {}", plural(totals.end_blocks, "block"));
    if totals.long_lived_blocks > 0 {
        let (age, old) = (duration(dump.long_lived_threshold_ns), bytes(totals.long_lived_bytes));
        let error = error(profile, |figures| figures.long_lived_bytes, true);
        end += &format!("; long-lived (≥ {age}): {old}{error} in {}", count(totals.long_lived_blocks));
    }
    end
}

fn total(profile: &Profile) -> String {
    let totals = &profile.dump.totals;
    let mut total = format!("in {}", plural(totals.total_blocks, "block"));
    if totals.temporary_blocks > 0 && tells_of_blocks(profile) {
        let all = estimated_blocks(profile);
        let error = match error_of_sum(profile, |figures| figures.temporary_blocks, false) {
            Some(error) => format!(" ±{}", percent(error.round() as u64, all)),
            None => String::new(),
        };
        let temporary = percent(totals.temporary_blocks, all);
        total += &format!("; {temporary}{error} of them temporary");
    }
    total
}

fn reallocs(profile: &Profile) -> String {
    let dump = &profile.dump;
    let totals = &dump.totals;
    if dump.mode == Mode::Count {
        return "calls".to_owned();
    }
    let error = error(profile, |figures| figures.moved_bytes, true);
    match (dump.mode, totals.moved_bytes) {
        // How many calls moved their block, a few large ones that were drawn don't tell.
        (Mode::Sample, 0) => return "calls; what they copied is not known".to_owned(),
        (Mode::Sample, moved) => return format!("calls, which copied about {}{error}", bytes(moved)),
        _ => {}
    }
    let moved = percent(totals.realloc_moves, totals.realloc_calls);
    format!("{moved} moved their block, {}{error} copied", bytes(totals.moved_bytes))
}

/// The standard error of an estimate, behind it; nothing where it was counted.
fn error(profile: &Profile, of: fn(&Figures) -> u64, is_bytes: bool) -> String {
    error_of_sum(profile, of, is_bytes)
        .map_or_else(String::new, |error| format!(" ±{}", figure(error.round() as u64, is_bytes)))
}

fn resident(dump: &Dump) -> String {
    let memory = &dump.memory;
    let mut resident = format!("at the end, {} at most", bytes(memory.peak_rss_bytes.max(memory.rss_bytes)));
    let mut categories: Vec<_> = memory.categories.iter().filter(|category| category.bytes > 0).collect();
    categories.sort_by_key(|category| std::cmp::Reverse(category.bytes));
    let named = categories.iter().map(|category| format!("{} {}", category.name, bytes(category.bytes)));
    let named: Vec<String> = named.collect();
    if !named.is_empty() {
        resident += &format!(": {}", named.join(", "));
    }
    resident
}

/// The points that the program passed, by the time when it first did.
fn marks(marks: &[Mark]) -> String {
    let named = marks.iter().map(|mark| {
        let times = if mark.count > 1 { format!(" ×{}, first", count(mark.count)) } else { String::new() };
        format!("{}{times} after {}", mark.name, duration(mark.first_ns))
    });
    format!("passed: {}", named.collect::<Vec<String>>().join("; "))
}

/// Rows of a name, a figure, and what there is to say of it.
pub(super) struct Rows<'a> {
    pub(super) width: usize,
    pub(super) out: &'a mut dyn Write,
}

impl Rows<'_> {
    pub(super) fn row(&mut self, name: &str, figure: String, remark: &str) -> io::Result<()> {
        let (strong, faint) = (style::STRONG, style::FAINT);
        let lines = wrap(remark, self.width.saturating_sub(INDENT));
        let first = lines.first().map_or("", String::as_str);
        writeln!(self.out, "{faint}{name:>10}{faint:#}  {strong}{figure:>10}{strong:#}  {first}")?;
        for line in lines.iter().skip(1) {
            writeln!(self.out, "{:INDENT$}{line}", "")?;
        }
        Ok(())
    }

    /// A row of bars, as many as leave room for the remark.
    pub(super) fn bars(&mut self, name: &str, values: &[u64], remark: &str) -> io::Result<()> {
        const BARS: usize = 12;
        let bars = text::sparkline(values, self.width.saturating_sub(BARS + 2 + text::width(remark)));
        let (bar, faint) = (style::BAR, style::FAINT);
        writeln!(self.out, "{faint}{name:>10}{faint:#}  {bar}{bars}{bar:#}  {faint}{remark}{faint:#}")
    }
}

/// Where remarks start: two columns of ten, and the gaps after them.
const INDENT: usize = 24;

/// Breaks a remark between its words into lines of at most `columns`; a longer word gets a line of its own.
fn wrap(remark: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // What belongs together stays together: a figure and its unit.
    for word in remark.split_inclusive(", ").flat_map(|part| part.split_inclusive("; ")) {
        match lines.last_mut() {
            Some(line) if text::width(line) + text::width(word.trim_end()) <= columns => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| text::cut_end(line.trim_end(), columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_estimates_fits_the_page() {
        let dump = Dump { mode: Mode::Sample, sample_bytes: Some(512 << 10), ..Dump::default() };
        let mut out = Vec::new();
        title(&dump, 60, &mut anstream::StripStream::new(&mut out as &mut dyn Write)).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with("others are counted.\n"), "{out}");
        assert!(out.lines().all(|line| text::width(line) <= 60), "{out}");
    }
}

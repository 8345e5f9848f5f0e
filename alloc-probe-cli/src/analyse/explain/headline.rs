//! What a person would say of a process's memory, in two or three sentences.

use super::ending;
use super::finding::{Finding, Kind};
use super::run::Run;
use crate::analyse::account::{Account, is_free_known};
use crate::analyse::evidence::growing::{LEAST_BLOCKS, floors};
use crate::analyse::evidence::spike::Spike;
use crate::units::{bytes, duration, plural};
use alloc_probe_format::dump::{Dump, Ended, Mode};
use alloc_probe_format::metric::Metric;

/// The answer before everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headline {
    /// What is resident, or what is known in its place, and what it is.
    pub memory: String,
    /// The same without the recording; none where that is not known.
    pub without_recording: Option<String>,
    /// What grows; none where nothing does.
    pub growth: Option<String>,
    /// How it ended, where that has to do with memory.
    pub end: Option<String>,
}

impl Headline {
    /// All sentences in one.
    pub fn text(&self) -> String {
        let more = [&self.without_recording, &self.growth, &self.end];
        let mut text = self.memory.clone();
        for sentence in more.into_iter().flatten() {
            text.push(' ');
            text.push_str(sentence);
        }
        text
    }
}

/// What is smaller than this part of the resident memory is not named.
const NAMED_PART: i64 = 10;

/// So many parts are named.
const NAMED: usize = 4;

pub(super) fn of(run: &Run<'_>, findings: &[Finding]) -> Headline {
    let dump = &run.profile.dump;
    let growth = findings.iter().find(|finding| finding.kind == Kind::Growth);
    let growth = match growth {
        Some(finding) => Some(format!("What is live grows: {}.", finding.short)),
        None => rise(dump),
    };
    let end = ending::sentence(run);
    let Some(account) = run.account else {
        return Headline { memory: unknown(dump), without_recording: None, growth, end };
    };
    let resident = account.resident;
    let probe = account.bytes("probe");
    let mut parts = parts(run, account);
    parts.retain(|(bytes, _)| *bytes > 0 && *bytes >= (resident - probe) / NAMED_PART);
    parts.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    parts.truncate(NAMED);
    if probe >= resident / 50 {
        parts.push((probe, "is the recording".to_owned()));
    }
    let size = |figure: i64| bytes(figure.max(0).unsigned_abs());
    let named: Vec<String> = (parts.iter().enumerate())
        .map(|(index, (figure, what))| {
            let of_it = if index == 0 { " of it" } else { "" };
            format!("{}{of_it} {what}", size(*figure))
        })
        .collect();
    let memory = match named.is_empty() {
        true => format!("{} are resident.", size(resident)),
        false => format!("{} are resident. {}.", size(resident), named.join("; ")),
    };
    let without_recording =
        (probe > 0).then(|| format!("Without the recording it would be at most {}.", size(resident - probe)));
    Headline { memory, without_recording, growth, end }
}

/// What is counted rose, and too few blocks were drawn to say where; none where that is not so.
fn rise(dump: &Dump) -> Option<String> {
    let sampled = dump.sample_bytes.filter(|_| dump.mode == Mode::Sample)?;
    let (from, to) = floors(dump)?;
    // What a program had freed when it was done doesn't go on.
    if dump.process.ended == Ended::Exit && dump.totals.end_bytes < from {
        return None;
    }
    let rose = to.saturating_sub(from);
    let is_more = rose >= LEAST_RISE.max(from / 20);
    // Of more, there may be a site with samples enough for a verdict: that it does not grow, where none is found.
    let is_too_little = rose < LEAST_BLOCKS.saturating_mul(sampled);
    (is_more && is_too_little).then(|| {
        format!(
            "At least {} were live in the second quarter of the run, and at least {} in its last: what of that goes on, samples \
             of a block in about {} can't tell yet. A longer run does, or `ALLOC_PROBE=sample={}`.",
            bytes(from),
            bytes(to),
            bytes(sampled),
            format_args!("{}KiB", (sampled / FINER / 1024).max(1))
        )
    })
}

/// A rise that is smaller is not spoken of.
const LEAST_RISE: u64 = 64 << 10;
/// How many times as many samples are advised.
const FINER: u64 = 8;

/// What the resident memory is, in words that go on from a figure. Lines that belong together are one part.
fn parts(run: &Run<'_>, account: &Account) -> Vec<(i64, String)> {
    let dump = &run.profile.dump;
    let name = dump.memory.allocator.as_ref().map_or("the allocator", |facts| &facts.name);
    let sum = |names: &[&str]| names.iter().map(|name| account.bytes(name)).sum::<i64>();
    let retained = sum(&["retained"]).max(0).unsigned_abs();
    let spike = Spike::behind(run.profile, retained).map_or_else(String::new, |spike| {
        format!(" since a spike of {} at {}", bytes(spike.peak_bytes), duration(spike.peak_ns))
    });
    let threads = plural(dump.memory.threads, "thread");
    vec![
        // Without the heap's pages, what was never touched is not known, so what is live may not all be resident.
        match dump.memory.heap {
            Some(_) => (sum(&["live blocks", "never touched", "swapped out"]), "is data in use".to_owned()),
            None => (sum(&["live blocks", "never touched"]), "is live data, at most".to_owned()),
        },
        match is_free_known(dump) {
            true => (sum(&["retained"]), format!("is memory that {name} keeps{spike}")),
            false => (sum(&["retained"]), format!("is free memory that {name} keeps, or C code's")),
        },
        match is_free_known(dump) {
            true => (sum(&["fragmentation"]), "is free, on pages that blocks in use hold".to_owned()),
            false => {
                (sum(&["fragmentation"]), "is free, or C code's, on pages that blocks in use hold".to_owned())
            }
        },
        (sum(&["rounding"]), format!("is what {name} adds to blocks")),
        (sum(&["C code"]), "is memory of C code".to_owned()),
        (sum(&["rounding and C"]), format!("is what {name} adds to blocks, and memory of C code")),
        (sum(&["allocator"]), format!("is {name}'s own tables")),
        (
            sum(&["heap beyond them"]),
            format!("is {name}'s beyond live blocks: free memory, rounding, C code"),
        ),
        (sum(&["heap, unknown"]), "of the heap could not be told".to_owned()),
        (sum(&["changed meanwhile"]), "changed while it was read".to_owned()),
        (sum(&["other mappings"]), "was mapped without the allocator".to_owned()),
        (sum(&["without blocks"]), "is in mappings without blocks: free, C code's, or others'".to_owned()),
        (sum(&["reclaimable"]), "is given up, and the system's at need".to_owned()),
        (
            sum(&["code", "relocations", "static data", "executable", "libraries"]),
            "is code and static data".to_owned(),
        ),
        (sum(&["stacks"]), format!("is the stacks of {threads}")),
        (sum(&["files"]), "is mapped files".to_owned()),
    ]
}

/// What is known of a process whose resident memory was not read.
fn unknown(dump: &Dump) -> String {
    let totals = &dump.totals;
    let (end, peak) = (bytes(totals.end_bytes), bytes(totals.peak_bytes));
    let blocks = plural(totals.end_blocks, "block");
    // Another tool's file may tell of one of them alone.
    let live = match [Metric::EndBytes, Metric::PeakBytes].map(|metric| metric.is_known(dump)) {
        [true, true] => format!("{end} were live in {blocks} at the end, {peak} at the peak"),
        [true, false] => format!("{end} were live in {blocks} at the end"),
        [false, true] => format!("{peak} were live at the peak"),
        [false, false] => "What was live is not known".to_owned(),
    };
    let last = dump.timeline.samples.iter().rev().find(|sample| sample.resident_bytes > 0);
    match last {
        Some(sample) => {
            let before = dump.process.duration_ns.saturating_sub(sample.time_ns);
            let when = match before {
                ..1_000_000_000 => String::new(),
                _ => format!(", {} before the end", duration(before)),
            };
            format!("{} were resident when that was last read{when}; {live}.", bytes(sample.resident_bytes))
        }
        None if dump.mode == Mode::Off => "Nothing was recorded.".to_owned(),
        None => format!("{live}. How much was resident is not known."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::run;

    #[test]
    fn what_a_file_does_not_tell_is_not_said() {
        let mut dump = Dump { mode: Mode::Full, ..Dump::default() };
        (dump.totals.end_bytes, dump.totals.end_blocks, dump.totals.peak_bytes) = (2048, 1, 4096);
        let rest = "How much was resident is not known.";
        assert_eq!(
            unknown(&dump),
            format!("2.0 KiB were live in 1 block at the end, 4.0 KiB at the peak. {rest}")
        );
        dump.unknown_figures = vec!["peak_bytes".to_owned()];
        assert_eq!(unknown(&dump), format!("2.0 KiB were live in 1 block at the end. {rest}"));
        dump.unknown_figures = vec!["end_bytes".to_owned()];
        assert_eq!(unknown(&dump), format!("4.0 KiB were live at the peak. {rest}"));
    }

    #[test]
    fn a_rise_that_samples_cannot_place_is_told() {
        let rise_of = |mode, live_kib: &dyn Fn(u64) -> u64| {
            let mut dump = run(400);
            dump.process.ended = Ended::Running;
            (dump.mode, dump.sample_bytes) = (mode, Some(512 << 10));
            for (number, sample) in (0..).zip(&mut dump.timeline.samples) {
                sample.live_bytes = live_kib(number) << 10;
            }
            let told = rise(&dump);
            dump.process.ended = Ended::Exit;
            assert_eq!(rise(&dump), None, "all of it is freed");
            told
        };
        // A spike that comes again and again hides nothing.
        let grows = |number: u64| if number % 20 < 2 { 100_000 } else { 6_000 + 10 * number };
        let told = rise_of(Mode::Sample, &grows).unwrap();
        assert!(told.starts_with("At least 6.9 MiB were live in the second quarter"), "{told}");
        assert!(told.ends_with("`ALLOC_PROBE=sample=64KiB`."), "{told}");
        assert_eq!(rise_of(Mode::Full, &grows), None, "whatever grows is known there");
        assert_eq!(rise_of(Mode::Sample, &|number| 200 * number), None, "samples enough");
        assert_eq!(rise_of(Mode::Sample, &|number| number.min(90) * 100), None, "a cache that is full");
    }
}

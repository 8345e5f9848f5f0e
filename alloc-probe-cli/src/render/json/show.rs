//! `show --json`.

use super::figures::Summary;
use super::frames::{FrameRow, FrameTable, Numbers};
use super::one_run::{FindingOf, Listed, MemoryOf, ProcessOf, Site};
use super::operations::Named;
use super::rows::{self, Rows, SCHEMA_VERSION};
use crate::analyse::between::Between;
use crate::analyse::explain::Explanation;
use crate::analyse::operations::operations;
use crate::analyse::sites::ShownSites;
use crate::profile::{FrameId, Profile};
use alloc_probe_format::dump::{Build, Lost, Mark, Mode, Source, Thread, Timeline, TimelineSample};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Show<'a, S> {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_by: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sources: &'a [Source],
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_bytes: Option<u64>,
    process: ProcessOf<'a>,
    build: &'a Build,
    summary: Summary<'a>,
    memory: MemoryOf<'a>,
    threads: Vec<ThreadOf<'a>>,
    failures: Failures,
    timeline: &'a Timeline,
    marks: &'a [Mark],
    operations: Vec<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    between: Option<BetweenOf<'a>>,
    lost: &'a Lost,
    missing_symbols: Vec<MissingSymbols<'a>>,
    findings: Vec<FindingOf<'a>>,
    frames: Vec<FrameRow<'a>>,
    sites: S,
}

#[derive(Serialize)]
struct ThreadOf<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    threads: u64,
    total_bytes: u64,
    total_blocks: u64,
    freed_bytes: u64,
    freed_blocks: u64,
    realloc_calls: u64,
    peak_bytes: u64,
    peak_blocks: u64,
    stack_bytes: u64,
    stack_limit_bytes: u64,
    deepest_bytes: u64,
    deepest_stack: Vec<u32>,
}

#[derive(Serialize)]
struct Failures {
    count: u64,
    last: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    bytes: u64,
    time_ns: u64,
    stack: Vec<u32>,
}

#[derive(Serialize)]
struct MissingSymbols<'a> {
    image: String,
    reason: &'a str,
    hint: &'a str,
    frames: u64,
    bytes: u64,
}

/// The figures between two marks.
#[derive(Serialize)]
struct BetweenOf<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    from_ns: u64,
    to_ns: u64,
    duration_ns: u64,
    total_bytes: u64,
    total_blocks: u64,
    freed_bytes: u64,
    freed_blocks: u64,
    live_bytes: Ends<u64>,
    live_blocks: Ends<u64>,
    resident_bytes: Ends<Option<u64>>,
    peak_bytes: Option<u64>,
    peak_at_least_bytes: u64,
}

/// A figure at both ends.
#[derive(Serialize)]
struct Ends<T> {
    from: T,
    to: T,
}

impl<'a> BetweenOf<'a> {
    fn new(between: &'a Between) -> BetweenOf<'a> {
        let (start, end) = (&between.from, &between.to);
        let (total_bytes, total_blocks) = between.total();
        let (freed_bytes, freed_blocks) = between.freed();
        let resident = |sample: &TimelineSample| Some(sample.resident_bytes).filter(|bytes| *bytes > 0);
        BetweenOf {
            from: between.from_mark.as_deref(),
            to: between.to_mark.as_deref(),
            from_ns: start.time_ns,
            to_ns: end.time_ns,
            duration_ns: between.duration_ns(),
            total_bytes,
            total_blocks,
            freed_bytes,
            freed_blocks,
            live_bytes: Ends { from: start.live_bytes, to: end.live_bytes },
            live_blocks: Ends { from: start.live_blocks, to: end.live_blocks },
            resident_bytes: Ends { from: resident(start), to: resident(end) },
            peak_bytes: between.peak_bytes,
            peak_at_least_bytes: between.peak_bytes.unwrap_or(between.at_least_bytes),
        }
    }
}

/// Writes a profile with so many of its sites, the largest first, and with those that a finding is about.
///
/// # Errors
///
/// Those of `out`.
pub fn write(
    profile: &Profile,
    sites: &ShownSites<'_>,
    top: usize,
    explanation: &Explanation,
    between: Option<&Between>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let dump = &profile.dump;
    let listed = Listed::new(sites.len(), top, &explanation.findings);
    let mut table = FrameTable::default();
    let mut numbers = Numbers::of(profile);
    let deepest: Vec<&[FrameId]> = (0..dump.threads.len())
        .map(|thread| profile.deepest.get(thread).map_or(&[][..], |deepest| &deepest.frames))
        .collect();
    listed.sites(sites).for_each(|site| table.add(&mut numbers, &site.frames()));
    let others = deepest.iter().copied().chain(profile.failed.iter().map(Vec::as_slice));
    others.for_each(|stack| table.add(&mut numbers, stack));
    let json = Show {
        schema_version: SCHEMA_VERSION,
        recorded_by: dump.recorded_by.as_deref(),
        sources: &dump.sources,
        mode: dump.mode,
        sample_bytes: dump.sample_bytes,
        process: ProcessOf::new(&dump.process),
        build: &dump.build,
        summary: Summary::new(profile),
        memory: MemoryOf::new(&dump.memory, explanation.account.as_ref()),
        threads: (dump.threads.iter().zip(&deepest))
            .map(|(thread, deepest)| ThreadOf::new(thread, numbers.stack(deepest)))
            .collect(),
        failures: Failures {
            count: dump.failures.count,
            last: (dump.failures.last.iter().zip(&profile.failed))
                .map(|(failure, stack)| Failure {
                    bytes: failure.bytes,
                    time_ns: failure.time_ns,
                    stack: numbers.stack(stack),
                })
                .collect(),
        },
        timeline: &dump.timeline,
        marks: &dump.marks,
        operations: operations(profile).iter().map(Named::new).collect(),
        between: between.map(BetweenOf::new),
        lost: &dump.lost,
        missing_symbols: profile
            .missing_symbols
            .iter()
            .map(|missing| MissingSymbols {
                image: missing.image.display().to_string(),
                reason: &missing.reason,
                hint: missing.hint,
                frames: missing.frames,
                bytes: missing.bytes,
            })
            .collect(),
        findings: listed.findings(&explanation.findings),
        frames: table.into_rows(),
        sites: Rows(|| listed.sites(sites).map(|site| Site::new(profile, site, &numbers))),
    };
    rows::write(&json, out)
}

impl<'a> ThreadOf<'a> {
    fn new(thread: &'a Thread, deepest_stack: Vec<u32>) -> ThreadOf<'a> {
        ThreadOf {
            name: &thread.name,
            tid: thread.tid,
            threads: thread.threads,
            total_bytes: thread.total_bytes,
            total_blocks: thread.total_blocks,
            freed_bytes: thread.freed_bytes,
            freed_blocks: thread.freed_blocks,
            realloc_calls: thread.realloc_calls,
            peak_bytes: thread.peak_bytes,
            peak_blocks: thread.peak_blocks,
            stack_bytes: thread.stack_bytes,
            stack_limit_bytes: thread.stack_limit_bytes,
            deepest_bytes: thread.deepest_bytes,
            deepest_stack,
        }
    }
}

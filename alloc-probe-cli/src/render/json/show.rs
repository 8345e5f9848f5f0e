//! `show --json`.

use super::figures::{AllFigures, Summary};
use super::frames::{FrameRow, FrameTable, Numbers};
use super::rows::{self, Rows, SCHEMA_VERSION};
use crate::analyse::diff::account::Account;
use crate::analyse::sites::ShownSite;
use crate::profile::{FrameId, Profile};
use alloc_probe_format::dump::{Build, Ended, Histogram, Lost, Mark, Memory, Mode, Thread, Timeline};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Show<'a, S> {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_by: Option<&'a str>,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_bytes: Option<u64>,
    process: Process<'a>,
    build: &'a Build,
    summary: Summary,
    memory: MemoryOf<'a>,
    threads: Vec<ThreadOf<'a>>,
    failures: Failures,
    timeline: &'a Timeline,
    marks: &'a [Mark],
    lost: &'a Lost,
    missing_symbols: Vec<MissingSymbols<'a>>,
    /// What is said of one run alone: nothing so far. Findings compare two.
    findings: [(); 0],
    frames: Vec<FrameRow<'a>>,
    sites: S,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    executable: &'a str,
    command: &'a [String],
    start_unix_ns: u64,
    duration_ns: u64,
    end_unix_ns: u64,
    ended: Ended,
    signal: Option<i32>,
    from_spool: bool,
}

#[derive(Serialize)]
struct MemoryOf<'a> {
    #[serde(flatten)]
    memory: &'a Memory,
    account: Vec<AccountLine>,
}

/// A line of the account; without bytes where the dump can't tell them.
#[derive(Serialize)]
struct AccountLine {
    name: &'static str,
    meaning: &'static str,
    bytes: Option<i64>,
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

#[derive(Serialize)]
struct Site<'a> {
    #[serde(flatten)]
    figures: AllFigures,
    truncated: bool,
    sizes: &'a Histogram,
    lifetimes: &'a Histogram,
    ages: &'a Histogram,
    stacks: u64,
    turns: [u32; 2],
    stack: Vec<u32>,
}

/// Writes a profile with so many of its sites, the largest first.
///
/// # Errors
///
/// Those of `out`.
pub fn write(profile: &Profile, sites: &[ShownSite], out: &mut dyn Write) -> io::Result<()> {
    let dump = &profile.dump;
    let mut table = FrameTable::default();
    let mut numbers = Numbers::of(profile);
    let deepest: Vec<&[FrameId]> = (0..dump.threads.len())
        .map(|thread| profile.deepest.get(thread).map_or(&[][..], |deepest| &deepest.frames))
        .collect();
    let of_sites = sites.iter().map(|site| site.frames.as_slice());
    let others = deepest.iter().copied().chain(profile.failed.iter().map(Vec::as_slice));
    of_sites.chain(others).for_each(|stack| table.add(&mut numbers, stack));
    let process = &dump.process;
    let json = Show {
        schema_version: SCHEMA_VERSION,
        recorded_by: dump.recorded_by.as_deref(),
        mode: dump.mode,
        sample_bytes: dump.sample_bytes,
        process: Process {
            pid: process.pid,
            executable: &process.executable,
            command: &process.command,
            start_unix_ns: process.start_unix_ns,
            duration_ns: process.duration_ns,
            end_unix_ns: process.end_unix_ns,
            ended: process.ended,
            signal: process.signal,
            from_spool: process.from_spool,
        },
        build: &dump.build,
        summary: Summary::new(profile),
        memory: MemoryOf { memory: &dump.memory, account: account(profile) },
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
        findings: [],
        frames: table.into_rows(),
        sites: Rows(|| {
            sites.iter().map(|site| Site {
                figures: AllFigures(site.figures),
                truncated: site.truncated,
                sizes: &site.sizes,
                lifetimes: &site.lifetimes,
                ages: &site.ages,
                stacks: site.stacks,
                turns: [site.turns.least, site.turns.most],
                stack: numbers.stack(&site.frames),
            })
        }),
    };
    rows::write(&json, out)
}

/// The lines that add up to the resident memory; none where that is not known.
fn account(profile: &Profile) -> Vec<AccountLine> {
    // The account of a process is what both sides have where both are that process.
    let account = Account::of(&profile.dump, &profile.dump);
    let lines = account.into_iter().flat_map(|account| account.lines);
    lines.map(|line| AccountLine { name: line.name, meaning: line.meaning, bytes: line.new }).collect()
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

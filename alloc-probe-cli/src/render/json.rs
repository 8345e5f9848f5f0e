//! `show --json`: stable, versioned, and described in `docs/json.md`.

use crate::analyse::fold;
use crate::analyse::sites::ShownSite;
use crate::profile::{Frame, Profile, Role};
use alloc_probe_format::dump::{
    Build, Ended, Figures, Histogram, Lost, Mark, Memory, Mode, Thread, Timeline,
};
use serde::Serialize;

/// The version of the schema. It changes when something is renamed, removed, or comes to mean something else.
pub const SCHEMA_VERSION: u32 = 1;

/// What `show --json` prints.
#[derive(Debug, Serialize)]
pub struct Show<'a> {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_by: Option<&'a str>,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_bytes: Option<u64>,
    process: Process<'a>,
    build: &'a Build,
    summary: Summary,
    memory: &'a Memory,
    threads: Vec<ThreadRow<'a>>,
    failures: Failures<'a>,
    timeline: &'a Timeline,
    marks: &'a [Mark],
    lost: &'a Lost,
    missing_symbols: Vec<MissingSymbols<'a>>,
    sites: Vec<Site<'a>>,
}

#[derive(Debug, Serialize)]
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

#[derive(Debug, Serialize)]
struct ThreadRow<'a> {
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
    deepest_frames: Vec<SiteFrame<'a>>,
}

impl<'a> ThreadRow<'a> {
    /// The row of the profile's `index`th thread.
    fn new(profile: &'a Profile, index: usize, thread: &'a Thread) -> ThreadRow<'a> {
        let deepest = profile.deepest.get(index).map_or(&[][..], |deepest| &deepest.frames);
        ThreadRow {
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
            deepest_frames: deepest.iter().map(|id| SiteFrame::new(fold::frame(profile, *id))).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Failures<'a> {
    count: u64,
    last: Vec<Failure<'a>>,
}

#[derive(Debug, Serialize)]
struct Failure<'a> {
    bytes: u64,
    time_ns: u64,
    frames: Vec<SiteFrame<'a>>,
}

/// The figures of a whole process.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    figures: AllFigures,
    peak_time_ns: u64,
    long_lived_threshold_ns: u64,
}

#[derive(Debug, Serialize)]
struct MissingSymbols<'a> {
    image: String,
    reason: &'a str,
    hint: &'a str,
    frames: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Site<'a> {
    #[serde(flatten)]
    figures: AllFigures,
    truncated: bool,
    sizes: &'a Histogram,
    lifetimes: &'a Histogram,
    ages: &'a Histogram,
    frames: Vec<SiteFrame<'a>>,
}

/// All figures, also those that are zero, which a dump leaves out.
#[derive(Debug, Serialize)]
pub struct AllFigures {
    total_bytes: u64,
    total_blocks: u64,
    peak_bytes: u64,
    peak_blocks: u64,
    end_bytes: u64,
    end_blocks: u64,
    long_lived_bytes: u64,
    long_lived_blocks: u64,
    temporary_blocks: u64,
    realloc_calls: u64,
    realloc_moves: u64,
    moved_bytes: u64,
    lifetime_sum_ns: u64,
}

/// One frame of a site, as every `--json` has it.
#[derive(Debug, Serialize)]
pub struct SiteFrame<'a> {
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    inlined: bool,
    role: &'static str,
}

impl<'a> Show<'a> {
    /// The profile with so many of its sites, the largest first.
    pub fn new(profile: &'a Profile, sites: &'a [ShownSite]) -> Show<'a> {
        let dump = &profile.dump;
        let process = &dump.process;
        Show {
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
            memory: &dump.memory,
            threads: dump
                .threads
                .iter()
                .enumerate()
                .map(|(index, thread)| ThreadRow::new(profile, index, thread))
                .collect(),
            failures: Failures {
                count: dump.failures.count,
                last: (dump.failures.last.iter().zip(&profile.failed))
                    .map(|(failure, frames)| Failure {
                        bytes: failure.bytes,
                        time_ns: failure.time_ns,
                        frames: frames.iter().map(|id| SiteFrame::new(fold::frame(profile, *id))).collect(),
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
            sites: sites
                .iter()
                .map(|site| Site {
                    figures: AllFigures::from(&site.figures),
                    truncated: site.truncated,
                    sizes: &site.sizes,
                    lifetimes: &site.lifetimes,
                    ages: &site.ages,
                    frames: site.frames.iter().map(|id| SiteFrame::new(fold::frame(profile, *id))).collect(),
                })
                .collect(),
        }
    }
}

impl Summary {
    /// The figures of a profile's process.
    pub fn new(profile: &Profile) -> Summary {
        Summary {
            figures: AllFigures::from(&profile.dump.totals),
            peak_time_ns: profile.dump.peak_time_ns,
            long_lived_threshold_ns: profile.dump.long_lived_threshold_ns,
        }
    }
}

impl From<&Figures> for AllFigures {
    fn from(figures: &Figures) -> AllFigures {
        AllFigures {
            total_bytes: figures.total_bytes,
            total_blocks: figures.total_blocks,
            peak_bytes: figures.peak_bytes,
            peak_blocks: figures.peak_blocks,
            end_bytes: figures.end_bytes,
            end_blocks: figures.end_blocks,
            long_lived_bytes: figures.long_lived_bytes,
            long_lived_blocks: figures.long_lived_blocks,
            temporary_blocks: figures.temporary_blocks,
            realloc_calls: figures.realloc_calls,
            realloc_moves: figures.realloc_moves,
            moved_bytes: figures.moved_bytes,
            lifetime_sum_ns: figures.lifetime_sum_ns,
        }
    }
}

impl<'a> SiteFrame<'a> {
    /// A frame of a profile.
    pub fn new(frame: &'a Frame) -> SiteFrame<'a> {
        SiteFrame {
            function: &frame.function,
            file: frame.file.as_deref(),
            line: frame.line,
            column: frame.column,
            inlined: frame.inlined,
            role: match frame.role {
                Role::Allocator => "allocator",
                Role::Runtime => "runtime",
                Role::Standard => "standard",
                Role::Program => "program",
            },
        }
    }
}

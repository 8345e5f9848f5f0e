//! DHAT files of version 2, as Valgrind (`--tool=dhat`) and the `dhat` crate write them, made into dumps.
//!
//! Such a file has names in the place of addresses, so the dump carries its symbols. It has less than a dump of the
//! probe: what it does not tell is left out, and a note of the dump says so.

mod frames;
mod tree;

use super::refusal::{self, Refusal};
use alloc_probe_format::dump::{Clock, Dump, FORMAT, Figures, Lost, Mode, Process, Site, VERSION};
use frames::Frame;
use serde::Deserialize;
use std::collections::HashMap;
use tree::Tree;

/// What every file leaves out.
const NOT_TOLD: &str = "a DHAT file does not tell reallocs, temporary and long-lived blocks, the sizes and ages of single \
                        blocks, threads, or resident memory: where these are 0 or empty, they are not known";
/// What is left out besides where time is counted in instructions.
const NO_TIME: &str =
    "Valgrind counts time in instructions: how long the program ran and its blocks lived is not known";

/// What a file records, which decides what other keys it has.
#[derive(Deserialize)]
struct Kind {
    mode: String,
    /// Whether lives of blocks were recorded, without which there is no peak.
    bklt: bool,
}

/// The parts of a file that say anything here; others are passed over.
#[derive(Deserialize)]
struct File {
    /// The unit of time.
    tu: String,
    cmd: String,
    pid: u32,
    /// The time at the end, from the start.
    te: u64,
    /// The time of the peak.
    tg: Option<u64>,
    pps: Vec<Point>,
    ftbl: Vec<String>,
    /// Who wrote the file, where that is this tool.
    exporter: Option<String>,
}

/// A program point: all blocks that were allocated with one stack.
///
/// `mb`, the most bytes that it had live at one instant, is left alone: the two tools mean different things by it.
#[derive(Deserialize)]
struct Point {
    tb: u64,
    tbk: u64,
    #[serde(default)]
    tl: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
    /// Rows of `ftbl`, the innermost frame first.
    fs: Vec<u32>,
}

/// Who writes such files.
#[derive(Clone, Copy)]
enum Recorder {
    Valgrind,
    Crate,
    /// The probe, whose dump was exported.
    Probe,
}

impl Recorder {
    fn name(self) -> &'static str {
        match self {
            Recorder::Valgrind => "DHAT of Valgrind",
            Recorder::Crate => "the `dhat` crate",
            Recorder::Probe => "alloc-probe, and exported as a DHAT file",
        }
    }
}

/// Reads a file that says that it is of version 2.
pub(super) fn parse(text: &[u8]) -> Result<Dump, Refusal> {
    let kind: Kind = serde_json::from_slice(text).map_err(|error| refusal::damage(text, &error))?;
    let recorder = match kind.mode.as_str() {
        "heap" => Recorder::Valgrind,
        "rust-heap" => Recorder::Crate,
        "copy" => return Err(Refusal::new("it is a DHAT file of copied memory, not of allocations")),
        "ad-hoc" | "rust-ad-hoc" => {
            return Err(Refusal::new("it is a DHAT file of ad hoc events, not of allocations"));
        }
        _ => return Err(Refusal::new("it is a DHAT file of a mode that this tool does not know")),
    };
    if !kind.bklt {
        return Err(Refusal::new("it is a DHAT file without the lives of blocks, so it has no peak"));
    }
    let file: File = serde_json::from_slice(text).map_err(|error| refusal::damage(text, &error))?;
    let is_own = file.exporter.as_ref().is_some_and(|exporter| exporter.starts_with("alloc-probe "));
    let recorder = if is_own { Recorder::Probe } else { recorder };
    dump(file, recorder)
}

fn dump(file: File, recorder: Recorder) -> Result<Dump, Refusal> {
    let command: Vec<String> = file.cmd.split_whitespace().map(str::to_owned).collect();
    let executable = command.first().cloned().unwrap_or_default();
    let unit_ns = unit_ns(&file.tu);
    let nanoseconds = |time: u64| time.saturating_mul(unit_ns.unwrap_or(0));
    let program = executable.rsplit('/').next().unwrap_or_default();
    let frame = |text: &String| match recorder {
        Recorder::Valgrind | Recorder::Probe => Frame::parse(text),
        Recorder::Crate => Frame::parse_shortened(text, program),
    };
    let mut tree = Tree::new(&executable, &file.ftbl.iter().map(frame).collect::<Vec<Frame>>());
    let mut sites: Vec<Site> = Vec::new();
    let mut by_stack: HashMap<u32, usize> = HashMap::new();
    let mut truncated_stacks = 0;
    let mut totals = Figures::default();
    for (index, point) in file.pps.iter().enumerate() {
        let Some(stack) = tree.stack(&point.fs) else {
            return Err(Refusal::new(format_args!(
                "the file is damaged: program point {index} has a frame that is not in `ftbl`"
            )));
        };
        let figures = Figures {
            total_bytes: point.tb,
            total_blocks: point.tbk,
            peak_bytes: point.gb,
            peak_blocks: point.gbk,
            end_bytes: point.eb,
            end_blocks: point.ebk,
            // Blocks that are live at the end have a part in it, which is not told apart.
            lifetime_sum_ns: if point.ebk == 0 { nanoseconds(point.tl) } else { 0 },
            ..Figures::default()
        };
        totals.add(&figures);
        // Stacks may have become equal when they were trimmed.
        let at = *by_stack.entry(stack.row).or_insert(sites.len());
        if at < sites.len() {
            sites[at].figures.add(&figures);
        } else {
            truncated_stacks += u64::from(stack.is_cut);
            sites.push(Site { stack: stack.row, figures, ..Site::default() });
        }
    }
    let has_lives = unit_ns.is_some();
    let known = |name: &str| {
        let is_of_all =
            ["total_bytes", "total_blocks", "peak_bytes", "peak_blocks", "end_bytes", "end_blocks"];
        is_of_all.contains(&name) || (name == "lifetime_sum_ns" && has_lives)
    };
    let unknown_figures =
        totals.each().map(|(name, _)| name).filter(|name| !known(name)).map(str::to_owned).collect();
    let notes = [Some(NOT_TOLD), unit_ns.is_none().then_some(NO_TIME)];
    let (images, stacks, symbols) = tree.into_parts();
    Ok(Dump {
        format: FORMAT.to_owned(),
        version: VERSION,
        recorded_by: Some(recorder.name().to_owned()),
        unknown_figures,
        mode: Mode::Full,
        process: Process {
            pid: file.pid,
            executable,
            command,
            duration_ns: nanoseconds(file.te),
            ..Process::default()
        },
        clock: Clock { source: file.tu, unit_ns: unit_ns.unwrap_or(1) as f64 },
        totals,
        peak_time_ns: nanoseconds(file.tg.unwrap_or(0)),
        images,
        stacks,
        sites,
        lost: Lost {
            truncated_stacks,
            notes: notes.into_iter().flatten().map(str::to_owned).collect(),
            ..Lost::default()
        },
        symbols: Some(symbols),
        ..Dump::default()
    })
}

/// The nanoseconds of a unit of time; none where it is no time.
fn unit_ns(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        // The sign for micro is in Unicode twice.
        "\u{b5}s" | "\u{3bc}s" | "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        _ => None,
    }
}

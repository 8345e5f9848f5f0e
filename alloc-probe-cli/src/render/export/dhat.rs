//! DHAT files of version 2, which `dh_view.html` of Valgrind shows, and which this tool reads too.

use super::exporter::{Exporter, Options};
use crate::analyse::fold::Detail;
use crate::analyse::sites::shown;
use crate::profile::{Frame, FrameId, Profile};
use alloc_probe_format::dump::Figures;
use alloc_probe_format::metric::Metric;
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};

/// The format.
#[derive(Debug)]
pub(super) struct Dhat;

/// Blocks that live for less than this are short-lived to the viewer, in nanoseconds.
const SHORT_NS: u64 = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    dhat_file_version: u32,
    mode: &'static str,
    verb: &'static str,
    /// Who wrote the file, so that this tool takes it for no other's. Viewers pass over keys that they don't know.
    exporter: &'static str,
    /// Whether the lives of blocks are known.
    bklt: bool,
    /// Whether accesses are.
    bkacc: bool,
    /// The unit of time, and a million of it.
    tu: &'static str,
    #[serde(rename = "Mtu")]
    million: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuth: Option<u64>,
    cmd: String,
    pid: u32,
    /// The time at the end, and at the peak.
    te: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tg: Option<u64>,
    pps: Vec<Point>,
    ftbl: Vec<&'a str>,
}

/// All blocks of one stack.
#[derive(Serialize)]
struct Point {
    tb: u64,
    tbk: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    lives: Option<Lives>,
    /// Rows of `ftbl`, the allocation first.
    fs: Vec<u32>,
}

/// What is known of a point's blocks besides how many there ever were.
#[derive(Serialize)]
struct Lives {
    /// The lives of the blocks that were freed: those of the others are not known one by one.
    tl: u64,
    /// The most that the stack had live at one instant, which is not recorded: no less than the two that are known.
    mb: u64,
    mbk: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
}

impl Exporter for Dhat {
    fn name(&self) -> &'static str {
        "dhat"
    }

    fn help(&self) -> &'static str {
        "DHAT, for the viewer of Valgrind (dh_view.html)"
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let is_known = |metric: Metric| metric.is_known(&profile.dump);
        if !is_known(Metric::TotalBytes) || !is_known(Metric::TotalBlocks) {
            return Err(io::Error::other("a DHAT file needs what was allocated in all, which is not known"));
        }
        let has_lives = [Metric::PeakBytes, Metric::PeakBlocks, Metric::EndBytes, Metric::EndBlocks]
            .into_iter()
            .all(is_known);
        let texts: Vec<String> = profile.frames.iter().map(text).collect();
        let mut table = Table { rows: vec!["[root]"], numbers: HashMap::new() };
        // Frames of different addresses may read the same, and so may stacks.
        let mut points: Vec<(Vec<u32>, Figures)> = Vec::new();
        let mut by_stack: HashMap<Vec<u32>, usize> = HashMap::new();
        // The viewer makes a tree of whole stacks, and folds nothing.
        let detail = Detail { all_stacks: true, ..options.detail };
        let sites = shown(profile, options.metric, detail);
        for site in sites.iter() {
            let rows: Vec<u32> =
                site.frames().iter().map(|FrameId(id)| table.row(&texts[*id as usize])).collect();
            let at = *by_stack.entry(rows.clone()).or_insert(points.len());
            if at == points.len() {
                points.push((rows, Figures::default()));
            }
            points[at].1.add(&site.figures());
        }
        let process = &profile.dump.process;
        let file = File {
            dhat_file_version: 2,
            mode: "rust-heap",
            verb: "Allocated",
            exporter: concat!("alloc-probe ", env!("CARGO_PKG_VERSION")),
            bklt: has_lives,
            bkacc: false,
            tu: "ns",
            million: "ms",
            tuth: has_lives.then_some(SHORT_NS),
            cmd: process.command.join(" "),
            pid: process.pid,
            te: process.duration_ns,
            tg: has_lives.then_some(profile.dump.peak_time_ns),
            pps: points.into_iter().map(|(rows, figures)| Point::new(rows, &figures, has_lives)).collect(),
            ftbl: table.rows,
        };
        serde_json::to_writer(&mut *out, &file)?;
        writeln!(out)
    }
}

impl Point {
    fn new(fs: Vec<u32>, figures: &Figures, has_lives: bool) -> Point {
        let lives = has_lives.then(|| Lives {
            tl: figures.lifetime_sum_ns,
            mb: figures.peak_bytes.max(figures.end_bytes),
            mbk: figures.peak_blocks.max(figures.end_blocks),
            gb: figures.peak_bytes,
            gbk: figures.peak_blocks,
            eb: figures.end_bytes,
            ebk: figures.end_blocks,
        });
        Point { tb: figures.total_bytes, tbk: figures.total_blocks, lives, fs }
    }
}

/// The table of frames, of which the first row is the root.
struct Table<'a> {
    rows: Vec<&'a str>,
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Table<'a> {
    fn row(&mut self, text: &'a str) -> u32 {
        let next = self.rows.len() as u32;
        let row = *self.numbers.entry(text).or_insert(next);
        if row == next {
            self.rows.push(text);
        }
        row
    }
}

/// `orders::main (src/main.rs:12:5)`.
fn text(frame: &Frame) -> String {
    let Some(file) = &frame.file else { return frame.function.clone() };
    let mut place = file.clone();
    for number in [frame.line, frame.column].into_iter().map_while(|number| number) {
        place += &format!(":{number}");
    }
    format!("{} ({place})", frame.function)
}

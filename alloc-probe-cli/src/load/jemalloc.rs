//! jemalloc's own heap profiles (`heap_v2`), made into dumps.
//!
//! They have addresses alone, and the process's mappings at their end, so symbols are looked up as for a dump of the probe.

use super::builder::{Builder, Mappings, Place, PlaceId, ROOT};
use super::refusal::Refusal;
use alloc_probe_format::dump::{Clock, Dump, Figures, FrameKind, Lost, Mode, Process};
use rustc_hash::FxHashMap;

/// What the file begins with. The mean bytes between two samples follow.
const MAGIC: &[u8] = b"heap_v2/";

/// What no file tells.
const NOT_TOLD: &str =
    "a profile of jemalloc does not tell the peak, reallocs, the lives of blocks, or resident memory";

/// No stack is so long.
const MAX_FRAMES: usize = 1 << 16;

/// Whether bytes are such a profile.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Blocks of a stack, as sampled.
#[derive(Clone, Copy, Default)]
struct Counts {
    blocks: u64,
    bytes: u64,
}

impl Counts {
    /// An estimate of all blocks. A sample of a size is the likelier the larger it is; as jemalloc's own tools, this takes
    /// the mean size of the stack's.
    fn scaled(self, sample_bytes: u64) -> Counts {
        if self.blocks == 0 || sample_bytes <= 1 {
            return self;
        }
        let mean = self.bytes as f64 / self.blocks as f64;
        let scale = 1.0 / (1.0 - (-mean / sample_bytes as f64).exp());
        let scaled = |figure: u64| (figure as f64 * scale) as u64;
        Counts { blocks: scaled(self.blocks), bytes: scaled(self.bytes) }
    }
}

/// Reads a profile.
pub(super) fn parse(bytes: &[u8]) -> Result<Dump, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| damaged(1, "it is not text"))?;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let first = lines.next().map_or("", |(_, line)| line);
    let sample_bytes: u64 =
        first["heap_v2/".len()..].trim().parse().map_err(|_| damaged(1, "it names no sampling interval"))?;
    // Addresses need the mappings, which stand at the end.
    let mut stacks: Vec<(Vec<u64>, [Counts; 2])> = Vec::new();
    let mut current: Option<Vec<u64>> = None;
    let mut mappings = Mappings::default();
    let mut has_mappings = false;
    for (number, line) in lines.by_ref() {
        if line.starts_with("MAPPED_LIBRARIES:") {
            has_mappings = true;
            break;
        }
        if let Some(addresses) = line.strip_prefix('@') {
            current =
                Some(addresses.split_whitespace().map(|one| address(one, number)).collect::<Result<_, _>>()?);
            if current.as_ref().is_some_and(|stack| stack.len() > MAX_FRAMES) {
                return Err(damaged(number, "its stack has too many frames"));
            }
        } else if let Some(counts) = line.trim_start().strip_prefix("t*:") {
            let counts = parse_counts(counts)
                .ok_or_else(|| damaged(number, "it is not a count of blocks and bytes"))?;
            // The first is the process's sum, without a stack.
            if let Some(stack) = current.take() {
                stacks.push((stack, counts));
            }
        } else if !line.trim().is_empty() && !line.trim_start().starts_with('t') {
            return Err(damaged(number, "a profile of jemalloc has no such line"));
        }
    }
    if current.is_some() || !has_mappings {
        return Err(Refusal::new("the file is truncated: it ends before jemalloc's list of mappings"));
    }
    let mut executable = String::new();
    for (_, line) in lines {
        if let Some((start, end, offset, path)) = parse_mapping(line) {
            if mappings.add(path, "", start..end, offset).is_some() && executable.is_empty() {
                path.clone_into(&mut executable);
            }
        }
    }
    let mut builder = Builder::new();
    let mut places: FxHashMap<u64, PlaceId> = FxHashMap::default();
    let mut known = vec!["end_bytes", "end_blocks"];
    // Without `prof_accum`, they are all zero.
    if stacks.iter().any(|(_, [_, all])| all.blocks > 0) || stacks.is_empty() {
        known.extend(["total_bytes", "total_blocks"]);
    }
    for (stack, counts) in &stacks {
        let [live, all] = counts.map(|counts| counts.scaled(sample_bytes));
        let mut row = ROOT;
        for address in stack.iter().rev() {
            let place = *places.entry(*address).or_insert_with(|| {
                builder.place(Place::at(*address, mappings.find(*address), FrameKind::Call, Vec::new()))
            });
            row = builder.row(row, place)?;
        }
        let figures = Figures {
            end_bytes: live.bytes,
            end_blocks: live.blocks,
            total_bytes: all.bytes,
            total_blocks: all.blocks,
            ..Figures::default()
        };
        builder.add(row, &figures);
    }
    for image in mappings.into_images() {
        builder.image(image);
    }
    let is_sampled = sample_bytes > 1;
    Ok(Dump {
        recorded_by: Some("jemalloc".to_owned()),
        mode: if is_sampled { Mode::Sample } else { Mode::Full },
        sample_bytes: is_sampled.then_some(sample_bytes),
        process: Process { command: vec![executable.clone()], executable, ..Process::default() },
        clock: Clock { unit_ns: 1.0, ..Clock::default() },
        lost: Lost { notes: vec![NOT_TOLD.to_owned()], ..Lost::default() },
        ..builder.finish(&known)
    })
}

fn damaged(line: usize, reason: &str) -> Refusal {
    Refusal::new(format_args!("the file is damaged: line {line}: {reason}"))
}

fn address(text: &str, line: usize) -> Result<u64, Refusal> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| damaged(line, "it has an address that can't be understood"))
}

/// ` 13: 6688 [26: 13376]`: live, and ever allocated.
fn parse_counts(text: &str) -> Option<[Counts; 2]> {
    let (live, all) = text.split_once('[')?;
    let counts = |text: &str| {
        let (blocks, bytes) = text.split_once(':')?;
        Some(Counts { blocks: blocks.trim().parse().ok()?, bytes: bytes.trim().parse().ok()? })
    };
    Some([counts(live)?, counts(all.trim_end().strip_suffix(']')?)?])
}

/// A line of `/proc/PID/maps`: the addresses, the offset and the path.
fn parse_mapping(line: &str) -> Option<(u64, u64, u64, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let offset = words.nth(1)?;
    let path = words.nth(2)?;
    // A path may have spaces.
    let path = &line[line.find(path).unwrap_or(line.len() - path.len())..];
    let hex = |text| u64::from_str_radix(text, 16).ok();
    Some((hex(start)?, hex(end)?, hex(offset)?, path.trim_end()))
}

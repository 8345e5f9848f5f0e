//! heaptrack's files, once interpreted, made into dumps: a line for each allocation and each free.
//!
//! They are far larger than what they say of a program, so they are read line by line, and only the sums are kept.

use super::builder::{Builder, Place, PlaceId, ROOT};
use super::refusal::Refusal;
use alloc_probe_format::dump::{
    Clock, Dump, Figures, FrameKind, Image, Lost, Mode, Process, Timeline, TimelineSample,
};
use rustc_hash::FxHashMap;
use std::io::{BufRead, Read as _};

/// The newest version of the format that is read: that of heaptrack 1.4 and 1.5.
const VERSION: u64 = 3;

/// More of anything no program has, and memory for as many is had.
const MAX_ENTRIES: usize = 1 << 24;

/// No line is so long: a name of a function, or the inlined calls at an address.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// So many samples of the timeline at most: beyond, every second one is dropped.
const MAX_SAMPLES: usize = 1024;

/// What no file tells.
const NOT_TOLD: &str = "heaptrack does not tell which blocks came from a realloc, nor lives of blocks or threads; a temporary \
                        block was freed by the next event of any thread";

/// What all files have that this tool reads.
const KNOWN: [&str; 7] = [
    "total_bytes",
    "total_blocks",
    "peak_bytes",
    "peak_blocks",
    "end_bytes",
    "end_blocks",
    "temporary_blocks",
];

/// Whether a file that begins like this is heaptrack's: its version, and that of the format, in hexadecimal.
pub(super) fn is_one(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let is_hex = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_hexdigit);
    head.contains(&b'\n')
        && words.next() == Some(b"v")
        && words.next().is_some_and(is_hex)
        && words.next().is_some_and(is_hex)
        && words.next().is_none()
}

/// No recording of it is longer: at a gigabyte a second, it would take a minute to read.
pub(super) const LIMIT_BYTES: u64 = 64 << 30;

/// Reads a file; what can't be read is said by `cannot`.
pub(super) fn parse(
    file: &mut dyn BufRead,
    cannot: &dyn Fn(&std::io::Error) -> Refusal,
) -> Result<Dump, Refusal> {
    let mut reader = Reader::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut *file).take(MAX_LINE_BYTES);
        let read = limited.read_until(b'\n', &mut line).map_err(|error| cannot(&error))?;
        if read == 0 {
            return reader.finish();
        }
        reader.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if read as u64 == MAX_LINE_BYTES {
            return Err(reader.damaged("it is too long"));
        }
        reader.line(&line)?;
    }
}

/// What is known of the blocks of a stack so far.
#[derive(Clone, Copy, Default)]
struct Cost {
    row: u32,
    figures: Figures,
    /// Of which peak the site's share is in `figures`: it is brought up to date before the site changes.
    peak: u64,
}

#[derive(Default)]
struct Reader {
    /// The line that is being read.
    number: u64,
    builder: Option<Builder>,
    strings: Vec<String>,
    images: FxHashMap<u32, u32>,
    places: Vec<PlaceId>,
    /// The row of each trace.
    traces: Vec<u32>,
    /// For each kind of allocation, its size and whose it is.
    allocations: Vec<(u64, u32)>,
    costs: Vec<Cost>,
    by_row: FxHashMap<u32, u32>,
    live: Figures,
    /// How often there was a new peak.
    peaks: u64,
    peak_ms: u64,
    /// The allocation that was the last event.
    last: Option<u64>,
    now_ms: u64,
    page_bytes: u64,
    command: String,
    timeline: Timeline,
    is_attached: bool,
}

impl Reader {
    fn damaged(&self, reason: &str) -> Refusal {
        Refusal::new(format_args!("the file is damaged: line {}: {reason}", self.number))
    }

    fn builder(&mut self) -> &mut Builder {
        self.builder.get_or_insert_with(Builder::new)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let Some((kind, rest)) = line.split_first() else { return Ok(()) };
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        match kind {
            b'+' => self.allocated(rest),
            b'-' => self.freed(rest),
            b'a' => self.allocation(rest),
            b't' => self.trace(rest),
            b'i' => self.place(rest),
            b's' => self.string(rest),
            b'c' => {
                [self.now_ms] = self.numbers(rest)?;
                Ok(())
            }
            b'R' => self.resident(rest),
            b'v' => {
                let [_, version] = self.numbers(rest)?;
                if version == VERSION {
                    return Ok(());
                }
                let reason = format_args!(
                    "it is a file of heaptrack of version {version}, and this tool reads version {VERSION}"
                );
                Err(Refusal::new(reason))
            }
            b'X' => {
                self.command = String::from_utf8_lossy(rest).into_owned();
                Ok(())
            }
            b'I' => {
                [self.page_bytes, _] = self.numbers(rest)?;
                Ok(())
            }
            b'A' => {
                self.is_attached = true;
                Ok(())
            }
            b'#' | b'S' => Ok(()),
            // Modules, with the executable, are in raw files alone.
            b'x' | b'm' => Err(Refusal::new("it is a raw file of heaptrack")
                .with_hint("`heaptrack --interpret` converts it")),
            _ => Err(self.damaged("its kind is unknown")),
        }
    }

    /// So many numbers, in hexadecimal.
    fn numbers<const N: usize>(&self, text: &[u8]) -> Result<[u64; N], Refusal> {
        let mut numbers = [0; N];
        let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        for number in &mut numbers {
            *number = words.next().and_then(hex).ok_or_else(|| self.damaged("a number is missing"))?;
        }
        Ok(numbers)
    }

    fn push<T>(&self, list: &mut Vec<T>, entry: T) -> Result<(), Refusal> {
        if list.len() >= MAX_ENTRIES {
            return Err(self.damaged("there are too many of its kind"));
        }
        list.push(entry);
        Ok(())
    }

    /// The length, and the text.
    fn string(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let at = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let length = hex(&rest[..at]).ok_or_else(|| self.damaged("the length of a text is missing"))?;
        let text = rest.get(at + 1..).unwrap_or_default();
        if text.len() as u64 != length {
            return Err(self.damaged("a text has another length than it says"));
        }
        let mut strings = std::mem::take(&mut self.strings);
        let pushed = self.push(&mut strings, String::from_utf8_lossy(text).into_owned());
        self.strings = strings;
        pushed
    }

    /// An address, its module, and its frames, each with its function, file and line: inlined ones first.
    fn place(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let mut numbers = Vec::new();
        for word in rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
            numbers.push(hex(word).ok_or_else(|| self.damaged("a number is missing"))?);
        }
        let [address, module, frames @ ..] = numbers.as_slice() else {
            return Err(self.damaged("an address without its module"));
        };
        let image = match module {
            0 => None,
            _ => Some(self.image(*module)?),
        };
        // Where the module lay is not told, so that nothing could look this address up later.
        let module = match module {
            0 => "unknown code".to_owned(),
            _ => self.text(*module)?,
        };
        let unnamed = format!("{address:#x} in {}", module.rsplit('/').next().unwrap_or_default());
        let mut symbols = Vec::new();
        for frame in frames.chunks(3) {
            let function = match frame[0] {
                0 => unnamed.clone(),
                function => self.text(function)?,
            };
            let file = match frame.get(1) {
                Some(0) | None => None,
                Some(file) => Some(self.text(*file)?),
            };
            let line = frame.get(2).and_then(|line| u32::try_from(*line).ok());
            symbols.push(self.builder().frame(&function, file.as_deref(), line, None));
        }
        if symbols.is_empty() {
            symbols.push(self.builder().frame(&unnamed, None, None, None));
        }
        let place = Place { image, address: *address, kind: FrameKind::Exact, frames: symbols };
        let place = self.builder().place(place);
        let mut places = std::mem::take(&mut self.places);
        let pushed = self.push(&mut places, place);
        self.places = places;
        pushed
    }

    /// The text of a number, which counts from 1.
    fn text(&self, number: u64) -> Result<String, Refusal> {
        entry(&self.strings, number)
            .cloned()
            .ok_or_else(|| self.damaged("it refers to a text that is missing"))
    }

    fn image(&mut self, module: u64) -> Result<u32, Refusal> {
        let path = self.text(module)?;
        let module = module as u32;
        if let Some(image) = self.images.get(&module) {
            return Ok(*image);
        }
        let image = self.builder().image(Image { path, ..Image::default() });
        self.images.insert(module, image);
        Ok(image)
    }

    /// A place, and the trace of its caller.
    fn trace(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let [place, caller] = self.numbers(rest)?;
        let missing = || self.damaged("it refers to a place or a trace that is missing");
        let place = *entry(&self.places, place).ok_or_else(missing)?;
        let caller = match caller {
            0 => ROOT,
            caller => *entry(&self.traces, caller).ok_or_else(missing)?,
        };
        let row = self.builder().row(caller, place)?;
        let mut traces = std::mem::take(&mut self.traces);
        let pushed = self.push(&mut traces, row);
        self.traces = traces;
        pushed
    }

    /// A size, and a trace.
    fn allocation(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let [bytes, trace] = self.numbers(rest)?;
        let row = match trace {
            0 => ROOT,
            trace => *entry(&self.traces, trace)
                .ok_or_else(|| self.damaged("it refers to a trace that is missing"))?,
        };
        let next = self.costs.len() as u32;
        let cost = *self.by_row.entry(row).or_insert(next);
        if cost == next {
            self.costs.push(Cost { row, ..Cost::default() });
        }
        let mut allocations = std::mem::take(&mut self.allocations);
        let pushed = self.push(&mut allocations, (bytes, cost));
        self.allocations = allocations;
        pushed
    }

    /// The size of an allocation, and its site, whose share of the last peak is settled.
    fn event(&mut self, rest: &[u8]) -> Result<(u64, u64, &mut Cost), Refusal> {
        let [number] = self.numbers(rest)?;
        let found = usize::try_from(number).ok().and_then(|number| self.allocations.get(number));
        let Some((bytes, cost)) = found.copied() else {
            return Err(self.damaged("it refers to an allocation that is missing"));
        };
        let cost = &mut self.costs[cost as usize];
        cost.settle(self.peaks);
        Ok((number, bytes, cost))
    }

    fn allocated(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let (number, bytes, cost) = self.event(rest)?;
        cost.figures.total_blocks = cost.figures.total_blocks.saturating_add(1);
        cost.figures.total_bytes = cost.figures.total_bytes.saturating_add(bytes);
        cost.figures.end_blocks = cost.figures.end_blocks.saturating_add(1);
        cost.figures.end_bytes = cost.figures.end_bytes.saturating_add(bytes);
        let live = &mut self.live;
        live.total_blocks = live.total_blocks.saturating_add(1);
        live.total_bytes = live.total_bytes.saturating_add(bytes);
        live.end_blocks = live.end_blocks.saturating_add(1);
        live.end_bytes = live.end_bytes.saturating_add(bytes);
        if live.end_bytes > live.peak_bytes {
            (live.peak_bytes, live.peak_blocks) = (live.end_bytes, live.end_blocks);
            self.peaks += 1;
            self.peak_ms = self.now_ms;
        }
        self.last = Some(number);
        Ok(())
    }

    fn freed(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let last = self.last.take();
        let (number, bytes, cost) = self.event(rest)?;
        if cost.figures.end_blocks == 0 || cost.figures.end_bytes < bytes {
            return Err(self.damaged("it frees a block that was not allocated"));
        }
        cost.figures.end_blocks -= 1;
        cost.figures.end_bytes -= bytes;
        cost.figures.temporary_blocks += u64::from(last == Some(number));
        self.live.end_blocks -= 1;
        self.live.end_bytes = self.live.end_bytes.saturating_sub(bytes);
        Ok(())
    }

    /// Resident pages.
    fn resident(&mut self, rest: &[u8]) -> Result<(), Refusal> {
        let [pages] = self.numbers(rest)?;
        let time_ns = nanoseconds(self.now_ms);
        let timeline = &mut self.timeline;
        let due = timeline.samples.last().map_or(0, |last| last.time_ns.saturating_add(timeline.interval_ns));
        if time_ns < due && !timeline.samples.is_empty() {
            return Ok(());
        }
        if timeline.samples.len() >= MAX_SAMPLES {
            let mut index = 0;
            timeline.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            timeline.interval_ns = timeline.interval_ns.max(1_000_000).saturating_mul(2);
        }
        timeline.samples.push(TimelineSample {
            time_ns,
            live_bytes: self.live.end_bytes,
            live_blocks: self.live.end_blocks,
            total_bytes: self.live.total_bytes,
            total_blocks: self.live.total_blocks,
            resident_bytes: pages.saturating_mul(self.page_bytes),
        });
        Ok(())
    }

    fn finish(mut self) -> Result<Dump, Refusal> {
        let mut builder = std::mem::take(self.builder());
        for mut cost in self.costs {
            cost.settle(self.peaks);
            builder.add(cost.row, &cost.figures);
        }
        let command: Vec<String> = self.command.split_whitespace().map(str::to_owned).collect();
        let mut notes = vec![NOT_TOLD.to_owned()];
        if self.is_attached {
            notes.push(
                "heaptrack was attached while the program ran: what it allocated before is not known"
                    .to_owned(),
            );
        }
        Ok(Dump {
            recorded_by: Some("heaptrack".to_owned()),
            mode: Mode::Full,
            process: Process {
                executable: command.first().cloned().unwrap_or_default(),
                command,
                duration_ns: nanoseconds(self.now_ms),
                ..Process::default()
            },
            clock: Clock { unit_ns: 1.0, ..Clock::default() },
            peak_time_ns: nanoseconds(self.peak_ms),
            timeline: self.timeline,
            lost: Lost { notes, ..Lost::default() },
            ..builder.finish(&KNOWN)
        })
    }
}

impl Cost {
    /// Until now, the site had at the last peak what it has live.
    fn settle(&mut self, peaks: u64) {
        if self.peak < peaks {
            self.peak = peaks;
            (self.figures.peak_bytes, self.figures.peak_blocks) =
                (self.figures.end_bytes, self.figures.end_blocks);
        }
    }
}

fn hex(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?;
    u64::from_str_radix(text, 16).ok()
}

fn nanoseconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

/// An entry of a list whose numbers begin at 1.
fn entry<T>(list: &[T], number: u64) -> Option<&T> {
    list.get(usize::try_from(number.checked_sub(1)?).ok()?)
}

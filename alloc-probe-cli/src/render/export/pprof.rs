//! pprof's `profile.proto`, compressed with gzip, which `go tool pprof`, Pyroscope, Parca and Grafana read.
//!
//! Stacks are whole but for the allocator's own frames at their ends, which would be the largest function of every list.
//! A location stays one address of the process, so that what has no symbols here can be given some there.

use super::exporter::{Exporter, Options};
use crate::profile::{FrameId, Profile, Role, Segment};
use crate::render::summary;
use alloc_probe_format::dump::{FrameKind, Mode};
use alloc_probe_format::metric::Metric;
use alloc_probe_format::profile_proto::{
    Facts, Function, Label, Line, Location, Mapping, Profile as Message, Sample, ValueType, WRITTEN_BY,
    sample_type, unit,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// The format.
#[derive(Debug)]
pub(super) struct Pprof;

/// Messages that are encoded at once.
const BATCH: usize = 4096;

impl Exporter for Pprof {
    fn name(&self) -> &'static str {
        "pprof"
    }

    fn help(&self) -> &'static str {
        "profile.proto, for `go tool pprof`, Pyroscope and Parca"
    }

    fn is_text(&self) -> bool {
        false
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let mut encoder = GzEncoder::new(out, Compression::default());
        Writer::new(profile, options).write(&mut encoder)?;
        encoder.finish()?.flush()
    }
}

/// A profile as one message.
#[cfg(feature = "otlp")]
pub(super) fn message(profile: &Profile, options: Options) -> io::Result<Message> {
    let mut bytes = Vec::new();
    Writer::new(profile, options).write(&mut bytes)?;
    Message::decode(bytes.as_slice()).map_err(io::Error::other)
}

/// The figures in the order of pprof's own heap profiles: what was allocated, what is in use, and then all others.
fn metrics() -> Vec<Metric> {
    let mut metrics = Metric::ALL.to_vec();
    let place = |metric: &Metric| match sample_type(*metric).as_str() {
        "alloc_objects" => 0,
        "alloc_space" => 1,
        "inuse_objects" => 2,
        "inuse_space" => 3,
        _ => 4,
    };
    metrics.sort_by_key(place);
    metrics
}

/// A stack, and the size class of all its blocks, if they have one in common.
type Key = (Vec<u64>, Option<u8>);

struct Writer<'a> {
    profile: &'a Profile,
    options: Options,
    metrics: Vec<Metric>,
    strings: Strings<'a>,
    functions: FxHashMap<(i64, i64), u64>,
    /// By the row's image, instruction and frames, and how many of these were left out.
    locations: FxHashMap<(Option<u32>, u64, u32, usize), Option<u64>>,
    /// Those that stand for no address, by what they say.
    notes: FxHashMap<&'static str, u64>,
    /// How many of both were written: their ids are the numbers from 1 on, without a gap, or Parca refuses the profile.
    location_count: u64,
    mappings: Vec<Mapping>,
    /// The mapping of what lies in no known image.
    unknown: Option<u64>,
    /// Mappings with an address that has no name.
    nameless: BTreeSet<u64>,
    message: Message,
}

impl<'a> Writer<'a> {
    fn new(profile: &'a Profile, options: Options) -> Writer<'a> {
        let mut writer = Writer {
            profile,
            options,
            metrics: metrics().into_iter().filter(|metric| metric.is_known(&profile.dump)).collect(),
            strings: Strings::default(),
            functions: FxHashMap::default(),
            locations: FxHashMap::default(),
            notes: FxHashMap::default(),
            location_count: 0,
            mappings: Vec::new(),
            unknown: None,
            nameless: BTreeSet::new(),
            message: Message::default(),
        };
        writer.strings.of("");
        for (index, image) in profile.dump.images.iter().enumerate() {
            let id = writer.mappings.len() as u64 + 1;
            let (filename, build_id) = (writer.strings.of(&image.path), writer.strings.of(&image.build_id));
            let segment = profile.segments.get(index).copied().flatten();
            let (start, end, file_offset) = match segment {
                // Not from the beginning of the page: pprof of Go 1.19 takes the beginning of a mapping for that of its segment.
                Some(Segment { offset, address, size }) => (address, address.saturating_add(size), offset),
                // All of it, as if it lay in memory as in the file.
                None => (0, image.size, 0),
            };
            writer.mappings.push(Mapping {
                id,
                memory_start: image.load_address.saturating_add(start),
                memory_limit: image.load_address.saturating_add(end),
                file_offset,
                filename,
                build_id,
                ..Mapping::default()
            });
        }
        writer
    }

    fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.head();
        self.flush(out)?;
        let mut samples: Vec<(Key, Vec<i64>)> = Vec::new();
        let mut by_key: FxHashMap<Key, usize> = FxHashMap::default();
        let profile = self.profile;
        for site in &profile.sites {
            let stack = self.stack(site.stack);
            let class = match site.sizes.as_slice() {
                [(class, _)] => Some(*class),
                _ => None,
            };
            let values: Vec<i64> =
                self.metrics.iter().map(|metric| value(metric.of(&site.figures))).collect();
            let key = (stack, class);
            let at = *by_key.entry(key.clone()).or_insert(samples.len());
            if let Some((_, sum)) = samples.get_mut(at) {
                sum.iter_mut().zip(&values).for_each(|(sum, value)| *sum = sum.saturating_add(*value));
            } else {
                samples.push((key, values));
            }
            self.flush_full(out)?;
        }
        if profile.dump.mode == Mode::Count {
            let stack = vec![self.note("(no stack)")];
            let totals = &profile.dump.totals;
            let values = self.metrics.iter().map(|metric| value(metric.of(totals))).collect();
            samples.push(((stack, None), values));
        }
        let (class_key, unit) = (self.strings.of("size_class"), self.strings.of("bytes"));
        for ((location_id, class), value) in samples {
            let label = class.map(|class| Label {
                key: class_key,
                number: i64::try_from(1u128 << class).unwrap_or(i64::MAX),
                number_unit: unit,
                ..Label::default()
            });
            self.message.sample.push(Sample { location_id, value, label: label.into_iter().collect() });
            self.flush_full(out)?;
        }
        // Where a name is missing, readers look for symbols, and they do so for all of a file or for none of it.
        for id in &self.nameless {
            if let Some(mapping) = self.mappings.get_mut(*id as usize - 1) {
                mapping.has_functions = false;
            }
        }
        self.message.mapping = std::mem::take(&mut self.mappings);
        self.message.string_table = self.strings.texts.drain(..).map(Cow::into_owned).collect();
        self.flush(out)
    }

    /// What is said of the profile as a whole.
    fn head(&mut self) {
        let dump = &self.profile.dump;
        let mut sample_types = Vec::new();
        for metric in self.metrics.clone() {
            let name = self.strings.owned(sample_type(metric));
            sample_types.push(ValueType { name, unit: self.strings.of(unit(metric)) });
        }
        self.message.sample_type = sample_types;
        self.message.default_sample_type = self.strings.owned(sample_type(self.options.metric));
        let (name, unit) = (self.strings.of("space"), self.strings.of("bytes"));
        self.message.period_type = Some(ValueType { name, unit });
        self.message.period = value(dump.sample_bytes.filter(|_| dump.mode == Mode::Sample).unwrap_or(1));
        self.message.time_nanos = value(dump.process.end_unix_ns);
        self.message.duration_nanos = value(dump.process.duration_ns);
        self.message.comment =
            comments(self.profile).into_iter().map(|comment| self.strings.owned(comment)).collect();
    }

    /// The locations of a site's stack, the innermost first.
    fn stack(&mut self, row: u32) -> Vec<u64> {
        let profile = self.profile;
        let frames = profile.stacks.frames(row);
        let is_allocator = |id: &FrameId| profile.frames[id.0 as usize].role == Role::Allocator;
        let leading = match self.options.detail.all_frames {
            true => 0,
            false => frames.clone().take_while(is_allocator).count(),
        };
        // A stack of nothing else keeps what it has.
        let mut left_out = if leading == frames.count() { 0 } else { leading };
        let mut stack = Vec::new();
        for row in profile.stacks.outwards(row) {
            if profile.stacks.nodes[row].kind == FrameKind::Cut {
                stack.push(self.note("(frames left out)"));
                continue;
            }
            let run = &profile.stacks.runs[profile.stacks.run[row] as usize];
            let skipped = left_out.min(run.len());
            left_out -= skipped;
            stack.extend(self.location(row, &run[skipped..], skipped));
        }
        if stack.is_empty() {
            stack.push(self.note("(no stack)"));
        }
        stack
    }

    /// The location of a row, without so many of its inlined calls; none where nothing of it is left.
    fn location(&mut self, row: usize, frames: &[FrameId], skipped: usize) -> Option<u64> {
        let node = self.profile.stacks.nodes[row];
        let instruction = match node.kind {
            // A return address is just behind the call.
            FrameKind::Call => node.address.saturating_sub(1),
            // That of an operation is no address.
            FrameKind::Operation => 0,
            _ => node.address,
        };
        let key = (node.image, instruction, self.profile.stacks.run[row], skipped);
        if let Some(id) = self.locations.get(&key) {
            return *id;
        }
        let id = (!frames.is_empty()).then(|| self.next_location());
        self.locations.insert(key, id);
        if let Some(id) = id {
            let image = node.image.and_then(|image| self.profile.dump.images.get(image as usize));
            let load_address = image.map_or(0, |image| image.load_address);
            let mapping_id = match node.image {
                Some(image) => u64::from(image) + 1,
                None => self.unknown(),
            };
            let line: Vec<Line> = frames.iter().filter_map(|frame| self.line(*frame)).collect();
            if let Some(mapping) = self.mappings.get_mut(mapping_id as usize - 1) {
                let lines = || frames.iter().map(|frame| &self.profile.frames[frame.0 as usize]);
                mapping.has_functions |= !line.is_empty();
                mapping.has_filenames |= lines().any(|frame| frame.file.is_some());
                mapping.has_line_numbers |= lines().any(|frame| frame.line.is_some());
                mapping.has_inline_frames |= mapping.has_line_numbers;
                let has_file = node.image.is_some();
                self.nameless.extend((line.is_empty() && has_file).then_some(mapping_id));
            }
            let address = instruction.wrapping_add(load_address);
            self.message.location.push(Location { id, mapping_id, address, line });
        }
        id
    }

    /// A frame's function and line; none where only its address is known.
    fn line(&mut self, frame: FrameId) -> Option<Line> {
        let frame = &self.profile.frames[frame.0 as usize];
        if frame.is_unnamed() {
            return None;
        }
        let function_id = self.function(&frame.function, frame.file.as_deref().unwrap_or_default());
        let number = |number: Option<u32>| number.map_or(0, i64::from);
        Some(Line { function_id, line: number(frame.line), column: number(frame.column) })
    }

    fn function(&mut self, name: &'a str, file: &'a str) -> u64 {
        let (name, filename) = (self.strings.of(name), self.strings.of(file));
        let next = self.functions.len() as u64 + 1;
        let id = *self.functions.entry((name, filename)).or_insert(next);
        if id == next {
            // With another name for the system's, pprof takes this one as it is: it would cut at `<` otherwise.
            self.message.function.push(Function { id, name, system_name: 0, filename });
        }
        id
    }

    /// A location that stands for no address.
    fn note(&mut self, text: &'static str) -> u64 {
        if let Some(id) = self.notes.get(text) {
            return *id;
        }
        let (id, mapping_id, function_id) = (self.next_location(), self.unknown(), self.function(text, ""));
        self.notes.insert(text, id);
        let line = vec![Line { function_id, line: 0, column: 0 }];
        self.message.location.push(Location { id, mapping_id, address: 0, line });
        id
    }

    fn next_location(&mut self) -> u64 {
        self.location_count += 1;
        self.location_count
    }

    /// The mapping of what lies in no image: some tools fail on a location without one.
    fn unknown(&mut self) -> u64 {
        if let Some(id) = self.unknown {
            return id;
        }
        let id = self.mappings.len() as u64 + 1;
        let filename = self.strings.of("[unknown]");
        // There is no file to find its symbols in.
        let has = true;
        self.mappings.push(Mapping {
            id,
            filename,
            has_functions: has,
            has_filenames: has,
            has_line_numbers: has,
            has_inline_frames: has,
            ..Mapping::default()
        });
        self.unknown = Some(id);
        id
    }

    fn flush_full(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let message = &self.message;
        let largest = message.sample.len().max(message.location.len()).max(message.function.len());
        if largest >= BATCH { self.flush(out) } else { Ok(()) }
    }

    /// Writes what has been gathered. Messages one after the other are one message.
    fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&std::mem::take(&mut self.message).encode_to_vec())
    }
}

fn value(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// What a reader should know that the format has no place for. The first is read back by this tool.
fn comments(profile: &Profile) -> Vec<String> {
    let dump = &profile.dump;
    let is_whole = |index: &usize| {
        profile.segments.get(*index).copied().flatten().is_none() && !dump.images[*index].in_file_offsets
    };
    let whole =
        (0..dump.images.len()).filter(is_whole).map(|index| dump.images[index].path.clone()).collect();
    let facts = Facts {
        recorded_by: dump.recorded_by.as_deref().map(Cow::Borrowed),
        mode: dump.mode,
        executable: Cow::Borrowed(&dump.process.executable),
        command: Cow::Borrowed(&dump.process.command),
        pid: dump.process.pid,
        peak_time_ns: dump.peak_time_ns,
        long_lived_threshold_ns: dump.long_lived_threshold_ns,
        build: Cow::Borrowed(&dump.build),
        since_ns: 0,
        whole,
    };
    let facts = serde_json::to_string(&facts).unwrap_or_default();
    let mut comments = vec![format!("{WRITTEN_BY}{}: {facts}", env!("CARGO_PKG_VERSION"))];
    comments.extend(summary::caveat(dump));
    comments.extend(summary::losses(dump));
    comments
}

/// The table of strings. The first must be the empty one.
#[derive(Default)]
struct Strings<'a> {
    texts: Vec<Cow<'a, str>>,
    numbers: FxHashMap<Cow<'a, str>, i64>,
}

impl<'a> Strings<'a> {
    fn of(&mut self, text: &'a str) -> i64 {
        self.number(text.into())
    }

    fn owned(&mut self, text: String) -> i64 {
        self.number(text.into())
    }

    fn number(&mut self, text: Cow<'a, str>) -> i64 {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = self.texts.len() as i64;
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::analyse::fold::Detail;
    use crate::profile::{Frame, Run, Site, Stacks};
    use alloc_probe_format::dump::{Dump, Figures, Image, StackNode};
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn figures_are_called_as_in_other_heap_profiles() {
        let names: Vec<String> = metrics().into_iter().map(sample_type).collect();
        assert_eq!(names[..4], ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]);
        for name in
            ["peak_objects", "peak_space", "long_lived_objects", "long_lived_space", "temporary_objects"]
        {
            assert!(names.iter().any(|one| one == name), "{name}");
        }
        assert_eq!(names.len(), Metric::ALL.len());
    }

    fn exported(profile: &Profile, all_frames: bool) -> Message {
        let mut file = Vec::new();
        let detail = Detail { all_frames, ..Detail::default() };
        Pprof.write(profile, Options { metric: Metric::TotalBytes, detail }, &mut file).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(file.as_slice()).read_to_end(&mut bytes).unwrap();
        Message::decode(bytes.as_slice()).unwrap()
    }

    /// A location: its address, the file of its mapping, and the functions with their lines.
    type Place = (u64, String, Vec<(String, i64)>);

    fn locations(message: &Message, sample: &Sample) -> Vec<Place> {
        let text = |number: i64| message.string_table[number as usize].clone();
        let location = |id: &u64| {
            let location = message.location.iter().find(|location| location.id == *id).unwrap();
            let mapping = message.mapping.iter().find(|mapping| mapping.id == location.mapping_id).unwrap();
            let line = |line: &Line| {
                let function = message.function.iter().find(|one| one.id == line.function_id).unwrap();
                (text(function.name), line.line)
            };
            (location.address, text(mapping.filename), location.line.iter().map(line).collect())
        };
        sample.location_id.iter().map(location).collect()
    }

    /// A program of which one function calls the allocator through an inlined one, and a library's without symbols.
    pub(in crate::render::export) fn profile() -> Profile {
        let frame = |function: &str, line: Option<u32>, role| Frame {
            function: function.to_owned(),
            file: line.map(|_| "src/main.rs".to_owned()),
            line,
            role,
            image: Some(0),
            ..Frame::default()
        };
        let frames = vec![
            frame("__rust_alloc", None, Role::Allocator),
            frame("alloc::raw_vec::finish_grow", Some(7), Role::Allocator),
            frame("orders::fill", Some(11), Role::Program),
            frame("orders::main", Some(20), Role::Program),
            frame("0x500 in libfoo.so", None, Role::Program),
        ];
        let row = |parent, image, address, kind| StackNode { parent, image, address, kind };
        let (root, call, exact) = (FrameKind::Root, FrameKind::Call, FrameKind::Exact);
        let nodes = vec![
            row(0, None, 0, root),
            row(0, None, 0, FrameKind::Cut),
            row(1, Some(0), 0x201, call),
            row(2, Some(0), 0x101, call),
            row(3, Some(0), 0x51, call),
            row(2, Some(1), 0x500, exact),
            row(0, None, 0x99, exact),
        ];
        let runs: Vec<Run> = [&[][..], &[3], &[1, 2], &[0], &[4]]
            .map(|ids| ids.iter().copied().map(FrameId).collect())
            .to_vec();
        let site = |stack, total_bytes, sizes: &[(u8, u64)]| Site {
            stack,
            figures: Figures { total_bytes, total_blocks: 1, end_bytes: 1, ..Figures::default() },
            sizes: sizes.to_vec().into(),
            ..Site::default()
        };
        let image = |path: &str, load_address| Image {
            path: path.to_owned(),
            build_id: "ab".to_owned(),
            load_address,
            size: 0x1000,
            ..Image::default()
        };
        Profile {
            dump: Dump {
                images: vec![image("/bin/orders", 0x10000), image("/lib/libfoo.so", 0x7000_0000)],
                mode: Mode::Full,
                ..Dump::default()
            },
            frames,
            sites: vec![
                site(4, 100, &[(5, 1), (6, 1)]),
                site(5, 30, &[(4, 1)]),
                site(3, 7, &[]),
                site(6, 1, &[]),
            ],
            stacks: Stacks { nodes, run: vec![0, 0, 1, 2, 3, 4, 4], runs, has_cuts: true },
            ..Profile::default()
        }
    }

    #[test]
    fn stacks_are_whole_but_for_the_allocators_own_frames() {
        let profile = profile();
        let message = exported(&profile, false);
        assert_eq!(message.string_table[0], "");
        // The first and the third differ in what is left out alone.
        assert_eq!(message.sample.len(), 3);
        let name = |text: &str, line| (text.to_owned(), line);
        let program = || "/bin/orders".to_owned();
        let outer = || {
            [
                (0x10200, program(), vec![name("orders::main", 20)]),
                (0, "[unknown]".to_owned(), vec![name("(frames left out)", 0)]),
            ]
        };
        let [main, left_out] = outer();
        assert_eq!(
            locations(&message, &message.sample[0]),
            [(0x10100, program(), vec![name("orders::fill", 11)]), main, left_out]
        );
        let [main, left_out] = outer();
        let library = "/lib/libfoo.so".to_owned();
        assert_eq!(
            locations(&message, &message.sample[1]),
            [(0x7000_0500, library, Vec::new()), main, left_out]
        );
        let types: Vec<&str> = (message.sample_type.iter())
            .map(|one| message.string_table[one.name as usize].as_str())
            .collect();
        let sum = |wanted: &str| {
            let at = types.iter().position(|one| *one == wanted).unwrap();
            message.sample.iter().map(|sample| sample.value[at]).sum::<i64>()
        };
        assert_eq!((sum("alloc_space"), sum("alloc_objects"), sum("inuse_space")), (138, 4, 4));
        assert_eq!(message.string_table[message.default_sample_type as usize], "alloc_space");
        let label = message.sample[1].label[0];
        let text = |number: i64| message.string_table[number as usize].as_str();
        assert_eq!((text(label.key), label.number, text(label.number_unit)), ("size_class", 16, "bytes"));
        assert!(message.sample[0].label.is_empty(), "its blocks are of several classes");
        let ids = [
            message.location.iter().map(|one| one.id).collect::<Vec<_>>(),
            message.function.iter().map(|one| one.id).collect(),
            message.mapping.iter().map(|one| one.id).collect(),
        ];
        for ids in ids {
            assert!(ids.iter().copied().eq(1..=ids.len() as u64), "{ids:?}");
        }
        let has: Vec<bool> = message.mapping.iter().map(|mapping| mapping.has_functions).collect();
        assert_eq!(has, [true, false, true], "symbols of the library may be found elsewhere");
        assert_eq!((message.period, text(message.period_type.unwrap().name)), (1, "space"));
    }

    #[test]
    fn all_frames_are_there_if_asked_for_and_hidden_ones_are_not() {
        let mut profile = profile();
        let message = exported(&profile, true);
        let functions = |message: &Message| -> Vec<String> {
            let locations = locations(message, &message.sample[0]).into_iter();
            locations.flat_map(|(.., lines)| lines).map(|(function, _)| function).collect()
        };
        assert_eq!(
            functions(&message),
            [
                "__rust_alloc",
                "alloc::raw_vec::finish_grow",
                "orders::fill",
                "orders::main",
                "(frames left out)"
            ]
        );
        profile.stacks.runs[2] = [FrameId(1)].into_iter().collect();
        assert_eq!(functions(&exported(&profile, false)), ["orders::main", "(frames left out)"]);
    }

    #[test]
    fn counts_without_stacks_are_one_sample() {
        let dump = Dump {
            mode: Mode::Count,
            totals: Figures { total_bytes: 5, ..Figures::default() },
            ..Dump::default()
        };
        let message = exported(&Profile { dump, ..Profile::default() }, false);
        assert_eq!(locations(&message, &message.sample[0])[0].2[0].0, "(no stack)");
    }
}

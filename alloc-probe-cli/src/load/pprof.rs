//! Heap profiles in pprof's format, as Go, `jemalloc_pprof` and this tool write them, made into dumps.
//!
//! A file is a sequence of messages, which are decoded one at a time: memory is bounded by what is kept of them.

use super::builder::{Builder, Mapping as Mapped, Mappings, Place, PlaceId, ROOT};
use super::refusal::Refusal;
use alloc_probe_format::dump::{Clock, Dump, Figures, FrameKind, Lost, Mode, Process};
use alloc_probe_format::metric::Metric;
use alloc_probe_format::profile_proto::{
    Facts, Function, Line, Location, Mapping, Sample, ValueType, WRITTEN_BY, metric_of_sample_type, unit,
};
use prost::Message;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// More of any of these no program has, and memory for as many is had.
const MAX_ENTRIES: usize = 1 << 23;

/// The largest message: a stack of a million frames.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// What no file tells.
const NOT_TOLD: &str =
    "a pprof profile does not tell reallocs, the lives of blocks, threads, or resident memory";

/// What a field of the whole profile holds.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, one after the other.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<Result<(u64, Value<'a>), Refusal>> {
        if self.rest.is_empty() { None } else { Some(self.field()) }
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Refusal> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = self.number()?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => Value::Bytes(self.take(4)?),
            kind => return Err(damaged(format_args!("a field of unknown kind {kind}"))),
        };
        Ok((key >> 3, value))
    }

    fn number(&mut self) -> Result<u64, Refusal> {
        let mut number = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        if self.rest.len() < 10 { Err(truncated()) } else { Err(damaged("a number of more than ten bytes")) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else { return Err(truncated()) };
        self.rest = rest;
        Ok(taken)
    }
}

fn truncated() -> Refusal {
    Refusal::new("the file is truncated: it ends in the middle of a pprof profile")
}

fn damaged(reason: impl std::fmt::Display) -> Refusal {
    Refusal::new(format_args!("the file is damaged: {reason}"))
}

/// Whether bytes are a profile. It has no mark of its own; but it has nothing else than its fields, or begins, as most
/// writers do, with what its values are.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    begins_with_types(bytes) || is_whole(bytes)
}

fn begins_with_types(bytes: &[u8]) -> bool {
    let mut fields = Fields { rest: bytes };
    let Some(Ok((1, Value::Bytes(first)))) = fields.next() else { return false };
    let mut inner = Fields { rest: first };
    let mut count = 0;
    while let Some(field) = inner.next() {
        if !matches!(field, Ok((1 | 2, Value::Number(_)))) {
            return false;
        }
        count += 1;
    }
    count > 0
}

fn is_whole(bytes: &[u8]) -> bool {
    let mut fields = Fields { rest: bytes };
    let (mut types, mut strings) = (0, 0);
    while let Some(field) = fields.next() {
        match field {
            Ok((1, Value::Bytes(_))) => types += 1,
            Ok((6, Value::Bytes(_))) => strings += 1,
            Ok((2..=5 | 11 | 13, Value::Bytes(_)) | (7..=10 | 12..=16, Value::Number(_))) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    types > 0 && strings > 0
}

/// What stands before and beside the samples.
#[derive(Default)]
struct Tables<'a> {
    strings: Vec<&'a [u8]>,
    sample_types: Vec<ValueType>,
    mappings: Vec<Mapping>,
    locations: Vec<Location>,
    functions: FxHashMap<u64, Function>,
    comments: Vec<u64>,
    period_type: Option<ValueType>,
    period: u64,
    time_ns: u64,
    duration_ns: u64,
}

impl<'a> Tables<'a> {
    fn read(bytes: &'a [u8]) -> Result<Tables<'a>, Refusal> {
        let mut tables = Tables::default();
        let mut fields = Fields { rest: bytes };
        while let Some(field) = fields.next() {
            match field? {
                (1, Value::Bytes(bytes)) => push(&mut tables.sample_types, decode(bytes)?)?,
                (3, Value::Bytes(bytes)) => push(&mut tables.mappings, decode(bytes)?)?,
                (4, Value::Bytes(bytes)) => push(&mut tables.locations, decode(bytes)?)?,
                (5, Value::Bytes(bytes)) => {
                    let function: Function = decode(bytes)?;
                    if tables.functions.len() >= MAX_ENTRIES {
                        return Err(too_many());
                    }
                    tables.functions.insert(function.id, function);
                }
                (6, Value::Bytes(bytes)) => push(&mut tables.strings, bytes)?,
                (9, Value::Number(number)) => tables.time_ns = number,
                (10, Value::Number(number)) => tables.duration_ns = number,
                (11, Value::Bytes(bytes)) => tables.period_type = Some(decode(bytes)?),
                (12, Value::Number(number)) => tables.period = number,
                (13, Value::Number(number)) => push(&mut tables.comments, number)?,
                (13, Value::Bytes(bytes)) => {
                    let mut numbers = Fields { rest: bytes };
                    while !numbers.rest.is_empty() {
                        push(&mut tables.comments, numbers.number()?)?;
                    }
                }
                _ => {}
            }
        }
        if tables.strings.first().is_some_and(|first| !first.is_empty()) {
            return Err(damaged("its first string is not empty"));
        }
        Ok(tables)
    }

    fn string(&self, number: i64) -> Result<Cow<'a, str>, Refusal> {
        let found = usize::try_from(number).ok().and_then(|number| self.strings.get(number));
        match found {
            Some(bytes) => Ok(String::from_utf8_lossy(bytes)),
            None if number == 0 => Ok(Cow::Borrowed("")),
            None => Err(damaged(format_args!("it refers to string {number}, which is missing"))),
        }
    }

    /// For each value of a sample, the figure that it is.
    fn metrics(&self) -> Result<Vec<Option<Metric>>, Refusal> {
        let mut names = Vec::new();
        let mut metrics = Vec::new();
        for sample_type in &self.sample_types {
            let name = self.string(sample_type.name)?;
            let in_unit = self.string(sample_type.unit)?;
            metrics.push(metric_of_sample_type(&name).filter(|metric| in_unit == unit(*metric)));
            names.push(name);
        }
        if metrics.iter().all(Option::is_none) {
            return Err(Refusal::new(format_args!(
                "it is a pprof profile of {}, not of a heap",
                names.join(", ")
            )));
        }
        Ok(metrics)
    }

    /// What this tool said of the program, if it wrote the file.
    fn facts(&self) -> Option<Facts<'static>> {
        let comments =
            self.comments.iter().filter_map(|number| self.string(i64::try_from(*number).ok()?).ok());
        let own = comments.filter(|comment| comment.starts_with(WRITTEN_BY));
        own.filter_map(|comment| serde_json::from_str(comment.split_once(": ")?.1).ok()).next()
    }

    /// The mean bytes between two samples; none where every block was recorded, or that is not known.
    fn sample_bytes(&self) -> Result<Option<u64>, Refusal> {
        let Some(kind) = &self.period_type else { return Ok(None) };
        Ok(Some(self.period)
            .filter(|period| *period > 1)
            .filter(|_| self.string(kind.unit).is_ok_and(|unit| unit == "bytes")))
    }
}

fn push<T>(list: &mut Vec<T>, entry: T) -> Result<(), Refusal> {
    if list.len() >= MAX_ENTRIES {
        return Err(too_many());
    }
    list.push(entry);
    Ok(())
}

fn too_many() -> Refusal {
    damaged(format_args!("it has more than {MAX_ENTRIES} entries in a table, the most that this tool reads"))
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Refusal> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(damaged(format_args!("a message of {} bytes, more than this tool reads", bytes.len())));
    }
    M::decode(bytes).map_err(damaged)
}

/// What has another meaning than a profile of a process so far.
const DIFFERENCE: &str = "it is the difference of two profiles, not one";

/// What a location stands for in a stack.
#[derive(Clone, Copy)]
enum Step {
    Place(PlaceId),
    /// Frames that were left out, and what stands for no stack at all.
    Cut,
    Nothing,
}

/// Reads a profile.
pub(super) fn parse(bytes: &[u8]) -> Result<Dump, Refusal> {
    let tables = Tables::read(bytes)?;
    let metrics = tables.metrics()?;
    let facts = tables.facts();
    if facts.as_ref().is_some_and(|facts| facts.since_ns > 0) {
        return Err(Refusal::new(DIFFERENCE));
    }
    let mut builder = Builder::new();
    let mut mappings = Mappings::default();
    let mut of_mapping: FxHashMap<u64, Mapped> = FxHashMap::default();
    for mapping in &tables.mappings {
        let (path, build_id) = (tables.string(mapping.filename)?, tables.string(mapping.build_id)?);
        let (start, end) = (mapping.memory_start, mapping.memory_limit);
        let mapped = mappings.add(&path, &build_id.to_ascii_lowercase(), start..end, mapping.file_offset);
        if let Some(mapped) = mapped {
            of_mapping.insert(mapping.id, mapped);
        }
    }
    for path in facts.iter().flat_map(|facts| facts.whole.iter()) {
        mappings.are_addresses(path);
    }
    let mut steps: FxHashMap<u64, Step> = FxHashMap::default();
    for location in &tables.locations {
        let mut frames = Vec::new();
        for Line { function_id, line, column } in &location.line {
            let Some(function) = tables.functions.get(function_id) else {
                return Err(damaged(format_args!("it refers to function {function_id}, which is missing")));
            };
            let name = match function.name {
                0 => tables.string(function.system_name)?,
                name => tables.string(name)?,
            };
            let number = |number: i64| u32::try_from(number).ok();
            let file = tables.string(function.filename)?;
            frames.push((name, file, number(*line), number(*column)));
        }
        let step = match frames.first() {
            Some((name, ..)) if location.address == 0 && name == "(frames left out)" => Step::Cut,
            Some((name, ..)) if location.address == 0 && name == "(no stack)" => Step::Nothing,
            _ => {
                let frames = frames
                    .iter()
                    .map(|(name, file, line, column)| builder.frame(name, Some(file), *line, *column))
                    .collect();
                let mapped = of_mapping.get(&location.mapping_id).copied();
                // A location is in the call, not behind it.
                let place = Place::at(location.address, mapped, FrameKind::Exact, frames);
                Step::Place(builder.place(place))
            }
        };
        steps.insert(location.id, step);
    }
    let executable = tables.mappings.first().map(|mapping| tables.string(mapping.filename)).transpose()?;
    for image in mappings.into_images() {
        builder.image(image);
    }
    let mut truncated_stacks = 0;
    let mut fields = Fields { rest: bytes };
    while let Some(field) = fields.next() {
        let (2, Value::Bytes(bytes)) = field? else { continue };
        let sample: Sample = decode(bytes)?;
        if sample.value.len() != metrics.len() {
            return Err(damaged(format_args!(
                "a sample has {} values of {}",
                sample.value.len(),
                metrics.len()
            )));
        }
        let mut figures = Figures::default();
        for (metric, value) in metrics.iter().zip(&sample.value) {
            let Some(metric) = metric else { continue };
            let Ok(value) = u64::try_from(*value) else {
                return Err(Refusal::new(format_args!("it has negative values: {DIFFERENCE}")));
            };
            *metric.of_mut(&mut figures) = value;
        }
        let mut row = ROOT;
        for id in sample.location_id.iter().rev() {
            row = match steps.get(id) {
                Some(Step::Place(place)) => builder.row(row, *place)?,
                Some(Step::Cut) if row == ROOT => {
                    truncated_stacks += 1;
                    builder.cut()?
                }
                Some(Step::Cut | Step::Nothing) => row,
                None => return Err(damaged(format_args!("it refers to location {id}, which is missing"))),
            };
        }
        builder.add(row, &figures);
    }
    let known: Vec<&str> = metrics.iter().flatten().map(|metric| metric.figure()).collect();
    let sample_bytes = tables.sample_bytes()?;
    let recorded_by = match &facts {
        Some(facts) => {
            let by = facts.recorded_by.as_deref().unwrap_or("alloc-probe");
            format!("{by}, and exported as a pprof profile")
        }
        None => "a profiler that writes pprof's format".to_owned(),
    };
    let facts = facts.unwrap_or_else(|| Facts {
        executable: executable.unwrap_or_default().into_owned().into(),
        ..Facts::default()
    });
    let mode = match (facts.mode, sample_bytes) {
        (Mode::Off, Some(_)) => Mode::Sample,
        (Mode::Off, None) => Mode::Full,
        (mode, _) => mode,
    };
    Ok(Dump {
        recorded_by: Some(recorded_by),
        mode,
        sample_bytes: sample_bytes.filter(|_| mode == Mode::Sample),
        process: Process {
            pid: facts.pid,
            executable: facts.executable.into_owned(),
            command: facts.command.into_owned(),
            start_unix_ns: tables.time_ns.saturating_sub(tables.duration_ns),
            end_unix_ns: tables.time_ns,
            duration_ns: tables.duration_ns,
            ..Process::default()
        },
        build: facts.build.into_owned(),
        clock: Clock { unit_ns: 1.0, ..Clock::default() },
        peak_time_ns: facts.peak_time_ns,
        long_lived_threshold_ns: facts.long_lived_threshold_ns,
        lost: Lost { truncated_stacks, notes: vec![NOT_TOLD.to_owned()], ..Lost::default() },
        ..builder.finish(&known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::profile_proto::Profile;

    #[test]
    fn what_happened_in_a_while_is_no_profile_of_a_process() {
        let facts = |since_ns| serde_json::to_string(&Facts { since_ns, ..Facts::default() }).unwrap();
        let parsed = |value, since_ns| {
            let strings = ["", "inuse_space", "bytes", &format!("{WRITTEN_BY}1: {}", facts(since_ns))];
            let profile = Profile {
                sample_type: vec![ValueType { name: 1, unit: 2 }],
                sample: vec![Sample { value: vec![value], ..Sample::default() }],
                string_table: strings.map(str::to_owned).to_vec(),
                comment: vec![3],
                ..Profile::default()
            };
            parse(&profile.encode_to_vec())
                .map(|dump| dump.totals.end_bytes)
                .map_err(|refusal| refusal.reason)
        };
        assert_eq!(parsed(7, 0), Ok(7));
        assert_eq!(parsed(7, 1), Err(DIFFERENCE.to_owned()));
        assert_eq!(parsed(-7, 0), Err(format!("it has negative values: {DIFFERENCE}")));
    }
}

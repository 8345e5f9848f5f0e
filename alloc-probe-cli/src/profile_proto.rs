//! The messages of `profile.proto`, the format of pprof.
//!
//! Their numbers are those of <https://github.com/google/pprof/blob/main/proto/profile.proto>, where the fields are
//! described. Texts are indices into the table of strings, whose first is empty.

use alloc_probe_format::dump::{Build, Mode};
use alloc_probe_format::metric::Metric;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How the comment begins that this tool writes into a profile. The version follows, and [`Facts`] as JSON.
pub(crate) const WRITTEN_BY: &str = "alloc-probe ";

/// What a dump says of its program that the format has no place for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_by: Option<Cow<'a, str>>,
    pub(crate) mode: Mode,
    pub(crate) executable: Cow<'a, str>,
    pub(crate) command: Cow<'a, [String]>,
    pub(crate) pid: u32,
    pub(crate) peak_time_ns: u64,
    pub(crate) long_lived_threshold_ns: u64,
    pub(crate) build: Cow<'a, Build>,
    /// Files of which it was not known where their code lies in them: their mappings are whole, with the file's own
    /// addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) whole: Vec<String>,
}

/// What a figure is called in pprof: `alloc_space`, `inuse_objects`, `peak_space`.
pub(crate) fn sample_type(metric: Metric) -> String {
    let (what, _) = metric.name().rsplit_once('-').unwrap_or((metric.name(), ""));
    let what = match what {
        "total" => "alloc",
        "end" => "inuse",
        other => other,
    };
    let unit = if metric.is_bytes() { "space" } else { "objects" };
    format!("{}_{unit}", what.replace('-', "_"))
}

/// The figure that pprof calls so.
pub(crate) fn metric_of_sample_type(name: &str) -> Option<Metric> {
    // The names of older heap profiles, which have what is in use alone.
    let name = match name {
        "objects" => "inuse_objects",
        "space" => "inuse_space",
        other => other,
    };
    Metric::ALL.iter().copied().find(|metric| sample_type(*metric) == name)
}

/// A whole profile.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Profile {
    #[prost(message, repeated, tag = "1")]
    pub(crate) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(crate) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    pub(crate) time_nanos: i64,
    #[prost(int64, tag = "10")]
    pub(crate) duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    pub(crate) period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    pub(crate) period: i64,
    #[prost(int64, repeated, tag = "13")]
    pub(crate) comment: Vec<i64>,
    #[prost(int64, tag = "14")]
    pub(crate) default_sample_type: i64,
}

/// What a value of the samples is, and its unit.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct ValueType {
    #[prost(int64, tag = "1")]
    pub(crate) name: i64,
    #[prost(int64, tag = "2")]
    pub(crate) unit: i64,
}

/// What was measured on one stack.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sample {
    /// The innermost first.
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) location_id: Vec<u64>,
    /// One for each of [`Profile::sample_type`].
    #[prost(int64, repeated, tag = "2")]
    pub(crate) value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) label: Vec<Label>,
}

/// What else is known of a sample.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Label {
    #[prost(int64, tag = "1")]
    pub(crate) key: i64,
    #[prost(int64, tag = "2")]
    pub(crate) text: i64,
    #[prost(int64, tag = "3")]
    pub(crate) number: i64,
    #[prost(int64, tag = "4")]
    pub(crate) number_unit: i64,
}

/// A program or library, as it lay in memory.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Mapping {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) memory_start: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) memory_limit: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) file_offset: u64,
    #[prost(int64, tag = "5")]
    pub(crate) filename: i64,
    #[prost(int64, tag = "6")]
    pub(crate) build_id: i64,
    #[prost(bool, tag = "7")]
    pub(crate) has_functions: bool,
    #[prost(bool, tag = "8")]
    pub(crate) has_filenames: bool,
    #[prost(bool, tag = "9")]
    pub(crate) has_line_numbers: bool,
    #[prost(bool, tag = "10")]
    pub(crate) has_inline_frames: bool,
}

/// An address, and what it stands for.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Location {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) mapping_id: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) address: u64,
    /// Inlined calls first.
    #[prost(message, repeated, tag = "4")]
    pub(crate) line: Vec<Line>,
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Line {
    #[prost(uint64, tag = "1")]
    pub(crate) function_id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) line: i64,
    #[prost(int64, tag = "3")]
    pub(crate) column: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Function {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) name: i64,
    #[prost(int64, tag = "3")]
    pub(crate) system_name: i64,
    #[prost(int64, tag = "4")]
    pub(crate) filename: i64,
}

//! The messages of `profile.proto`, the format of pprof.
//!
//! Their numbers are those of <https://github.com/google/pprof/blob/main/proto/profile.proto>, where the fields are
//! described. Texts are indices into the table of strings, whose first is empty.

#![allow(missing_docs, reason = "fields are described there")]

use crate::dump::{Build, Mode};
use crate::metric::Metric;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How the comment begins that this tool writes into a profile. The version follows, and [`Facts`] as JSON.
pub const WRITTEN_BY: &str = "alloc-probe ";

/// What a dump says of its program that the format has no place for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts<'a> {
    /// What recorded it, if that was not the probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<Cow<'a, str>>,
    /// How much was recorded.
    pub mode: Mode,
    /// The program's path.
    pub executable: Cow<'a, str>,
    /// Its arguments, the first of which is its name.
    pub command: Cow<'a, [String]>,
    /// The process's number.
    pub pid: u32,
    /// When the peak was, from the start of recording.
    pub peak_time_ns: u64,
    /// The age from which a block is long-lived.
    pub long_lived_threshold_ns: u64,
    /// How it was built.
    pub build: Cow<'a, Build>,
    /// Of a profile of what happened in a while, its length; else 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub since_ns: u64,
    /// Files of which it was not known where their code lies in them: their mappings are whole, with the file's own
    /// addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a figure is called in pprof: `alloc_space`, `inuse_objects`, `peak_space`.
pub fn sample_type(metric: Metric) -> String {
    let (what, _) = metric.name().rsplit_once('-').unwrap_or((metric.name(), ""));
    let what = match what {
        "total" => "alloc",
        "end" => "inuse",
        other => other,
    };
    let unit = if metric.is_bytes() { "space" } else { "objects" };
    format!("{}_{unit}", what.replace('-', "_"))
}

/// What a figure is counted in there.
pub fn unit(metric: Metric) -> &'static str {
    if metric.is_bytes() { "bytes" } else { "count" }
}

/// The figure that pprof calls so.
pub fn metric_of_sample_type(name: &str) -> Option<Metric> {
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
pub struct Profile {
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    #[prost(int64, tag = "7")]
    pub drop_frames: i64,
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    pub period: i64,
    #[prost(int64, repeated, tag = "13")]
    pub comment: Vec<i64>,
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
}

/// What a value of the samples is, and its unit.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct ValueType {
    #[prost(int64, tag = "1")]
    pub name: i64,
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// What was measured on one stack.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sample {
    /// The innermost first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One for each of [`Profile::sample_type`].
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// What else is known of a sample.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Label {
    #[prost(int64, tag = "1")]
    pub key: i64,
    #[prost(int64, tag = "2")]
    pub text: i64,
    #[prost(int64, tag = "3")]
    pub number: i64,
    #[prost(int64, tag = "4")]
    pub number_unit: i64,
}

/// A program or library, as it lay in memory.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Mapping {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    #[prost(int64, tag = "5")]
    pub filename: i64,
    #[prost(int64, tag = "6")]
    pub build_id: i64,
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

/// An address, and what it stands for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Location {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// Inlined calls first.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Line {
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    #[prost(int64, tag = "2")]
    pub line: i64,
    #[prost(int64, tag = "3")]
    pub column: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Function {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(int64, tag = "2")]
    pub name: i64,
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    #[prost(int64, tag = "4")]
    pub filename: i64,
}

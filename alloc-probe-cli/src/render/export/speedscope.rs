//! speedscope's own format, a profile for each figure: <https://www.speedscope.app>.

use super::exporter::{Exporter, Options};
use crate::analyse::fold;
use crate::profile::{Frame, Profile};
use crate::render::summary;
use crate::source::names;
use alloc_probe_format::metric::Metric;
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::io::{self, Write};

/// The format.
#[derive(Debug)]
pub(super) struct Speedscope;

const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: &'static str,
    name: &'a str,
    active_profile_index: usize,
    shared: Shared<'a>,
    profiles: Vec<Samples>,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Function<'a>>,
}

/// A function: speedscope takes frames of one function at several lines for several.
#[derive(Serialize)]
struct Function<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Samples {
    r#type: &'static str,
    name: String,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    /// Rows of the frames, the outermost function first.
    samples: Vec<Vec<u32>>,
    weights: Vec<u64>,
}

impl Exporter for Speedscope {
    fn name(&self) -> &'static str {
        "speedscope"
    }

    fn help(&self) -> &'static str {
        "speedscope, a profile for each figure"
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let mut functions = Functions::default();
        let stacks = profile.sites.iter().map(|site| {
            let mut stack: Vec<u32> =
                profile.is_truncated(site).then(|| functions.note("(frames left out)")).into_iter().collect();
            let frames = fold::visible(profile, site, options.detail.all_frames);
            stack.extend(frames.iter().rev().map(|id| functions.row(fold::frame(profile, *id))));
            if stack.is_empty() {
                stack.push(functions.note("(no stack)"));
            }
            stack
        });
        let stacks: Vec<Vec<u32>> = stacks.collect();
        let shown = Metric::ALL.iter().copied().filter(|metric| {
            let has_any = metric.is_known(&profile.dump)
                && profile.sites.iter().any(|site| metric.of(&site.figures) > 0);
            has_any || *metric == options.metric
        });
        let shown: Vec<Metric> = shown.collect();
        let file = File {
            schema: SCHEMA,
            exporter: concat!("alloc-probe ", env!("CARGO_PKG_VERSION")),
            name: summary::program(&profile.dump),
            active_profile_index: shown.iter().position(|metric| *metric == options.metric).unwrap_or(0),
            shared: Shared { frames: functions.rows },
            profiles: shown.into_iter().map(|metric| samples(profile, &stacks, metric)).collect(),
        };
        serde_json::to_writer(&mut *out, &file)?;
        writeln!(out)
    }
}

fn samples(profile: &Profile, stacks: &[Vec<u32>], metric: Metric) -> Samples {
    let weighed = profile.sites.iter().zip(stacks).map(|(site, stack)| (metric.of(&site.figures), stack));
    let (weights, samples): (Vec<u64>, Vec<Vec<u32>>) =
        weighed.filter(|(weight, _)| *weight > 0).map(|(weight, stack)| (weight, stack.clone())).unzip();
    Samples {
        r#type: "sampled",
        name: metric.meaning().to_owned(),
        unit: if metric.is_bytes() { "bytes" } else { "none" },
        start_value: 0,
        end_value: weights.iter().fold(0, |sum, weight| sum.saturating_add(*weight)),
        samples,
        weights,
    }
}

/// The table of functions.
#[derive(Default)]
struct Functions<'a> {
    rows: Vec<Function<'a>>,
    numbers: FxHashMap<(&'a str, Option<&'a str>), u32>,
}

impl<'a> Functions<'a> {
    fn row(&mut self, frame: &'a Frame) -> u32 {
        self.number(&frame.function, frame.file.as_deref())
    }

    fn note(&mut self, text: &'a str) -> u32 {
        self.number(text, None)
    }

    fn number(&mut self, function: &'a str, file: Option<&'a str>) -> u32 {
        let next = self.rows.len() as u32;
        let row = *self.numbers.entry((function, file)).or_insert(next);
        if row == next {
            self.rows.push(Function { name: names::display_name(function), file });
        }
        row
    }
}

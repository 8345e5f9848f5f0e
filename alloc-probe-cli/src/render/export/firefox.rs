//! The Firefox Profiler's processed profile: <https://profiler.firefox.com>.
//!
//! It has a track for each figure in bytes, whose samples are the sites, and counters of what was live and resident over
//! time. A dump does not tell which thread allocated at a site, nor when, so a track is no thread, and its samples are
//! all at the time that its figure is of.

use super::exporter::{Exporter, Options};
use crate::analyse::fold;
use crate::profile::Profile;
use crate::render::summary;
use crate::source::names;
use alloc_probe_format::dump::TimelineSample;
use alloc_probe_format::metric::Metric;
use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ProcessHandle, Profile as Target,
    ReferenceTimestamp, SamplingInterval, StackHandle, ThreadHandle, Timestamp, WeightType,
};
use std::io::{self, Write};
use std::time::Duration;

/// The format.
#[derive(Debug)]
pub(super) struct Firefox;

impl Exporter for Firefox {
    fn name(&self) -> &'static str {
        "firefox"
    }

    fn help(&self) -> &'static str {
        "the Firefox Profiler, a track for each figure in bytes"
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let dump = &profile.dump;
        let start = Duration::from_nanos(dump.process.start_unix_ns);
        let interval = SamplingInterval::from_nanos(dump.timeline.interval_ns.max(1_000_000));
        let program = summary::program(dump);
        let reference = ReferenceTimestamp::from_duration_since_unix_epoch(start);
        let mut target = Target::new(program, reference, interval);
        target.set_symbolicated(true);
        let process = target.add_process(program, dump.process.pid, at(0));
        target.set_process_end_time(process, at(dump.process.duration_ns));
        let of_bytes =
            Metric::ALL.iter().copied().filter(|metric| metric.is_bytes() && metric.is_known(dump));
        for (index, metric) in of_bytes.enumerate() {
            let thread = target.add_thread(process, index as u32, at(0), false);
            target.set_thread_name(thread, metric.meaning());
            target.set_thread_end_time(thread, at(dump.process.duration_ns));
            target.set_thread_samples_weight_type(thread, WeightType::Bytes);
            target.add_initial_visible_thread(thread);
            if metric == options.metric {
                target.add_initial_selected_thread(thread);
            }
            let time = match metric {
                Metric::PeakBytes => dump.peak_time_ns,
                _ => dump.process.duration_ns,
            };
            // What is shown reaches from the first sample to the last, and so the counters from the start on.
            target.add_sample(thread, at(0), None, CpuDelta::ZERO, 0);
            samples(&mut target, thread, profile, (metric, options.detail.all_frames), at(time));
        }
        counter(&mut target, process, profile, "Live heap", |sample| sample.live_bytes);
        counter(&mut target, process, profile, "Resident memory", |sample| sample.resident_bytes);
        serde_json::to_writer(&mut *out, &target)?;
        writeln!(out)
    }
}

fn at(nanoseconds: u64) -> Timestamp {
    Timestamp::from_nanos_since_reference(nanoseconds)
}

/// The sites that have any of a figure, with it as their weight.
fn samples(
    target: &mut Target,
    thread: ThreadHandle,
    profile: &Profile,
    (metric, all_frames): (Metric, bool),
    time: Timestamp,
) {
    for site in profile.sites.iter().filter(|site| metric.of(&site.figures) > 0) {
        let frames = fold::visible(profile, site, all_frames);
        let functions =
            frames.iter().rev().map(|id| names::display_name(&fold::frame(profile, *id).function));
        let left_out = profile.is_truncated(site).then(|| "(frames left out)".to_owned());
        let none = frames.is_empty().then(|| "(no stack)".to_owned());
        let mut stack: Option<StackHandle> = None;
        for function in left_out.into_iter().chain(none).chain(functions) {
            let frame = Frame::Label(target.intern_string(&function));
            let category_pair = CategoryHandle::OTHER.into();
            let frame =
                target.intern_frame(thread, FrameInfo { frame, category_pair, flags: FrameFlags::empty() });
            stack = Some(target.intern_stack(thread, stack, frame));
        }
        // A weight has 31 bits.
        let mut rest = metric.of(&site.figures);
        while rest > 0 {
            let weight = i32::try_from(rest).unwrap_or(i32::MAX);
            target.add_sample(thread, time, stack, CpuDelta::ZERO, weight);
            rest -= weight as u64;
        }
    }
}

/// A figure of the timeline; nothing where it is known at no time.
fn counter(
    target: &mut Target,
    process: ProcessHandle,
    profile: &Profile,
    name: &str,
    of: fn(&TimelineSample) -> u64,
) {
    let samples = &profile.dump.timeline.samples;
    if samples.iter().all(|sample| of(sample) == 0) {
        return;
    }
    let counter = target.add_counter(process, name, "Memory", name);
    let mut before = 0.0;
    for sample in samples {
        let value = of(sample) as f64;
        target.add_counter_sample(counter, at(sample.time_ns), value - before, 0);
        before = value;
    }
}

//! The messages of a profile.

use super::base::{self, Base};
use super::output::Output;
use super::stacks::{Place, Stacks};
use crate::dump::Instant;
use crate::images::{self, Code};
use crate::os;
use crate::os::clock;
use crate::record::prepare;
use alloc_probe_format::dump::{DumpOf, Ended, Figures, Image, Mode};
use alloc_probe_format::metric::Metric;
use alloc_probe_format::profile_proto::{
    Facts, Function, Label, Line, Location, Mapping, Profile, Sample, ValueType, WRITTEN_BY, sample_type,
    unit,
};
use alloc_probe_format::snapshot::{Now, streamed};
use std::borrow::Cow;
use std::io;

/// The sample types, in the order of other heap profiles, which begin with these four.
const METRICS: [Metric; 6] = [
    Metric::TotalBlocks,
    Metric::TotalBytes,
    Metric::EndBlocks,
    Metric::EndBytes,
    Metric::PeakBlocks,
    Metric::PeakBytes,
];

/// What stands between the program and its allocator, as a regular expression of functions: whoever looks up names leaves
/// out these, and what they call. There are no names here to do it by. Some tools know functions of the standard library by
/// their last names alone. Never one that may call the program: as much as is below it would be gone.
const ALLOCATOR: &str = concat!(
    "(__rustc::)?__(rust|rg|rdl)_(alloc|realloc|no_alloc).*",
    "|<?alloc_probe::probe::.*",
    "|<?alloc::(alloc|raw_vec)::.*",
    "|<?alloc::boxed::Box(<.*>)?(>)?::(try_)?new(_.*)?",
    "|(exchange_malloc|alloc_impl(_runtime)?|try_allocate_in|finish_grow|grow_(one|amortized|exact)",
    "|do_reserve_and_handle)(<.*>)?",
);

/// The moment of a profile.
pub(super) fn now() -> Now {
    let (ticks, mono_ns) = (clock::ticks(), os::monotonic_ns());
    Now { ticks, mono_ns, ended: Ended::Running, signal: None, from_spool: false }
}

/// What was counted up to now. None where there is no memory for it.
pub(crate) fn base() -> Option<Base> {
    Base::of(&Instant::now(), now())
}

/// The profile of the process, compressed; what came since a base, if there is one.
pub(crate) fn profile(since: Option<&Base>) -> io::Result<Vec<u8>> {
    prepare::list_images();
    let now = now();
    let instant = Instant::now();
    let dump = streamed(&instant, now, &());
    let stacks = Stacks::of(&dump.stacks, &dump.images);
    let mut output = Output::new();
    head(&dump, since.map(|base| now.mono_ns.saturating_sub(base.mono_ns)), &mut output)?;
    let operations: Vec<&str> = dump.operations.iter().map(|operation| operation.name.as_str()).collect();
    locations(&dump.images, &operations, &stacks, &mut output)?;
    let key = output.text("operation");
    let labels: Vec<Label> =
        operations.iter().map(|name| Label { key, text: output.text(name), ..Label::default() }).collect();
    let mut part = Profile { sample: vec![Sample::default()], ..Profile::default() };
    let mut result = Ok(());
    dump.sites.for_each(|site, number_in_spool| {
        let Some(sample) = part.sample.first_mut().filter(|_| result.is_ok()) else { return };
        sample.value.clear();
        match since {
            Some(base) => sample.value.extend(difference(&site.figures, base.of_site(number_in_spool))),
            None => sample.value.extend(METRICS.map(|metric| number(metric.of(&site.figures)))),
        }
        if sample.value.iter().any(|value| *value != 0) {
            sample.location_id.clear();
            sample.location_id.extend(stacks.locations(site.stack));
            sample.label.clear();
            // Most programs have none, and no stack is looked through for them.
            let operation = (!labels.is_empty()).then(|| stacks.operation(site.stack)).flatten();
            sample.label.extend(operation.and_then(|number| labels.get(number as usize)));
            result = output.write(&part);
        }
    });
    result?;
    output.finish()
}

/// What a site has now and did not have then. What was freed meanwhile is below zero.
fn difference(now: &Figures, then: [u64; base::FIGURES]) -> impl Iterator<Item = i64> {
    base::figures(now).into_iter().zip(then).map(|(now, then)| number(now) - number(then))
}

/// What is said of the profile as a whole. A part of its time says how long that was.
fn head<A, B, C>(dump: &DumpOf<A, B, C>, since_ns: Option<u64>, output: &mut Output) -> io::Result<()> {
    let metrics = &METRICS[..if since_ns.is_some() { base::FIGURES } else { METRICS.len() }];
    let mut part = Profile::default();
    for metric in metrics {
        let (name, unit) = (output.text(&sample_type(*metric)), output.text(unit(*metric)));
        part.sample_type.push(ValueType { name, unit });
    }
    part.default_sample_type = output.text(&sample_type(Metric::EndBytes));
    part.period_type = Some(ValueType { name: output.text("space"), unit: output.text("bytes") });
    part.period = number(dump.sample_bytes.unwrap_or(1));
    part.time_nanos = number(dump.process.end_unix_ns);
    // Of a profile since the start there is none, as in other heap profiles: readers take one with a duration for a difference.
    part.duration_nanos = number(since_ns.unwrap_or(0));
    part.drop_frames = output.text(ALLOCATOR);
    // Without the arguments, which may hold what is nobody else's business.
    let facts = Facts {
        mode: dump.mode,
        executable: Cow::Borrowed(&dump.process.executable),
        pid: dump.process.pid,
        peak_time_ns: dump.peak_time_ns,
        long_lived_threshold_ns: dump.long_lived_threshold_ns,
        build: Cow::Borrowed(&dump.build),
        since_ns: since_ns.unwrap_or(0),
        ..Facts::default()
    };
    let facts = serde_json::to_string(&facts)?;
    let mut comments = vec![format!("{WRITTEN_BY}{}: {facts}", env!("CARGO_PKG_VERSION"))];
    if let (Mode::Sample, Some(bytes)) = (dump.mode, dump.sample_bytes) {
        comments.push(format!("one block in about every {bytes} bytes was sampled: figures are estimates"));
    }
    if dump.lost.blocks > 0 {
        comments.push(format!("{} blocks could not be recorded", dump.lost.blocks));
    }
    comments.extend_from_slice(&dump.lost.notes);
    part.comment = comments.iter().map(|comment| output.text(comment)).collect();
    output.write(&part)
}

/// The mappings and the locations. They have no names: readers look for these by the build ids.
fn locations(images: &[Image], operations: &[&str], stacks: &Stacks, output: &mut Output) -> io::Result<()> {
    let unknown = images.len() as u64 + 1;
    let codes = codes();
    let mut part = Profile::default();
    for (id, image) in (1..).zip(images) {
        let code = codes.get(id as usize - 1).filter(|code| code.bytes > 0);
        // As this tool's export has it: from the beginning of the segment. Where that is not known, as if the image lay in
        // memory as in its file.
        let (start, end, file_offset) = match code {
            Some(code) => (code.address, code.address.saturating_add(code.bytes), code.offset),
            None => (0, image.size, 0),
        };
        part.mapping.push(Mapping {
            id,
            memory_start: image.load_address.wrapping_add(start),
            memory_limit: image.load_address.wrapping_add(end),
            file_offset,
            filename: output.text(&image.path),
            build_id: output.text(&image.build_id),
            ..Mapping::default()
        });
    }
    // Of what lies in no file; some tools fail on a location without a mapping. There is nothing to look names up in.
    part.mapping.push(Mapping {
        id: unknown,
        filename: output.text("[unknown]"),
        has_functions: true,
        has_filenames: true,
        has_line_numbers: true,
        has_inline_frames: true,
        ..Mapping::default()
    });
    output.write(&part)?;
    let mut part = Profile::default();
    // Parca takes a profile only if the ids of each table are the numbers from 1 on.
    let mut functions = 0;
    for (id, place) in stacks.places() {
        part.location.clear();
        part.function.clear();
        let (address, mapping_id) = match place {
            Place::Instruction { address, image } => {
                (address, image.map_or(unknown, |image| u64::from(image) + 1))
            }
            _ => (0, unknown),
        };
        let name = match place {
            Place::Instruction { .. } => None,
            Place::Operation(number) => {
                let name = operations.get(number as usize).copied().unwrap_or_default();
                Some(Cow::Owned(format!("operation {name}")))
            }
            Place::LeftOut => Some(Cow::Borrowed("(frames left out)")),
            Place::Nothing => Some(Cow::Borrowed("(no stack)")),
        };
        let line = name.map(|name| {
            functions += 1;
            part.function.push(Function { id: functions, name: output.text(&name), ..Function::default() });
            Line { function_id: functions, ..Line::default() }
        });
        part.location.push(Location { id, mapping_id, address, line: line.into_iter().collect() });
        output.write(&part)?;
    }
    Ok(())
}

/// The code of each image, by its number.
fn codes() -> Vec<Code> {
    let mut codes = Vec::new();
    images::each(&mut |image| codes.push(image.code));
    codes
}

/// The format has signed numbers.
fn number(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

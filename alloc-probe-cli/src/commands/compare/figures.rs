//! The figures of builds, as the table has them.

use super::one_build::Compared;
use crate::analyse::compared::{Row, Table, Unit};
use crate::analyse::doctor::settings;
use crate::analyse::operations::{Latency, latency, per_second};
use crate::commands::watch::Ended;
use crate::project::Project;
use crate::project::binary::Binary;
use alloc_probe_format::dump::{Dump, Figures, Operation};
use std::cmp::Reverse;
use std::time::Duration;

/// What `--columns` and `--sort` take, in the order of the table.
pub(super) const KEYS: [&str; 24] = [
    "build",
    "file",
    "stripped",
    "code",
    "text",
    "data",
    "debug",
    "startup",
    "wall",
    "cpu",
    "recorded",
    "rss",
    "heap",
    "total",
    "blocks",
    "end",
    "retained",
    "stack",
    "throughput",
    "p50",
    "p90",
    "p99",
    "p99.9",
    "max",
];

/// Settings that are told of each build.
const SETTINGS: [&str; 9] = [
    "opt-level",
    "lto",
    "codegen-units",
    "panic",
    "debug",
    "strip",
    "overflow-checks",
    "debug-assertions",
    "incremental",
];

/// The spread from which runs count as noisy.
const NOISY: f64 = 0.05;

/// All figures, and what may skew them.
pub(super) fn table(
    compared: &[Compared],
    project: Option<&Project>,
    profiles: &[String],
    runs: u32,
    mut caveats: Vec<String>,
) -> Table {
    let row = |key, name: &str, unit, of: &dyn Fn(&Compared) -> Vec<u64>| {
        Row::of_runs(key, name, unit, compared.iter().map(of).collect())
    };
    let size = |of: fn(&Binary) -> u64| move |one: &Compared| vec![of(&one.built.binary)];
    let time = |of: fn(&Ended) -> Duration| {
        move |one: &Compared| one.measured.runs.iter().map(|run| nanos(of(run))).collect()
    };
    let of_dump = |of: fn(&Dump) -> u64| {
        move |one: &Compared| one.profile.iter().map(|profile| of(&profile.dump)).collect()
    };
    // What a run does by chance, others do in another way: the one with full recording alone knows nothing of noise.
    let of_totals = |of: fn(&Figures) -> u64| {
        move |one: &Compared| {
            let recorded = one.profile.as_ref().map(|profile| &profile.dump.totals);
            one.measured.totals.iter().chain(recorded).map(of).collect()
        }
    };
    let rss = |one: &Compared| {
        let (seen, counted) = (&one.measured.rss_bytes, &one.measured.counted_rss_bytes);
        let is_own = seen.iter().all(|bytes| *bytes > one.rss_floor_bytes);
        if is_own { seen.clone() } else { counted.clone() }
    };
    let deepest = |dump: &Dump| dump.threads.iter().map(|thread| thread.stack_bytes).max().unwrap_or(0);
    let mut rows = vec![
        row("build", "build time", Unit::Nanoseconds, &|one| {
            one.built.build_time.map(nanos).into_iter().collect()
        }),
        row("file", "program file", Unit::Bytes, &size(|binary| binary.file_bytes)),
        row("stripped", "  stripped", Unit::Bytes, &size(|binary| binary.stripped_bytes)),
        row("code", "  machine code", Unit::Bytes, &size(|binary| binary.code_bytes)),
        row("text", "  text", Unit::Bytes, &size(|binary| binary.text_bytes)),
        row("data", "  data", Unit::Bytes, &size(|binary| binary.data_bytes)),
        row("debug", "  debug info", Unit::Bytes, &size(|binary| binary.debug_bytes)),
        row("startup", "start-up", Unit::Nanoseconds, &|one| {
            let measured = &one.measured;
            let ready: Vec<u64> = measured.runs.iter().filter_map(|run| run.ready).map(nanos).collect();
            if ready.is_empty() { measured.startups.clone() } else { ready }
        }),
        row("wall", "run time", Unit::Nanoseconds, &time(|run| run.wall)),
        row("cpu", "  of processors", Unit::Nanoseconds, &time(|run| run.cpu)),
        row("recorded", "  with recording", Unit::Nanoseconds, &|one| {
            one.measured.recorded.map(|run| nanos(run.wall)).into_iter().collect()
        }),
        row("rss", "peak resident", Unit::Bytes, &rss),
        row("heap", "heap at peak", Unit::Bytes, &of_totals(|totals| totals.peak_bytes)),
        row("total", "heap in total", Unit::Bytes, &of_totals(|totals| totals.total_bytes)),
        row("blocks", "  in blocks", Unit::Count, &of_totals(|totals| totals.total_blocks)),
        row("end", "heap at the end", Unit::Bytes, &of_totals(|totals| totals.end_bytes)),
        row("retained", "resident then", Unit::Bytes, &of_dump(|dump| dump.memory.rss_bytes)),
        row("stack", "deepest stack", Unit::Bytes, &of_dump(deepest)),
    ];
    rows.extend(operations(compared));
    let settings = settings_of(compared, project, profiles);
    let of = |key: &str| settings.iter().find(|(name, _)| *name == key);
    if let (Some((_, levels)), Some((_, assertions))) = (of("opt-level"), of("debug-assertions")) {
        for (build, one) in compared.iter().enumerate() {
            if levels[build] != "0" && assertions[build] == "true" {
                caveats
                    .push(format!("`{}` is optimised and has debug assertions on", one.built.variant.name));
            }
        }
    }
    let mut table = Table {
        builds: compared.iter().map(|one| one.built.variant.name.clone()).collect(),
        rows,
        settings,
        runs,
        caveats,
        failed: compared.iter().map(|one| one.measured.failure.is_some()).collect(),
    };
    for one in compared.iter().filter(|one| one.profile.is_some() && !one.built.has_lines) {
        let name = &one.built.variant.name;
        table.caveats.push(format!("`{name}` has no line tables: its sites have no lines"));
    }
    if !table.is_same_work() {
        let advice = "a load that is bounded by time is better bounded by count";
        table.caveats.push(format!(
            "the builds did not allocate the same in all, so they may not have done the same work: {advice}"
        ));
    }
    let values = table.row("wall").into_iter().flat_map(|row| row.values.iter().flatten());
    let spread = values.map(|value| value.spread()).fold(0.0, f64::max);
    if spread > NOISY {
        table
            .caveats
            .push(format!("run times vary by up to {:.0}%: more --runs make medians surer", spread * 100.0));
    }
    table
}

/// What each operation took in the runs that only counted: those first that took most time together.
fn operations(compared: &[Compared]) -> Vec<Row> {
    let mut took: Vec<(&str, u64)> = Vec::new();
    let runs = compared.iter().flat_map(|one| &one.measured.operations);
    for operation in runs.flatten().filter(|operation| operation.started > 0) {
        match took.iter_mut().find(|(name, _)| *name == operation.name) {
            Some((_, ns)) => *ns = ns.saturating_add(operation.duration_ns),
            None => took.push((&operation.name, operation.duration_ns)),
        }
    }
    took.sort_by_key(|(_, ns)| Reverse(*ns));
    let row = |operation: &str, key, name: &str, unit, of: &dyn Fn(&Operation) -> Option<u64>| {
        let value = |one: &Compared| {
            let named = one.measured.operations.iter().flatten().filter(|done| done.name == operation);
            named.filter_map(of).collect()
        };
        let row = Row::of_runs(key, name, unit, compared.iter().map(value).collect());
        Row { operation: Some(operation.to_owned()), ..row }
    };
    let mut rows = Vec::new();
    for (operation, _) in took {
        let rate = |done: &Operation| per_second(done).map(|rate| (rate * 1000.0).round() as u64);
        rows.push(row(operation, "throughput", "a second", Unit::PerThousandSeconds, &rate));
        for (key, of) in TIMES {
            rows.push(row(operation, key, key, Unit::Nanoseconds, &|done| latency(done).as_ref().map(of)));
        }
    }
    rows
}

type OfLatency = fn(&Latency) -> u64;

/// What of an operation's times.
const TIMES: [(&str, OfLatency); 5] = [
    ("p50", |latency| latency.p50_ns),
    ("p90", |latency| latency.p90_ns),
    ("p99", |latency| latency.p99_ns),
    ("p99.9", |latency| latency.p99_9_ns),
    ("max", |latency| latency.max_ns),
];

/// The settings of each build; none where the project can't be read.
fn settings_of(
    compared: &[Compared],
    project: Option<&Project>,
    profiles: &[String],
) -> Vec<(&'static str, Vec<String>)> {
    let Some(project) = project else { return Vec::new() };
    let value = |key: &str, one: &Compared| {
        let variant = &one.built.variant;
        let of_command = variant
            .settings
            .iter()
            .rev()
            .find_map(|setting| setting.value_of(key, &variant.profile, profiles).map(str::to_owned));
        of_command.unwrap_or_else(|| settings::setting(project, &variant.profile, key).value)
    };
    SETTINGS.iter().map(|key| (*key, compared.iter().map(|one| value(key, one)).collect())).collect()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

//! The figures of builds, as the table has them.

use super::one_build::Compared;
use crate::analyse::compared::{Row, Table, Unit, Value};
use crate::analyse::doctor::settings;
use crate::commands::watch::Ended;
use crate::project::Project;
use crate::project::binary::Binary;
use alloc_probe_format::dump::Dump;
use std::time::Duration;

/// What `--columns` and `--sort` take, in the order of the table.
pub(super) const KEYS: [&str; 18] = [
    "build", "file", "stripped", "code", "text", "data", "debug", "startup", "wall", "cpu", "recorded",
    "rss", "heap", "total", "blocks", "end", "retained", "stack",
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
    let row = |key, name, unit, of: &dyn Fn(&Compared) -> Option<Value>| Row {
        key,
        name,
        unit,
        values: compared.iter().map(of).collect(),
    };
    let size = |of: fn(&Binary) -> u64| move |one: &Compared| Some(Value::exact(of(&one.built.binary)));
    let time = |of: fn(&Ended) -> Duration| {
        move |one: &Compared| Value::of_runs(one.runs.iter().map(|run| nanos(of(run))).collect())
    };
    let of_dump = |of: fn(&Dump) -> u64| {
        move |one: &Compared| one.profile.as_ref().map(|profile| Value::exact(of(&profile.dump)))
    };
    let rss = |one: &Compared| {
        let seen: Vec<u64> = one.runs.iter().map(|run| run.peak_rss_bytes).collect();
        match seen.iter().all(|bytes| *bytes > one.rss_floor_bytes) {
            true => Value::of_runs(seen),
            false => (one.counted_rss_bytes > 0).then(|| Value::exact(one.counted_rss_bytes)),
        }
    };
    let deepest = |dump: &Dump| dump.threads.iter().map(|thread| thread.stack_bytes).max().unwrap_or(0);
    let rows = vec![
        row("build", "build time", Unit::Nanoseconds, &|one| {
            one.built.build_time.map(nanos).map(Value::exact)
        }),
        row("file", "program file", Unit::Bytes, &size(|binary| binary.file_bytes)),
        row("stripped", "  stripped", Unit::Bytes, &size(|binary| binary.stripped_bytes)),
        row("code", "  machine code", Unit::Bytes, &size(|binary| binary.code_bytes)),
        row("text", "  text", Unit::Bytes, &size(|binary| binary.text_bytes)),
        row("data", "  data", Unit::Bytes, &size(|binary| binary.data_bytes)),
        row("debug", "  debug info", Unit::Bytes, &size(|binary| binary.debug_bytes)),
        row("startup", "start-up", Unit::Nanoseconds, &|one| {
            let ready: Vec<u64> = one.runs.iter().filter_map(|run| run.ready).map(nanos).collect();
            Value::of_runs(if ready.is_empty() { one.startups.clone() } else { ready })
        }),
        row("wall", "run time", Unit::Nanoseconds, &time(|run| run.wall)),
        row("cpu", "  of processors", Unit::Nanoseconds, &time(|run| run.cpu)),
        row("recorded", "  with recording", Unit::Nanoseconds, &|one| {
            one.recorded.map(|run| Value::exact(nanos(run.wall)))
        }),
        row("rss", "peak resident", Unit::Bytes, &rss),
        row("heap", "heap at peak", Unit::Bytes, &of_dump(|dump| dump.totals.peak_bytes)),
        row("total", "heap in total", Unit::Bytes, &of_dump(|dump| dump.totals.total_bytes)),
        row("blocks", "  in blocks", Unit::Count, &of_dump(|dump| dump.totals.total_blocks)),
        row("end", "heap at the end", Unit::Bytes, &of_dump(|dump| dump.totals.end_bytes)),
        row("retained", "resident then", Unit::Bytes, &of_dump(|dump| dump.memory.rss_bytes)),
        row("stack", "deepest stack", Unit::Bytes, &of_dump(deepest)),
    ];
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
    };
    let values = table.row("wall").into_iter().flat_map(|row| row.values.iter().flatten());
    let spread = values.map(|value| value.spread()).fold(0.0, f64::max);
    if spread > NOISY {
        table
            .caveats
            .push(format!("run times vary by up to {:.0}%: more --runs make medians surer", spread * 100.0));
    }
    table
}

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

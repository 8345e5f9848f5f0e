//! `compare --json`.

use crate::analyse::compared::{Table, Unit, recommend};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

/// The version of this output, which has nothing in common with dumps.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct CompareOf<'a> {
    schema_version: u32,
    runs: u32,
    variants: Vec<VariantOf<'a>>,
    caveats: &'a [String],
    recommendations: Vec<String>,
}

#[derive(Serialize)]
struct VariantOf<'a> {
    name: &'a str,
    settings: BTreeMap<&'a str, &'a str>,
    figures: BTreeMap<&'a str, FigureOf>,
    files: &'a [PathBuf],
}

#[derive(Serialize)]
struct FigureOf {
    unit: &'static str,
    median: u64,
    low: u64,
    high: u64,
    /// Whether the difference to the first variant is within the noise of the runs.
    noise: bool,
}

/// Writes the table, with the files that each build left.
///
/// # Errors
///
/// Those of `out`.
pub fn write(table: &Table, files: &[Vec<PathBuf>], out: &mut dyn Write) -> io::Result<()> {
    let variants = table.builds.iter().enumerate().map(|(build, name)| VariantOf {
        name,
        settings: table.settings.iter().map(|(key, values)| (*key, values[build].as_str())).collect(),
        figures: table
            .rows
            .iter()
            .filter_map(|row| {
                let value = row.values[build]?;
                let unit = match row.unit {
                    Unit::Bytes => "bytes",
                    Unit::Nanoseconds => "ns",
                    Unit::Count => "count",
                };
                let noise = row.values[0].is_some_and(|base| value.is_noise(base));
                let figure = FigureOf { unit, median: value.figure, low: value.low, high: value.high, noise };
                Some((row.key, figure))
            })
            .collect(),
        files: files.get(build).map_or(&[], Vec::as_slice),
    });
    let whole = CompareOf {
        schema_version: SCHEMA_VERSION,
        runs: table.runs,
        variants: variants.collect(),
        caveats: &table.caveats,
        recommendations: recommend(table),
    };
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}

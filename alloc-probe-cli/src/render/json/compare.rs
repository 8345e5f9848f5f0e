//! `compare --json`.

use crate::analyse::compared::{Row, Table, Unit, recommend};
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
    /// Whether its program failed.
    failed: bool,
    settings: BTreeMap<&'a str, &'a str>,
    figures: BTreeMap<&'a str, FigureOf>,
    operations: BTreeMap<&'a str, BTreeMap<&'a str, FigureOf>>,
    files: &'a [PathBuf],
}

#[derive(Serialize)]
struct FigureOf {
    unit: &'static str,
    median: Number,
    low: Number,
    high: Number,
    /// Whether the difference to the first variant is within the noise of the runs.
    noise: bool,
}

/// A figure: what has a unit is whole, and a rate is not.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Rate(f64),
}

impl FigureOf {
    fn new(table: &Table, row: &Row, build: usize) -> Option<FigureOf> {
        let value = row.values[build]?;
        let unit = match row.unit {
            Unit::Bytes => "bytes",
            Unit::Nanoseconds => "ns",
            Unit::Count => "count",
            Unit::PerThousandSeconds => "per_second",
        };
        let number = |figure: u64| match row.unit {
            Unit::PerThousandSeconds => Number::Rate(figure as f64 / 1000.0),
            Unit::Bytes | Unit::Nanoseconds | Unit::Count => Number::Whole(figure),
        };
        let noise = table.pair(row, build).is_some() && row.is_noise(0, build);
        let [median, low, high] = [value.figure, value.low, value.high].map(number);
        Some(FigureOf { unit, median, low, high, noise })
    }
}

/// Writes the table, with the files that each build left.
///
/// # Errors
///
/// Those of `out`.
pub fn write(table: &Table, files: &[Vec<PathBuf>], out: &mut dyn Write) -> io::Result<()> {
    let variants = table.builds.iter().enumerate().map(|(build, name)| {
        let (mut figures, mut operations) = (BTreeMap::new(), BTreeMap::new());
        for row in &table.rows {
            let Some(figure) = FigureOf::new(table, row, build) else { continue };
            match &row.operation {
                Some(name) => {
                    operations.entry(name.as_str()).or_insert_with(BTreeMap::new).insert(row.key, figure)
                }
                None => figures.insert(row.key, figure),
            };
        }
        VariantOf {
            name,
            failed: table.has_failed(build),
            settings: table.settings.iter().map(|(key, values)| (*key, values[build].as_str())).collect(),
            figures,
            operations,
            files: files.get(build).map_or(&[], Vec::as_slice),
        }
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

//! Several builds of a program side by side: as a table for people, and for Markdown.

use super::diff::change::Change;
use crate::analyse::compared::{Row, Table, Unit, Value, recommend};
use crate::term::{style, text};
use crate::units;
use std::io::{self, Write};

/// What is shown of a table.
#[derive(Clone, Debug, Default)]
pub struct Shown<'a> {
    /// The figures, by their keys; none for all.
    pub columns: Option<&'a [String]>,
    /// The figure that orders the builds.
    pub sort: Option<&'a str>,
}

/// Columns of a row's name, of a figure, and of what it is to the first build's.
const NAME: usize = 17;
const FIGURE: usize = 13;
const PERCENT: usize = 8;

/// As many builds stand beside each other; more stand below each other.
const BESIDE: usize = 3;

/// What many builds show where nobody chose.
const OF_MANY: [&str; 5] = ["stripped", "wall", "cpu", "rss", "heap"];

/// What a few builds show.
const OF_FEW: [&str; 11] =
    ["build", "file", "stripped", "code", "startup", "wall", "cpu", "rss", "heap", "total", "blocks"];

/// Writes the table, how its times were measured, and what the figures recommend.
///
/// # Errors
///
/// Those of `out`.
pub fn write(table: &Table, shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
    let faint = style::FAINT;
    let rows = rows(table, shown);
    let order = shown.sort.map_or_else(|| (0..table.builds.len()).collect(), |key| table.order(key));
    if table.builds.len() <= BESIDE {
        beside(table, &rows, &order, out)?;
    } else {
        below(table, &rows, &order, out)?;
    }
    let times =
        if table.runs == 1 { "one run".to_owned() } else { format!("the median of {} runs", table.runs) };
    writeln!(out, "{faint}Times and peak resident: {times} without recording.{faint:#}")?;
    if table.row("heap").is_some_and(Row::is_known) {
        writeln!(out, "{faint}Heap: of a run with full recording.{faint:#}")?;
    }
    let noise = has_noise(&rows);
    if noise {
        writeln!(out, "{faint}none: no difference beyond the noise of the runs.{faint:#}")?;
    }
    for caveat in &table.caveats {
        writeln!(out, "{}note:{:#} {}", style::HINT, style::HINT, text::printable(caveat))?;
    }
    if table.builds.len() > BESIDE {
        writeln!(out)?;
        for sentence in recommend(table) {
            writeln!(out, "{}", text::printable(&sentence))?;
        }
    }
    Ok(())
}

/// The rows that are shown: those that somebody asked for, else those of which anything is known.
fn rows<'a>(table: &'a Table, shown: &Shown<'_>) -> Vec<&'a Row> {
    match shown.columns {
        Some(columns) => columns.iter().filter_map(|key| table.row(key)).collect(),
        None => {
            let keys = if table.builds.len() > BESIDE { &OF_MANY[..] } else { &OF_FEW[..] };
            keys.iter().filter_map(|key| table.row(key)).filter(|row| row.is_known()).collect()
        }
    }
}

/// A row for each figure.
fn beside(table: &Table, rows: &[&Row], order: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let strong = style::STRONG;
    write!(out, "{:NAME$}", "")?;
    for (index, build) in order.iter().enumerate() {
        let gap = if index > 1 { PERCENT } else { 0 };
        write!(
            out,
            "{:gap$}{strong}{:>FIGURE$}{strong:#}",
            "",
            text::cut_end(&table.builds[*build], FIGURE - 1)
        )?;
    }
    writeln!(out)?;
    for (name, values) in
        table.settings.iter().filter(|(_, values)| values.iter().any(|one| *one != values[0]))
    {
        write!(out, "{name:NAME$}")?;
        for (index, build) in order.iter().enumerate() {
            let gap = if index > 1 { PERCENT } else { 0 };
            write!(out, "{:gap$}{:>FIGURE$}", "", text::cut_end(&values[*build], FIGURE - 1))?;
        }
        writeln!(out)?;
    }
    for row in rows {
        write!(out, "{:NAME$}", row.name)?;
        for (index, build) in order.iter().enumerate() {
            write!(out, "{:>FIGURE$}", row.text(*build))?;
            let (look, percent) = change(row, *build);
            if index > 0 && !(percent.is_empty() && index + 1 == order.len()) {
                write!(out, "{look}{percent:>PERCENT$}{look:#}")?;
            }
        }
        writeln!(out)?;
        let spreads: Vec<f64> =
            order.iter().filter_map(|build| row.values[*build]).map(Value::spread).collect();
        if row.key == "wall" && spreads.iter().any(|spread| *spread > 0.0) && spreads.len() == order.len() {
            write!(out, "{:NAME$}", "  spread")?;
            for (index, spread) in spreads.iter().enumerate() {
                let gap = if index > 1 { PERCENT } else { 0 };
                write!(out, "{:gap$}{:>FIGURE$}", "", format!("±{:.1}%", spread * 100.0))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// A row for each build.
fn below(table: &Table, rows: &[&Row], order: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let (strong, faint) = (style::STRONG, style::FAINT);
    let name = table.builds.iter().map(|build| text::width(build)).max().unwrap_or(0) + 1;
    write!(out, "{:name$}", "")?;
    for (column, row) in rows.iter().enumerate() {
        let gap = if column > 0 { PERCENT } else { 0 };
        write!(out, "{:gap$}{strong}{:>FIGURE$}{strong:#}", "", row.name.trim())?;
    }
    writeln!(out)?;
    for build in order {
        write!(out, "{:name$}", table.builds[*build])?;
        for (column, row) in rows.iter().enumerate() {
            let (look, percent) = change(row, *build);
            let beside = format!("{percent}{}", mark(row, *build));
            write!(out, "{:>FIGURE$}", row.text(*build))?;
            if column + 1 < rows.len() || !beside.trim().is_empty() {
                write!(out, "{look}{beside:>PERCENT$}{look:#}")?;
            }
        }
        writeln!(out)?;
    }
    if rows.iter().any(|row| row.least().is_some()) {
        writeln!(out, "{faint}Percents: to `{}`. *: the least. !: the most.{faint:#}", table.builds[0])?;
    }
    Ok(())
}

/// What a build's figure is to the first build's.
fn change(row: &Row, build: usize) -> (anstyle::Style, String) {
    match (row.values[0], row.values[build]) {
        (Some(base), Some(value)) if build > 0 => {
            let change = Change::of((base.figure, value.figure), row.unit == Unit::Bytes);
            match value.is_noise(base) {
                true => (style::FAINT, "none".to_owned()),
                false => (change.style(), change.percent()),
            }
        }
        _ => (style::PLAIN, String::new()),
    }
}

fn has_noise(rows: &[&Row]) -> bool {
    rows.iter().any(|row| (1..row.values.len()).any(|build| change(row, build).1 == "none"))
}

/// Whether a build has the least of a figure, or the most.
fn mark(row: &Row, build: usize) -> &'static str {
    match build {
        _ if row.least() == Some(build) => "*",
        _ if row.most() == Some(build) => "!",
        _ => " ",
    }
}

impl Row {
    /// Whether it is known of any build.
    fn is_known(&self) -> bool {
        self.values.iter().flatten().any(|value| value.figure > 0)
    }

    fn text(&self, build: usize) -> String {
        let Some(value) = self.values[build] else { return "unknown".to_owned() };
        match self.unit {
            Unit::Bytes => units::bytes(value.figure),
            Unit::Nanoseconds => units::duration(value.figure),
            Unit::Count => units::count(value.figure),
        }
    }
}

/// Writes the table as Markdown, with a row for each build.
///
/// # Errors
///
/// Those of `out`.
pub fn markdown(table: &Table, shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(table, shown);
    let order = shown.sort.map_or_else(|| (0..table.builds.len()).collect(), |key| table.order(key));
    let names: Vec<&str> = rows.iter().map(|row| row.name.trim()).collect();
    writeln!(out, "| | {} |", names.join(" | "))?;
    writeln!(out, "|---|{}", "---:|".repeat(rows.len()))?;
    for build in order {
        let cells = rows.iter().map(|row| {
            let percent = change(row, build).1;
            let percent = if percent.is_empty() { percent } else { format!(" ({percent})") };
            let cell = format!("{}{percent}", row.text(build));
            if row.least() == Some(build) { format!("**{cell}**") } else { cell }
        });
        writeln!(out, "| `{}` | {} |", table.builds[build], cells.collect::<Vec<_>>().join(" | "))?;
    }
    writeln!(out)?;
    let notes = recommend(table).into_iter().filter(|_| table.builds.len() > BESIDE);
    for note in table.caveats.iter().cloned().chain(notes) {
        writeln!(out, "- {note}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &'static str, name: &'static str, unit: Unit, figures: &[u64]) -> Row {
        Row { key, name, unit, values: figures.iter().map(|figure| Some(Value::exact(*figure))).collect() }
    }

    fn written(table: &Table, shown: &Shown<'_>) -> String {
        let mut text = anstream::StripStream::new(Vec::new());
        write(table, shown, &mut text).unwrap();
        String::from_utf8(text.into_inner()).unwrap()
    }

    #[test]
    fn each_of_a_few_builds_has_its_column() {
        let mut table = Table {
            builds: ["debug", "release", "fast"].map(str::to_owned).to_vec(),
            rows: vec![
                row("file", "program file", Unit::Bytes, &[4096, 1024, 4096]),
                row("wall", "run time", Unit::Nanoseconds, &[2_000_000, 1_000_000, 3_000_000]),
                row("blocks", "unknown", Unit::Count, &[0, 0, 0]),
            ],
            settings: vec![
                ("lto", ["false", "false", "fat"].map(str::to_owned).to_vec()),
                ("panic", ["unwind", "unwind", "unwind"].map(str::to_owned).to_vec()),
            ],
            runs: 3,
            caveats: Vec::new(),
        };
        let text = written(&table, &Shown::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "                         debug      release                 fast",
                "lto                      false        false                  fat",
                "program file           4.0 KiB      1.0 KiB    −75%      4.0 KiB",
                "run time                2.0 ms       1.0 ms    −50%       3.0 ms    +50%",
            ]
        );
        assert!(lines[4].starts_with("Times and peak resident: the median of 3 runs"));
        // Where the runs of both overlap, there is no difference.
        table.rows[1].values[0] = Some(Value { figure: 2_000_000, low: 1_000_000, high: 2_500_000 });
        let text = written(&table, &Shown::default());
        assert!(
            text.contains("run time                2.0 ms       1.0 ms    none       3.0 ms    +50%\n"),
            "{text}"
        );
        assert!(
            text.contains("  spread                ±50.0%        ±0.0%                ±0.0%\n"),
            "{text}"
        );
        let columns = ["wall".to_owned()];
        let text = written(&table, &Shown { columns: Some(&columns), sort: Some("file") });
        assert!(text.starts_with("                       release"), "{text}");
        assert!(!text.contains("program file"), "{text}");
    }

    #[test]
    fn many_builds_have_a_row_each() {
        let table = Table {
            builds: ["base", "b", "c", "d"].map(str::to_owned).to_vec(),
            rows: vec![
                row("wall", "run time", Unit::Nanoseconds, &[2_000_000, 1_000_000, 2_000_000, 4_000_000]),
                row("rss", "peak resident", Unit::Bytes, &[4096, 4096, 4096, 4096]),
            ],
            runs: 1,
            ..Table::default()
        };
        let text = written(&table, &Shown { columns: None, sort: Some("wall") });
        assert_eq!(
            text.lines().take(6).collect::<Vec<_>>(),
            [
                "          run time        peak resident",
                "b           1.0 ms   −50%*      4.0 KiB",
                "base        2.0 ms              4.0 KiB",
                "c           2.0 ms              4.0 KiB",
                "d           4.0 ms  +100%!      4.0 KiB",
                "Percents: to `base`. *: the least. !: the most.",
            ]
        );
        assert!(
            text.contains("least run time: `b`, 50% less than `base`; it costs nothing that was measured\n"),
            "{text}"
        );
        let mut markdown = Vec::new();
        super::markdown(&table, &Shown::default(), &mut markdown).unwrap();
        let text = String::from_utf8(markdown).unwrap();
        assert!(
            text.starts_with(
                "| | run time | peak resident |\n|---|---:|---:|\n| `base` | 2.0 ms | 4.0 KiB |\n\
                              | `b` | **1.0 ms (−50%)** | 4.0 KiB |\n"
            ),
            "{text}"
        );
    }
}

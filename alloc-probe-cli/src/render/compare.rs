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
const MOST_NAME: usize = 30;
const FIGURE: usize = 13;
const PERCENT: usize = 8;

/// As many builds stand beside each other; more stand below each other.
const BESIDE: usize = 3;

/// What many builds show where nobody chose: of a program that names its operations, the first of them.
const OF_MANY: [&str; 5] = ["stripped", "wall", "cpu", "rss", "heap"];
const OF_MANY_WITH_OPERATIONS: [&str; 5] = ["stripped", "cpu", "rss", "throughput", "p99"];

/// What a few builds show, and of each of their first operations.
const OF_FEW: [&str; 11] =
    ["build", "file", "stripped", "code", "startup", "wall", "cpu", "rss", "heap", "total", "blocks"];
const OF_OPERATIONS: [&str; 3] = ["throughput", "p50", "p99"];
const OPERATIONS: usize = 3;

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
    if table.row("heap").is_some_and(Row::is_any_known) {
        writeln!(out, "{faint}Heap: medians of runs that count or record.{faint:#}")?;
    }
    if rows.iter().any(|row| row.operation.is_some()) {
        writeln!(out, "{faint}Operations: medians of runs that only count.{faint:#}")?;
    }
    let noise = has_noise(table, &rows);
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
    let of = |key: &str| table.rows.iter().filter(move |row| row.key == key).collect::<Vec<_>>();
    if let Some(columns) = shown.columns {
        return columns.iter().flat_map(|key| of(key)).collect();
    }
    let is_of_many = table.builds.len() > BESIDE;
    let has_operations = table.row("throughput").is_some_and(Row::is_any_known);
    let keys = match (is_of_many, has_operations) {
        (true, true) => &OF_MANY_WITH_OPERATIONS[..],
        (true, false) => &OF_MANY[..],
        (false, _) => &OF_FEW[..],
    };
    let mut rows: Vec<&Row> =
        keys.iter().filter_map(|key| table.row(key)).filter(|row| row.is_any_known()).collect();
    if !is_of_many {
        let first = of("throughput").into_iter().filter_map(|row| row.operation.as_ref()).take(OPERATIONS);
        for name in first {
            let named = table.rows.iter().filter(|row| row.operation.as_ref() == Some(name));
            rows.extend(named.filter(|row| OF_OPERATIONS.contains(&row.key) && row.is_any_known()));
        }
    }
    rows
}

/// A row for each figure.
fn beside(table: &Table, rows: &[&Row], order: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let strong = style::STRONG;
    let names: Vec<String> =
        named(rows).into_iter().map(|name| text::cut_end(&name, MOST_NAME - 1)).collect();
    let width = names.iter().map(|name| text::width(name) + 1).max().unwrap_or(0).max(NAME);
    write!(out, "{:width$}", "")?;
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
        write!(out, "{name:width$}")?;
        for (index, build) in order.iter().enumerate() {
            let gap = if index > 1 { PERCENT } else { 0 };
            write!(out, "{:gap$}{:>FIGURE$}", "", text::cut_end(&values[*build], FIGURE - 1))?;
        }
        writeln!(out)?;
    }
    for (row, name) in rows.iter().zip(names) {
        write!(out, "{name}{:gap$}", "", gap = width - text::width(&name))?;
        for (index, build) in order.iter().enumerate() {
            write!(out, "{:>FIGURE$}", value_text(row, *build))?;
            let (look, percent) = change(table, row, *build);
            if index > 0 && !(percent.is_empty() && index + 1 == order.len()) {
                write!(out, "{look}{percent:>PERCENT$}{look:#}")?;
            }
        }
        writeln!(out)?;
        let spreads: Vec<f64> =
            order.iter().filter_map(|build| row.values[*build]).map(Value::spread).collect();
        if row.key == "wall" && spreads.iter().any(|spread| *spread > 0.0) && spreads.len() == order.len() {
            write!(out, "{:width$}", "  spread")?;
            for (index, spread) in spreads.iter().enumerate() {
                let gap = if index > 1 { PERCENT } else { 0 };
                write!(out, "{:gap$}{:>FIGURE$}", "", format!("±{:.1}%", spread * 100.0))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// The names of rows that stand below each other: those of an operation say its name once.
fn named(rows: &[&Row]) -> Vec<String> {
    let mut last = None;
    let mut names = Vec::new();
    for row in rows {
        names.push(match &row.operation {
            Some(name) if last == Some(name) => format!("  {}", row.name),
            Some(_) => title(row),
            None => row.name.clone(),
        });
        last = row.operation.as_ref();
    }
    names
}

/// A row for each build.
fn below(table: &Table, rows: &[&Row], order: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let (strong, faint) = (style::STRONG, style::FAINT);
    let name = table.builds.iter().map(|build| text::width(build)).max().unwrap_or(0) + 1;
    let titles: Vec<String> = rows.iter().map(|row| text::cut_end(&title(row), MOST_NAME - 1)).collect();
    // A title may be wider than its figures.
    let widths: Vec<usize> = titles.iter().map(|title| text::width(title).max(FIGURE)).collect();
    write!(out, "{:name$}", "")?;
    for (column, (title, width)) in titles.iter().zip(&widths).enumerate() {
        let gap = if column > 0 { PERCENT } else { 0 };
        write!(out, "{:gap$}{strong}{title:>width$}{strong:#}", "")?;
    }
    writeln!(out)?;
    let marks: Vec<Option<(usize, usize)>> = rows.iter().map(|row| row.best_and_worst(table)).collect();
    for build in order {
        write!(out, "{:name$}", table.builds[*build])?;
        for (column, (row, width)) in rows.iter().zip(&widths).enumerate() {
            let (look, percent) = change(table, row, *build);
            let beside = format!("{percent}{}", mark(marks[column], *build));
            write!(out, "{:>width$}", value_text(row, *build))?;
            if column + 1 < rows.len() || !beside.trim().is_empty() {
                write!(out, "{look}{beside:>PERCENT$}{look:#}")?;
            }
        }
        writeln!(out)?;
    }
    if marks.iter().any(Option::is_some) {
        writeln!(out, "{faint}Percents: to `{}`. *: the best. !: the worst.{faint:#}", table.builds[0])?;
    }
    Ok(())
}

/// What a build's figure is to the first build's.
fn change(table: &Table, row: &Row, build: usize) -> (anstyle::Style, String) {
    let Some((base, value)) = table.pair(row, build) else { return (style::PLAIN, String::new()) };
    if row.is_noise(0, build) {
        return (style::FAINT, "none".to_owned());
    }
    let change = Change::of((base.figure, value.figure), row.unit == Unit::Bytes);
    // Colours tell more from less, and here more is better.
    let look = if row.unit == Unit::PerThousandSeconds { style::PLAIN } else { change.style() };
    (look, change.percent())
}

fn has_noise(table: &Table, rows: &[&Row]) -> bool {
    rows.iter().any(|row| (1..row.values.len()).any(|build| change(table, row, build).1 == "none"))
}

/// Whether a build has the best of a figure, or the worst.
fn mark(best_and_worst: Option<(usize, usize)>, build: usize) -> &'static str {
    match best_and_worst {
        Some((best, _)) if best == build => "*",
        Some((_, worst)) if worst == build => "!",
        _ => " ",
    }
}

impl Row {
    /// Whether it is known of any build.
    pub(super) fn is_any_known(&self) -> bool {
        self.values.iter().flatten().any(|value| value.figure > 0)
    }
}

/// What a row is, where nothing stands above that says so.
pub(super) fn title(row: &Row) -> String {
    match &row.operation {
        Some(name) => format!("{name} {}", row.name),
        None => row.name.trim().to_owned(),
    }
}

/// A build's figure.
pub(super) fn value_text(row: &Row, build: usize) -> String {
    let Some(value) = row.values[build] else { return "unknown".to_owned() };
    match row.unit {
        Unit::Bytes => units::bytes(value.figure),
        Unit::Nanoseconds => units::duration(value.figure),
        Unit::Count => units::count(value.figure),
        Unit::PerThousandSeconds => units::rate(value.figure as f64 / 1000.0),
    }
}

/// What a build's figure is to the first build's, in percent; `none` within noise, and nothing where nobody can tell.
pub(super) fn change_text(table: &Table, row: &Row, build: usize) -> String {
    change(table, row, build).1
}

/// Writes the table as Markdown, with a row for each build.
///
/// # Errors
///
/// Those of `out`.
pub fn markdown(table: &Table, shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(table, shown);
    let order = shown.sort.map_or_else(|| (0..table.builds.len()).collect(), |key| table.order(key));
    let names: Vec<String> = rows.iter().map(|row| title(row)).collect();
    writeln!(out, "| | {} |", names.join(" | "))?;
    writeln!(out, "|---|{}", "---:|".repeat(rows.len()))?;
    for build in order {
        let cells = rows.iter().map(|row| {
            let percent = change(table, row, build).1;
            let percent = if percent.is_empty() { percent } else { format!(" ({percent})") };
            let cell = format!("{}{percent}", value_text(row, build));
            let is_best = row.best_and_worst(table).is_some_and(|(best, _)| best == build);
            if is_best { format!("**{cell}**") } else { cell }
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
        let values = figures.iter().map(|figure| Some(Value::exact(*figure))).collect();
        Row { key, name: name.to_owned(), operation: None, unit, values, runs: Vec::new() }
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
            ..Table::default()
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
    fn operations_stand_below_each_other() {
        let named = |key: &'static str, name: &'static str, unit, of: &str, figures: &[u64]| Row {
            operation: Some(of.to_owned()),
            ..row(key, name, unit, figures)
        };
        let times = |of, figures: &[u64]| named("p99", "p99", Unit::Nanoseconds, of, figures);
        let rates =
            |of, figures: &[u64]| named("throughput", "a second", Unit::PerThousandSeconds, of, figures);
        let mut table = Table {
            builds: ["debug", "release"].map(str::to_owned).to_vec(),
            rows: vec![
                rates("create_order", &[2_000_000, 4_000_000]),
                times("create_order", &[2_000_000, 1_000_000]),
                rates("report", &[1_500, 250]),
                times("report", &[2_000_000, 1_000_000]),
            ],
            runs: 1,
            ..Table::default()
        };
        let text = written(&table, &Shown::default());
        assert_eq!(
            text.lines().take(5).collect::<Vec<_>>(),
            [
                "                              debug      release",
                "create_order a second         2,000        4,000   +100%",
                "  p99                        2.0 ms       1.0 ms    −50%",
                "report a second                 1.5         0.25    −83%",
                "  p99                        2.0 ms       1.0 ms    −50%",
            ]
        );
        assert!(text.contains("Operations: medians of runs that only count."), "{text}");
        // Nothing is held against a program that failed.
        table.failed = vec![true, false];
        let text = written(&table, &Shown::default());
        assert!(text.contains("create_order a second         2,000        4,000\n"), "{text}");
        let columns = ["p99".to_owned()];
        let mut markdown = Vec::new();
        super::markdown(&table, &Shown { columns: Some(&columns), sort: None }, &mut markdown).unwrap();
        let text = String::from_utf8(markdown).unwrap();
        assert!(text.starts_with("| | create_order p99 | report p99 |\n"), "{text}");
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
                "Percents: to `base`. *: the best. !: the worst.",
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

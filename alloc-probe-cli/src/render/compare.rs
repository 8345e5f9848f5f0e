//! Several builds of a program side by side, as a table.

use super::diff::change::Change;
use crate::term::{style, text};
use crate::units;
use std::io::{self, Write};

/// A figure of every build.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// One for each build.
    pub figures: Vec<u64>,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Time.
    Nanoseconds,
    /// Anything else.
    Count,
}

/// Columns of a row's name, of a figure, and of what it is to the first build's.
const NAME: usize = 17;
const FIGURE: usize = 13;
const PERCENT: usize = 8;

/// Writes the table, and how its times were measured.
///
/// # Errors
///
/// Those of `out`.
pub fn write(builds: &[&str], rows: &[Row], runs: u32, out: &mut dyn Write) -> io::Result<()> {
    let (strong, faint) = (style::STRONG, style::FAINT);
    write!(out, "{:NAME$}", "")?;
    for (index, build) in builds.iter().enumerate() {
        let gap = if index > 1 { PERCENT } else { 0 };
        write!(out, "{:gap$}{strong}{:>FIGURE$}{strong:#}", "", text::cut_end(build, FIGURE - 1))?;
    }
    writeln!(out)?;
    // A figure of which nothing is known, such as the time of no run, is no zero.
    for row in rows.iter().filter(|row| row.figures.iter().any(|figure| *figure > 0)) {
        write!(out, "{:NAME$}", row.name)?;
        for (index, figure) in row.figures.iter().enumerate() {
            write!(out, "{:>FIGURE$}", row.unit.text(*figure))?;
            let change = Change::of((row.figures[0], *figure), row.unit == Unit::Bytes);
            let (look, percent) = (change.style(), change.percent());
            if index > 0 && !(percent.is_empty() && index + 1 == row.figures.len()) {
                write!(out, "{look}{percent:>PERCENT$}{look:#}")?;
            }
        }
        writeln!(out)?;
    }
    let times = if runs == 1 { "one run".to_owned() } else { format!("the median of {runs} runs") };
    writeln!(
        out,
        "{faint}Times: {times} without recording. Peak resident: of a run that only counts.{faint:#}"
    )?;
    writeln!(out, "{faint}Heap: of a run with full recording.{faint:#}")
}

impl Unit {
    fn text(self, figure: u64) -> String {
        match self {
            Unit::Bytes => units::bytes(figure),
            Unit::Nanoseconds => units::duration(figure),
            Unit::Count => units::count(figure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_build_has_its_column() {
        let rows = [
            Row { name: "program file", unit: Unit::Bytes, figures: vec![4096, 1024, 4096] },
            Row { name: "run time", unit: Unit::Nanoseconds, figures: vec![2_000_000, 1_000_000, 3_000_000] },
            Row { name: "unknown", unit: Unit::Count, figures: vec![0, 0, 0] },
        ];
        let mut text = anstream::StripStream::new(Vec::new());
        write(&["debug", "release", "fast"], &rows, 3, &mut text).unwrap();
        let text = String::from_utf8(text.into_inner()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "                         debug      release                 fast",
                "program file           4.0 KiB      1.0 KiB    −75%      4.0 KiB",
                "run time                2.0 ms       1.0 ms    −50%       3.0 ms    +50%",
            ]
        );
        assert!(lines[3].starts_with("Times: the median of 3 runs"));
    }
}

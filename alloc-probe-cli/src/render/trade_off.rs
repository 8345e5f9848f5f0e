//! A picture of what builds cost: size, time and memory of each, as bars, in SVG.

use super::compare::{change_text, title, value_text};
use crate::analyse::compared::{Row, Table};
use crate::term::text;
use std::fmt::Write as _;

/// Which figures are drawn: of size, time and memory each the first that is known.
const FIGURES: [&[&str]; 3] = [&["stripped", "file"], &["wall", "cpu"], &["rss", "heap"]];

/// The same of a service, whose run time is the driver's.
const FIGURES_OF_SERVICE: [&[&str]; 3] = [&["stripped", "file"], &["p99", "cpu"], &["rss", "heap"]];

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 16.0;
const GAP: f64 = 20.0;
/// Of a build, of its bar, and above the first.
const ROW: f64 = 24.0;
const BAR: f64 = 16.0;
const TOP: f64 = 72.0;
/// A letter's width, about, and the most of a name.
const LETTER: f64 = 7.3;
const MOST_NAME: usize = 32;
/// Room beside a bar for its figure and its percents.
const TEXT: f64 = 118.0;

/// The picture: a row for each build, in the order of time, and a column of bars for each figure. None where nothing is known
/// that could be drawn.
pub fn picture(table: &Table, program: &str, is_service: bool) -> Option<String> {
    let figures = if is_service { FIGURES_OF_SERVICE } else { FIGURES };
    let known = |keys: &&[&str]| keys.iter().find_map(|key| table.row(key).filter(|row| row.is_any_known()));
    let rows: Vec<&Row> = figures.iter().filter_map(known).collect();
    let by_time = figures[1].iter().copied().find(|key| rows.iter().any(|row| row.key == *key));
    let order = by_time.map_or_else(|| (0..table.builds.len()).collect(), |key| table.order(key));
    if rows.is_empty() {
        return None;
    }
    let names: Vec<String> = order
        .iter()
        .map(|build| {
            let failed = if table.has_failed(*build) { " (failed)" } else { "" };
            format!("{}{failed}", text::cut_end(&table.builds[*build], MOST_NAME))
        })
        .collect();
    let longest = names.iter().map(|name| text::width(name)).max().unwrap_or(0) as f64;
    let left = MARGIN + longest * LETTER + GAP;
    let column = (WIDTH - MARGIN - left) / rows.len() as f64;
    let height = TOP + ROW * order.len() as f64 + 2.0 * MARGIN + 12.0;
    let mut svg = head(height);
    let of = format!("{program}: what {} builds cost", table.builds.len());
    label(&mut svg, (MARGIN, 28.0), "title", &of);
    for (build, name) in names.iter().enumerate() {
        label(&mut svg, (MARGIN, middle(build)), "name", name);
    }
    for (index, row) in rows.iter().enumerate() {
        panel(&mut svg, table, row, &order, (left + column * index as f64, column - GAP - TEXT));
    }
    let foot = format!(
        "Less is better. Dark: the best. Percents: to {}. Lines: from the least of {} to the most. Medians.",
        table.builds[0],
        if table.runs == 1 { "one run".to_owned() } else { format!("{} runs", table.runs) }
    );
    label(&mut svg, (MARGIN, height - MARGIN), "foot", &foot);
    svg += "</svg>\n";
    Some(svg)
}

/// Where the text of a row stands.
fn middle(row: usize) -> f64 {
    TOP + ROW * row as f64 + BAR - 3.5
}

/// The bars of a figure, from `left` on, the longest so wide.
fn panel(svg: &mut String, table: &Table, row: &Row, order: &[usize], (left, width): (f64, f64)) {
    label(svg, (left, TOP - 16.0), "head", &title(row));
    let most = row.values.iter().flatten().map(|value| value.high).max().unwrap_or(0).max(1) as f64;
    let x = |figure: u64| left + width * figure as f64 / most;
    let best = row.best_and_worst(table).map(|(best, _)| best);
    for (place, build) in order.iter().enumerate() {
        let y = TOP + ROW * place as f64;
        let Some(value) = row.values[*build] else {
            label(svg, (left, middle(place)), "foot", "unknown");
            continue;
        };
        let class = match () {
            () if table.has_failed(*build) => "failed",
            () if best == Some(*build) => "best",
            () => "bar",
        };
        let long = (x(value.figure) - left).max(1.0);
        // Writing to a `String` can't fail.
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{long:.1}\" height=\"{BAR}\"/>"
        );
        if value.low < value.high {
            let (low, high, y) = (x(value.low), x(value.high), y + BAR / 2.0);
            let _ = writeln!(svg, "<path class=\"spread\" d=\"M{low:.1} {y:.1}H{high:.1}\"/>");
        }
        let percent = change_text(table, row, *build);
        let text = match percent.as_str() {
            "" => value_text(row, *build),
            percent => format!("{}  {percent}", value_text(row, *build)),
        };
        label(svg, (x(value.high) + 6.0, middle(place)), "figure", &text);
    }
}

fn head(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"ui-monospace, monospace\" font-size=\"12\">\n\
         <style>text{{fill:#222}}.title{{font-size:16px;font-weight:bold}}.head{{font-weight:bold}}.foot{{fill:#666}}\
         .bar{{fill:#9db8d6}}.best{{fill:#2f6db3}}.failed{{fill:#ddd}}.spread{{stroke:#222;stroke-width:1.5}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    )
}

fn label(svg: &mut String, (x, y): (f64, f64), class: &str, text: &str) {
    let _ = write!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" xml:space=\"preserve\">");
    for letter in text::printable(text).chars() {
        match letter {
            '&' => *svg += "&amp;",
            '<' => *svg += "&lt;",
            '>' => *svg += "&gt;",
            letter => svg.push(letter),
        }
    }
    *svg += "</text>\n";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::compared::{Unit, Value};

    fn row(key: &'static str, unit: Unit, values: &[Option<[u64; 3]>]) -> Row {
        let value = |[low, figure, high]: [u64; 3]| Value { figure, low, high };
        let values = values.iter().map(|one| one.map(value)).collect();
        Row { key, name: key.to_owned(), operation: None, unit, values, runs: Vec::new() }
    }

    #[test]
    fn each_build_has_a_bar_for_each_figure() {
        let table = Table {
            builds: ["base", "<fat>", "hung"].map(str::to_owned).to_vec(),
            rows: vec![
                row("stripped", Unit::Bytes, &[Some([2048; 3]), Some([1024; 3]), Some([1024; 3])]),
                row("wall", Unit::Nanoseconds, &[Some([900, 1000, 1100]), Some([390, 400, 410]), None]),
                row("rss", Unit::Bytes, &[Some([4096; 3]), Some([4096; 3]), Some([4096; 3])]),
            ],
            runs: 3,
            failed: vec![false, false, true],
            ..Table::default()
        };
        let svg = picture(&table, "a & b", false).unwrap();
        assert_eq!(svg.matches("<rect class=").count(), 8);
        assert_eq!((svg.matches("class=\"best\"").count(), svg.matches("class=\"failed\"").count()), (2, 2));
        assert_eq!(svg.matches("class=\"spread\"").count(), 2);
        for text in
            ["a &amp; b: what 3 builds cost", "&lt;fat&gt;", "hung (failed)", "unknown", "400 ns  −60%"]
        {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        // The fastest stands first.
        assert!(svg.find("&lt;fat&gt;") < svg.find(">base<"), "{svg}");
        assert_eq!(picture(&Table { builds: table.builds, ..Table::default() }, "x", true), None);
    }
}

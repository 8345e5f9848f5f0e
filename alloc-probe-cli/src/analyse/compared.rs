//! Builds of one program side by side: their figures, what of a difference is noise, and what the figures recommend.

/// Builds and their figures.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What the builds are called; the first is what the others are held against.
    pub builds: Vec<String>,
    /// A figure of each.
    pub rows: Vec<Row>,
    /// Settings of each: their names, and a value for each build.
    pub settings: Vec<(&'static str, Vec<String>)>,
    /// How many runs the times are of.
    pub runs: u32,
    /// What may skew the figures, a sentence each.
    pub caveats: Vec<String>,
    /// Whether the program of a build failed, for each: nothing is held against it, and it is recommended for nothing. Empty
    /// where none did.
    pub failed: Vec<bool>,
}

/// A figure of every build.
#[derive(Clone, Debug)]
pub struct Row {
    /// What `--columns` and JSON call it.
    pub key: &'static str,
    /// What it is.
    pub name: String,
    /// The operation that it is of; none where it is of the whole program.
    pub operation: Option<String>,
    /// What it counts.
    pub unit: Unit,
    /// One for each build; none where it is not known.
    pub values: Vec<Option<Value>>,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Time.
    Nanoseconds,
    /// How often in 1,000 seconds. More of it is better; of all others, less is.
    PerThousandSeconds,
    /// Anything else.
    Count,
}

/// A figure of one build: of one run, or the median of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The median.
    pub figure: u64,
    /// The least of all runs.
    pub low: u64,
    /// The most.
    pub high: u64,
}

impl Value {
    /// A figure that is the same in each run.
    pub fn exact(figure: u64) -> Value {
        Value { figure, low: figure, high: figure }
    }

    /// The median of several runs; none of no run.
    pub fn of_runs(mut figures: Vec<u64>) -> Option<Value> {
        figures.sort_unstable();
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        let figure = if figures.len() % 2 == 0 { figures[middle - 1].midpoint(upper) } else { upper };
        Some(Value { figure, low: figures[0], high: *figures.last()? })
    }

    /// How far the runs lie from the median at most, as a share of it.
    pub fn spread(self) -> f64 {
        let away = (self.figure - self.low).max(self.high - self.figure);
        if self.figure == 0 { 0.0 } else { away as f64 / self.figure as f64 }
    }

    /// Whether chance explains that it is not the same as another: the median of one lies among the runs of the other.
    pub fn is_noise(self, other: Value) -> bool {
        let among = |figure, of: Value| (of.low..=of.high).contains(&figure);
        self.figure != other.figure && (among(self.figure, other) || among(other.figure, self))
    }
}

impl Row {
    /// The values of the builds that have one.
    fn known(&self) -> impl Iterator<Item = (usize, Value)> {
        self.values.iter().enumerate().filter_map(|(build, value)| Some((build, (*value)?)))
    }

    /// Whether the first figure is better than the second.
    fn is_better(&self, one: Value, other: Value) -> bool {
        match self.unit {
            Unit::PerThousandSeconds => one.figure > other.figure,
            Unit::Bytes | Unit::Nanoseconds | Unit::Count => one.figure < other.figure,
        }
    }

    /// The builds that have a figure, the best first.
    fn ranked(&self, table: &Table) -> Vec<(usize, Value)> {
        let mut ranked: Vec<(usize, Value)> =
            self.known().filter(|(build, _)| !table.has_failed(*build)).collect();
        ranked.sort_by_key(|(_, value)| match self.unit {
            Unit::PerThousandSeconds => u64::MAX - value.figure,
            Unit::Bytes | Unit::Nanoseconds | Unit::Count => value.figure,
        });
        ranked
    }

    /// The builds with the best figure and with the worst, if these differ beyond noise.
    pub fn best_and_worst(&self, table: &Table) -> Option<(usize, usize)> {
        let ranked = self.ranked(table);
        let (best, worst) = (ranked.first()?, ranked.last()?);
        (self.is_better(best.1, worst.1) && !best.1.is_noise(worst.1)).then_some((best.0, worst.0))
    }
}

impl Table {
    /// A row by its key: of those of operations, that of the first.
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == key)
    }

    /// Whether the program of a build failed.
    pub fn has_failed(&self, build: usize) -> bool {
        self.failed.get(build) == Some(&true)
    }

    /// What a build's figure is held against: the first build's. None where one of both failed or does not know it, and of
    /// the first itself.
    pub fn pair(&self, row: &Row, build: usize) -> Option<(Value, Value)> {
        let is_told = build > 0 && !self.has_failed(0) && !self.has_failed(build);
        Some((row.values.first().copied()??, row.values.get(build).copied()??)).filter(|_| is_told)
    }

    /// The builds in the order of a figure, the best first, and last those without it and those that failed.
    pub fn order(&self, key: &str) -> Vec<usize> {
        let mut order: Vec<usize> = self
            .row(key)
            .map_or_else(Vec::new, |row| row.ranked(self).into_iter().map(|(build, _)| build).collect());
        let rest: Vec<usize> = (0..self.builds.len()).filter(|build| !order.contains(build)).collect();
        order.extend(rest);
        order
    }
}

/// The figures that somebody decides by, and what the best build of each is best at.
const GOALS: [(&str, &str); 6] = [
    ("wall", "least run time"),
    ("throughput", "most throughput"),
    ("p99", "least latency (p99)"),
    ("rss", "least memory (peak resident)"),
    ("heap", "least heap at the peak"),
    ("stripped", "smallest program"),
];

/// What the best of one figure may cost in others.
const COSTS: [&str; 6] = ["build", "wall", "throughput", "p99", "rss", "stripped"];

/// Less than one part in so many is no reason for anything.
const WORTH_A_WORD: u64 = 200;

/// What the figures recommend, a sentence each: from what was measured and beyond noise alone.
pub fn recommend(table: &Table) -> Vec<String> {
    if table.has_failed(0) {
        let first = &table.builds[0];
        return vec![format!("nothing is recommended: `{first}`, which the others are held against, failed")];
    }
    GOALS.iter().filter_map(|(key, goal)| recommendation(table, table.row(key)?, goal)).collect()
}

/// Which build is the best by a figure, and what that costs. None where the first build does not know it.
fn recommendation(table: &Table, row: &Row, goal: &str) -> Option<String> {
    let base = row.values.first().copied()??;
    let goal = row.operation.as_ref().map_or_else(|| goal.to_owned(), |name| format!("{goal} of `{name}`"));
    let is_better = |value: Value| {
        let by = value.figure.abs_diff(base.figure);
        row.is_better(value, base) && !value.is_noise(base) && by.saturating_mul(WORTH_A_WORD) >= base.figure
    };
    let ranked = row.ranked(table);
    let Some((build, value)) = ranked.iter().copied().find(|(_, value)| is_better(*value)) else {
        return Some(format!("{goal}: no build does better than `{}` beyond noise", table.builds[0]));
    };
    // Those that chance alone tells from the best are as good.
    let as_good: Vec<String> = row
        .known()
        .filter(|(other, one)| {
            let is_same = one.is_noise(value) || one.figure == value.figure;
            *other != build && *other != 0 && !table.has_failed(*other) && is_same
        })
        .map(|(other, _)| format!("`{}`", table.builds[other]))
        .collect();
    let as_good =
        if as_good.is_empty() { String::new() } else { format!(", and as good: {}", as_good.join(", ")) };
    let costs: Vec<String> = COSTS
        .into_iter()
        .filter(|other| *other != row.key)
        .filter_map(|other| cost(table.row(other)?, build))
        .collect();
    let costs = if costs.is_empty() { "nothing that was measured".to_owned() } else { costs.join(", ") };
    Some(format!(
        "{goal}: `{}`, {} than `{}`{as_good}; it costs {costs}",
        table.builds[build],
        more_or_less(base.figure, value.figure),
        table.builds[0]
    ))
}

/// What a build has worse than the first, beyond noise.
fn cost(row: &Row, build: usize) -> Option<String> {
    let (base, value) = (row.values.first().copied()??, row.values.get(build).copied()??);
    let by = value.figure.abs_diff(base.figure);
    let is_worse = row.is_better(base, value) && !value.is_noise(base);
    (is_worse && by.saturating_mul(WORTH_A_WORD) >= base.figure).then(|| {
        let what = match &row.operation {
            Some(name) => format!("{} of `{name}`", row.key),
            None => row.name.trim().to_owned(),
        };
        match value.figure >= base.figure.saturating_mul(3) {
            true => format!("{:.1} times the {what}", value.figure as f64 / base.figure.max(1) as f64),
            false => format!("{} {what}", more_or_less(base.figure, value.figure)),
        }
    })
}

fn more_or_less(base: u64, figure: u64) -> String {
    let percent = percent(base, figure.abs_diff(base));
    format!("{percent} {}", if figure > base { "more" } else { "less" })
}

fn percent(of: u64, part: u64) -> String {
    let percent = part as f64 * 100.0 / of.max(1) as f64;
    match percent {
        ..9.95 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &'static str, values: &[[u64; 3]]) -> Row {
        let values =
            values.iter().map(|[low, figure, high]| Some(Value { figure: *figure, low: *low, high: *high }));
        Row { key, name: key.to_owned(), operation: None, unit: Unit::Nanoseconds, values: values.collect() }
    }

    #[test]
    fn a_median_has_its_spread() {
        assert_eq!(Value::of_runs(vec![9, 1, 5]), Some(Value { figure: 5, low: 1, high: 9 }));
        assert_eq!(Value::of_runs(vec![9, 1, 5, 6]), Some(Value { figure: 5, low: 1, high: 9 }));
        assert_eq!(Value::of_runs(vec![7]), Some(Value::exact(7)));
        assert_eq!(Value::of_runs(vec![]), None);
        assert!((Value { figure: 100, low: 98, high: 105 }.spread() - 0.05).abs() < 1e-9);
        assert!((Value::exact(0).spread()).abs() < 1e-9);
    }

    #[test]
    fn a_difference_within_the_runs_is_noise() {
        let value = |low, figure, high| Value { figure, low, high };
        assert!(value(90, 100, 110).is_noise(value(100, 105, 106)));
        assert!(
            value(90, 100, 110).is_noise(value(105, 120, 130))
                == value(105, 120, 130).is_noise(value(90, 100, 110))
        );
        assert!(!value(90, 100, 110).is_noise(value(111, 112, 113)));
        // Nothing is known of the noise of one run, and figures that are the same do not differ.
        assert!(!Value::exact(100).is_noise(Value::exact(101)));
        assert!(!value(90, 100, 110).is_noise(value(90, 100, 110)));
    }

    #[test]
    fn recommendations_come_from_what_differs() {
        let table = Table {
            builds: ["base", "fat", "thin", "small"].map(str::to_owned).to_vec(),
            rows: vec![
                row("wall", &[[95, 100, 105], [79, 80, 83], [80, 82, 84], [140, 150, 160]]),
                row("rss", &[[100, 100, 100], [99, 100, 101], [100, 100, 100], [97, 101, 103]]),
                row("stripped", &[[1000; 3], [900; 3], [950; 3], [500; 3]]),
                row("build", &[[10; 3], [30; 3], [20; 3], [10; 3]]),
            ],
            ..Table::default()
        };
        assert_eq!(
            recommend(&table),
            [
                "least run time: `fat`, 20% less than `base`, and as good: `thin`; it costs 3.0 times the build",
                "least memory (peak resident): no build does better than `base` beyond noise",
                "smallest program: `small`, 50% less than `base`; it costs 50% more wall",
            ]
        );
        assert_eq!(table.rows[0].best_and_worst(&table), Some((1, 3)));
        assert_eq!(table.rows[1].best_and_worst(&table), None);
        assert_eq!(table.order("stripped"), [3, 1, 2, 0]);
    }

    #[test]
    fn more_throughput_is_better() {
        let mut throughput = row("throughput", &[[90, 100, 110], [190, 200, 210], [40, 50, 60]]);
        (throughput.unit, throughput.operation) = (Unit::PerThousandSeconds, Some("serve".to_owned()));
        let mut p99 = row("p99", &[[10; 3], [20; 3], [9; 3]]);
        p99.operation = Some("serve".to_owned());
        let mut table = Table {
            builds: ["base", "fast", "quick"].map(str::to_owned).to_vec(),
            rows: vec![throughput, p99],
            ..Table::default()
        };
        assert_eq!(
            recommend(&table),
            [
                "most throughput of `serve`: `fast`, 100% more than `base`; it costs 100% more p99 of `serve`",
                "least latency (p99) of `serve`: `quick`, 10% less than `base`; it costs 50% less throughput of `serve`",
            ]
        );
        assert_eq!(table.rows[0].best_and_worst(&table), Some((1, 2)));
        assert_eq!(table.order("throughput"), [1, 0, 2]);
        // What failed is best at nothing, and nothing is held against it.
        table.failed = vec![false, true, false];
        assert_eq!(table.order("throughput"), [0, 2, 1]);
        assert!(recommend(&table)[0].ends_with("no build does better than `base` beyond noise"));
        assert_eq!(table.pair(&table.rows[0], 1), None);
        table.failed = vec![true, false, false];
        assert_eq!(
            recommend(&table),
            ["nothing is recommended: `base`, which the others are held against, failed"]
        );
        assert_eq!(table.pair(&table.rows[0], 2), None);
    }
}

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
}

/// A figure of every build.
#[derive(Clone, Debug)]
pub struct Row {
    /// What `--columns` and JSON call it.
    pub key: &'static str,
    /// What it is.
    pub name: &'static str,
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

    /// The build with the least, if it has less than some other beyond noise.
    pub fn least(&self) -> Option<usize> {
        let (build, least) = self.known().min_by_key(|(_, value)| value.figure)?;
        let (_, most) = self.known().max_by_key(|(_, value)| value.figure)?;
        (least.figure < most.figure && !least.is_noise(most)).then_some(build)
    }

    /// The build with the most, likewise.
    pub fn most(&self) -> Option<usize> {
        self.least()?;
        Some(self.known().max_by_key(|(_, value)| value.figure)?.0)
    }
}

impl Table {
    /// A row by its key.
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == key)
    }

    /// Puts the builds in the order of a figure; the first stays what it is, and those without the figure come last.
    pub fn order(&self, key: &str) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.builds.len()).collect();
        if let Some(row) = self.row(key) {
            order.sort_by_key(|build| row.values[*build].map_or(u64::MAX, |value| value.figure));
        }
        order
    }
}

/// The figures that somebody decides by, and what the best build of each is best at.
const GOALS: [(&str, &str); 4] = [
    ("wall", "least run time"),
    ("rss", "least memory (peak resident)"),
    ("heap", "least heap at the peak"),
    ("stripped", "smallest program"),
];

/// Less than one part in so many is no reason for anything.
const WORTH_A_WORD: u64 = 200;

/// What the figures recommend, a sentence each: from what was measured and beyond noise alone.
pub fn recommend(table: &Table) -> Vec<String> {
    let mut sentences = Vec::new();
    for (key, goal) in GOALS {
        let Some(row) = table.row(key) else { continue };
        let Some(base) = row.values.first().copied().flatten() else { continue };
        let is_better = |value: &Value| {
            let less = base.figure.saturating_sub(value.figure);
            !value.is_noise(base) && less > 0 && less.saturating_mul(WORTH_A_WORD) >= base.figure
        };
        let better = row.known().filter(|(_, value)| is_better(value));
        let Some((build, value)) = better.min_by_key(|(_, value)| value.figure) else {
            sentences.push(format!("{goal}: no build does better than `{}` beyond noise", table.builds[0]));
            continue;
        };
        // Those that chance alone tells from the best are as good.
        let as_good: Vec<String> = row
            .known()
            .filter(|(other, one)| {
                *other != build && *other != 0 && (one.is_noise(value) || one.figure == value.figure)
            })
            .map(|(other, _)| format!("`{}`", table.builds[other]))
            .collect();
        let as_good =
            if as_good.is_empty() { String::new() } else { format!(", and as good: {}", as_good.join(", ")) };
        let costs: Vec<String> = ["build", "wall", "rss", "stripped"]
            .into_iter()
            .filter(|other| *other != key)
            .filter_map(|other| cost(table.row(other)?, build))
            .collect();
        let costs = if costs.is_empty() { "nothing that was measured".to_owned() } else { costs.join(", ") };
        sentences.push(format!(
            "{goal}: `{}`, {} less than `{}`{as_good}; it costs {costs}",
            table.builds[build],
            percent(base.figure, base.figure - value.figure),
            table.builds[0]
        ));
    }
    sentences
}

/// What a build has more of than the first, beyond noise.
fn cost(row: &Row, build: usize) -> Option<String> {
    let (base, value) = (row.values.first().copied()??, row.values.get(build).copied()??);
    let is_more = value.figure > base.figure && !value.is_noise(base);
    let more = value.figure.saturating_sub(base.figure);
    (is_more && more.saturating_mul(WORTH_A_WORD) >= base.figure).then(|| {
        match more >= base.figure.saturating_mul(2) {
            true => format!(
                "{:.1} times the {}",
                value.figure as f64 / base.figure.max(1) as f64,
                row.name.trim()
            ),
            false => format!("{} more {}", percent(base.figure, more), row.name.trim()),
        }
    })
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
        Row { key, name: key, unit: Unit::Nanoseconds, values: values.collect() }
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
        assert_eq!((table.rows[0].least(), table.rows[0].most()), (Some(1), Some(3)));
        assert_eq!((table.rows[1].least(), table.rows[1].most()), (None, None));
        assert_eq!(table.order("stripped"), [3, 1, 2, 0]);
    }
}

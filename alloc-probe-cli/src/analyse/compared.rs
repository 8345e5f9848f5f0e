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
    /// The figures of each build's runs, in the order of the rounds in which all builds took their turns.
    pub runs: Vec<Vec<u64>>,
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

    /// Whether the median of one lies among the runs of the other, and is not the same.
    fn is_among(self, other: Value) -> bool {
        let among = |figure, of: Value| (of.low..=of.high).contains(&figure);
        self.figure != other.figure && (among(self.figure, other) || among(other.figure, self))
    }
}

/// So many rounds tell all that can be told.
const MAX_ROUNDS: usize = 200;

/// Whether two builds differ round for round: by Wilcoxon's signed-rank test (1945), exactly, chance has it so in less than
/// one case of a hundred. What disturbs a round disturbs both, so this finds what is smaller than the rounds' own spread.
fn differ_in_rounds(one: &[u64], other: &[u64]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut differences: Vec<(u64, bool)> =
        one.iter().zip(other).take(MAX_ROUNDS).map(|(a, b)| (a.abs_diff(*b), a > b)).collect();
    differences.retain(|(by, _)| *by > 0);
    differences.sort_unstable();
    // Twice the rank, so that those which are as large, and share their ranks, have a whole number as well.
    let ranks: Vec<(usize, bool)> = (differences.iter())
        .map(|(by, is_more)| {
            let first = differences.partition_point(|one| one.0 < *by);
            let behind = differences.partition_point(|one| one.0 <= *by);
            (first + behind + 1, *is_more)
        })
        .collect();
    let all: usize = ranks.iter().map(|(rank, _)| rank).sum();
    let of_more: usize = ranks.iter().filter(|(_, is_more)| *is_more).map(|(rank, _)| rank).sum();
    // How likely each sum is, if more and less were as likely in every round.
    let mut likely = vec![0.0; all + 1];
    likely[0] = 1.0;
    for (rank, _) in ranks {
        for sum in (0..=all).rev() {
            likely[sum] = (likely[sum] + if sum >= rank { likely[sum - rank] } else { 0.0 }) / 2.0;
        }
    }
    let as_rare: f64 = likely[..=of_more.min(all - of_more)].iter().sum();
    as_rare * 2.0 < 0.01
}

impl Row {
    /// A figure by the runs of each build; one of no run is not known.
    pub fn of_runs(key: &'static str, name: &str, unit: Unit, runs: Vec<Vec<u64>>) -> Row {
        let values = runs.iter().map(|runs| Value::of_runs(runs.clone())).collect();
        Row { key, name: name.to_owned(), operation: None, unit, values, runs }
    }

    /// Whether chance explains the difference between two builds, or whether that can't be told.
    pub fn is_noise(&self, one: usize, other: usize) -> bool {
        let of = |build: usize| self.values.get(build).copied().flatten();
        let (Some(a), Some(b)) = (of(one), of(other)) else { return false };
        let runs = |build: usize| self.runs.get(build).map_or(&[][..], Vec::as_slice);
        a.is_among(b) && !differ_in_rounds(runs(one), runs(other))
    }

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
        (self.is_better(best.1, worst.1) && !self.is_noise(best.0, worst.0)).then_some((best.0, worst.0))
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

    /// Whether all builds allocated about as much in all, so that they did the same work as far as can be told.
    pub fn is_same_work(&self) -> bool {
        let totals = || {
            let of = self.row("total").into_iter().flat_map(Row::known);
            of.filter(|(build, _)| !self.has_failed(*build)).map(|(_, value)| value.figure)
        };
        let (Some(least), Some(most)) = (totals().min(), totals().max()) else { return true };
        (most - least).saturating_mul(OTHER_WORK) <= most
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

/// What is of no use where the builds did different amounts of work.
const OF_WORK: [&str; 2] = ["rss", "heap"];

/// Where builds differ by more than one part in so many of what they allocated in all, one may have done more than another.
const OTHER_WORK: u64 = 20;

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
    if OF_WORK.contains(&row.key) && !table.is_same_work() {
        return Some(format!("{goal}: the builds may not have done the same work, so it can't be told"));
    }
    let is_better = |build: usize, value: Value| {
        let by = value.figure.abs_diff(base.figure);
        row.is_better(value, base)
            && !row.is_noise(0, build)
            && by.saturating_mul(WORTH_A_WORD) >= base.figure
    };
    let ranked = row.ranked(table);
    let Some((build, value)) = ranked.iter().copied().find(|(build, value)| is_better(*build, *value)) else {
        return Some(format!("{goal}: no build does better than `{}` beyond noise", table.builds[0]));
    };
    // Those that chance alone tells from the best are as good.
    let as_good: Vec<String> = row
        .known()
        .filter(|(other, one)| {
            let is_same = row.is_noise(*other, build) || one.figure == value.figure;
            *other != build && *other != 0 && !table.has_failed(*other) && is_same
        })
        .map(|(other, _)| format!("`{}`", table.builds[other]))
        .collect();
    let as_good =
        if as_good.is_empty() { String::new() } else { format!(", and as good: {}", as_good.join(", ")) };
    let costs: Vec<String> = COSTS
        .into_iter()
        .filter(|other| *other != row.key && (table.is_same_work() || !OF_WORK.contains(other)))
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
    let is_worse = row.is_better(base, value) && !row.is_noise(0, build);
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
        let values = values.collect();
        Row { key, name: key.to_owned(), operation: None, unit: Unit::Nanoseconds, values, runs: Vec::new() }
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
        let is_noise = |one: [u64; 3], other: [u64; 3]| row("wall", &[one, other]).is_noise(0, 1);
        assert!(is_noise([90, 100, 110], [100, 105, 106]));
        assert_eq!(is_noise([90, 100, 110], [105, 120, 130]), is_noise([105, 120, 130], [90, 100, 110]));
        assert!(!is_noise([90, 100, 110], [111, 112, 113]));
        // Nothing is known of the noise of one run, and figures that are the same do not differ.
        assert!(!is_noise([100; 3], [101; 3]));
        assert!(!is_noise([90, 100, 110], [90, 100, 110]));
    }

    #[test]
    fn what_differs_in_nearly_every_round_is_no_noise() {
        // A machine that becomes slower and faster again.
        let rounds =
            |count: usize| (0..count as u64).map(|round| 1000 + 300 * (round % 5)).collect::<Vec<_>>();
        let slower = |runs: &[u64]| runs.iter().map(|run| run * 105 / 100).collect::<Vec<_>>();
        let is_noise = |one: Vec<u64>, other: Vec<u64>| {
            Row::of_runs("wall", "run time", Unit::Nanoseconds, vec![one, other]).is_noise(0, 1)
        };
        for (count, least) in [(7, true), (8, false), (12, false)] {
            assert_eq!(is_noise(rounds(count), slower(&rounds(count))), least, "{count} of {count} rounds");
        }
        // One round that was the other way counts less if it was by little.
        for (by, least) in [(1, false), (900, true)] {
            let mut other = slower(&rounds(9));
            other[3] = rounds(9)[3] - by;
            assert_eq!(is_noise(rounds(9), other), least, "{by}");
        }
        let to_and_fro = |(round, run): (usize, &u64)| if round % 2 == 0 { run + 60 } else { run - 50 };
        assert!(is_noise(rounds(12), rounds(12).iter().enumerate().map(to_and_fro).collect()));
        let mut other = slower(&rounds(12));
        other.pop();
        assert!(is_noise(rounds(12), other), "runs that failed leave no rounds");
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
    fn memory_of_different_work_is_not_compared() {
        let mut table = Table {
            builds: ["base", "fast"].map(str::to_owned).to_vec(),
            rows: vec![
                row("wall", &[[100; 3], [80; 3]]),
                row("rss", &[[100; 3], [120; 3]]),
                row("total", &[[1000; 3], [1040; 3]]),
            ],
            ..Table::default()
        };
        assert!(recommend(&table)[0].ends_with("it costs 20% more rss"));
        table.rows[2] = row("total", &[[1000; 3], [1200; 3]]);
        assert_eq!(
            recommend(&table),
            [
                "least run time: `fast`, 20% less than `base`; it costs nothing that was measured",
                "least memory (peak resident): the builds may not have done the same work, so it can't be told",
            ]
        );
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

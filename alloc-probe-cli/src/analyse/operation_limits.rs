//! Limits of a budget for what was done under one name.

use super::diff::threshold::plain_limit;
use super::operations::Operated;
use super::verdict::Verdict;
use crate::units;
use std::collections::BTreeMap;

/// The limits of one operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OperationBudget {
    name: String,
    limits: Vec<Limit>,
}

#[derive(Clone, Debug, PartialEq)]
struct Limit {
    /// Which of [`FIGURES`].
    figure: usize,
    /// As the file has it.
    text: String,
    at_most: f64,
}

/// What a figure is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Time,
    Bytes,
    Count,
}

/// A figure of an operation; none where it is not known.
type Figure = fn(&Operated<'_>) -> Option<f64>;

/// The figures that can have limits; what its sites hold, which may be an estimate, is limited as that of a function. Times are in nanoseconds; *each* is the mean of those that began.
const FIGURES: [(&str, Unit, Figure); 10] = [
    ("p50", Unit::Time, |of| Some(of.latency?.p50_ns as f64)),
    ("p90", Unit::Time, |of| Some(of.latency?.p90_ns as f64)),
    ("p99", Unit::Time, |of| Some(of.latency?.p99_ns as f64)),
    ("p99_9", Unit::Time, |of| Some(of.latency?.p99_9_ns as f64)),
    ("max", Unit::Time, |of| Some(of.latency?.max_ns as f64)),
    ("failed", Unit::Count, |of| Some(of.recorded.failed as f64)),
    ("cancelled", Unit::Count, |of| Some(of.recorded.cancelled as f64)),
    ("bytes_each", Unit::Bytes, |of| each(of, of.recorded.total_bytes)),
    ("blocks_each", Unit::Count, |of| each(of, of.recorded.total_blocks)),
    ("own_peak_bytes", Unit::Bytes, |of| Some(of.recorded.peak_bytes as f64)),
];

fn each(of: &Operated<'_>, total: u64) -> Option<f64> {
    (of.recorded.started > 0).then(|| total as f64 / of.recorded.started as f64)
}

impl OperationBudget {
    /// Reads the limits of one operation.
    ///
    /// # Errors
    ///
    /// Where there is none, or one that can't be meant.
    pub(super) fn new(
        name: String,
        values: BTreeMap<String, toml::Value>,
    ) -> Result<OperationBudget, String> {
        let limits = values.into_iter().map(|(figure, value)| Limit::new(&figure, &value));
        let limits: Vec<Limit> =
            limits.collect::<Result<_, String>>().map_err(|error| format!("operation `{name}`: {error}"))?;
        match limits.is_empty() {
            true => Err(format!("operation `{name}` has no limit")),
            false => Ok(OperationBudget { name, limits }),
        }
    }

    /// Holds the operations of a profile to it.
    pub(super) fn verdicts(&self, operations: &[Operated<'_>]) -> Vec<Verdict> {
        let found = operations.iter().find(|operation| operation.recorded.name == self.name);
        let verdict = |limit: &Limit| {
            let (figure, unit, of) = FIGURES[limit.figure];
            let (measured, met) = match found.map(of) {
                // One that was renamed must not pass for one that is fast, nor what is not known for what is met.
                None => ("no operation has this name".to_owned(), false),
                Some(None) => ("it is not known".to_owned(), false),
                Some(Some(value)) => (unit.show(value), value <= limit.at_most),
            };
            Verdict {
                function: Some(format!("operation {}", self.name)),
                figure: figure.to_owned(),
                limit: limit.text.clone(),
                measured,
                met,
                place: None,
            }
        };
        self.limits.iter().map(verdict).collect()
    }
}

impl Limit {
    fn new(name: &str, value: &toml::Value) -> Result<Limit, String> {
        let Some(figure) = FIGURES.iter().position(|(known, _, _)| *known == name) else {
            let names = FIGURES.map(|(name, _, _)| name).join(", ");
            return Err(format!("no figure is called `{name}`: there are {names}"));
        };
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) if *number >= 0 => number.to_string(),
            _ => String::new(),
        };
        let (limit, example) = match FIGURES[figure].1 {
            Unit::Time => (nanoseconds(&text), "\"50 ms\""),
            Unit::Bytes => (plain_limit(&text, true), "\"64 KiB\""),
            Unit::Count => (plain_limit(&text, false), "0"),
        };
        let at_most =
            limit.ok_or_else(|| format!("`{name}` has no limit: write one like {name} = {example}"))?;
        Ok(Limit { figure, text, at_most })
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Time => units::duration(value as u64),
            Unit::Bytes => units::bytes(value.ceil() as u64),
            Unit::Count if value.fract() == 0.0 => units::count(value as u64),
            Unit::Count => format!("{value:.1}"),
        }
    }
}

/// A time with its unit, in nanoseconds.
fn nanoseconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|letter: char| letter.is_alphabetic())?);
    let factor = match unit {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(plain_limit(number.trim(), false)? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::operations::Latency;
    use alloc_probe_format::dump::Operation;

    fn budget(text: &str) -> Result<OperationBudget, String> {
        OperationBudget::new("o".to_owned(), toml::from_str(text).unwrap())
    }

    #[test]
    fn limits_hold_up_to_themselves() {
        let recorded = Operation {
            name: "o".to_owned(),
            started: 4,
            failed: 1,
            total_blocks: 10,
            total_bytes: 4096,
            ..Operation::default()
        };
        let latency =
            Latency { p50_ns: 1, p90_ns: 2, p99_ns: 50_000_000, p99_9_ns: 60_000_000, max_ns: 70_000_000 };
        let operation =
            Operated { recorded: &recorded, figures: None, latency: Some(latency), per_second: None };
        for (text, met, measured) in [
            ("p99 = \"50 ms\"", true, "50.0 ms"),
            ("p99 = \"49.9 ms\"", false, "50.0 ms"),
            ("max = \"0.07s\"", true, "70.0 ms"),
            ("failed = 0", false, "1"),
            ("cancelled = 0", true, "0"),
            ("blocks_each = 2", false, "2.5"),
            ("bytes_each = \"1 KiB\"", true, "1.0 KiB"),
            ("own_peak_bytes = 0", true, "0 B"),
        ] {
            let verdicts = budget(text).unwrap().verdicts(std::slice::from_ref(&operation));
            let [verdict] = verdicts.as_slice() else { panic!("{verdicts:?}") };
            assert_eq!((verdict.met, verdict.measured.as_str()), (met, measured), "{text}");
        }
        let never = Operated { latency: None, ..operation };
        let unknown = budget("p50 = \"1 s\"").unwrap().verdicts(&[never]);
        assert_eq!((unknown[0].met, unknown[0].measured.as_str()), (false, "it is not known"));
        let missing = budget("failed = 9").unwrap().verdicts(&[]);
        assert_eq!((missing[0].met, missing[0].measured.as_str()), (false, "no operation has this name"));
    }

    #[test]
    fn what_is_no_limit_is_refused_in_one_line() {
        for (text, expected) in [
            ("", "operation `o` has no limit"),
            ("p95 = \"1 ms\"", "no figure is called `p95`: there are p50, p90"),
            ("p99 = 50", "`p99` has no limit: write one like p99 = \"50 ms\""),
            ("p99 = \"50 MiB\"", "`p99` has no limit"),
            ("p99 = \"+5%\"", "`p99` has no limit"),
            ("bytes_each = \"5 ms\"", "`bytes_each` has no limit"),
            ("failed = -1", "`failed` has no limit"),
        ] {
            let error = budget(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
        }
    }
}

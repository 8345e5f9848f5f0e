//! `--fail-if`: conditions on a diff that a build may be held to.
//!
//! ```text
//! FIGURE COMPARISON VALUE        peak_bytes > +5%
//! ```

use super::Diff;
use crate::analyse::sampling::error_of_sum;
use crate::profile::Profile;
use crate::units;
use alloc_probe_format::metric::Metric;
use std::fmt;
use std::str::FromStr;

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was given.
    text: String,
    subject: Subject,
    comparison: Comparison,
    limit: f64,
}

/// What is compared with the limit. A figure is known by its place in [`FIGURES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// The new build's figure.
    Figure(usize),
    /// How much more it is than the base's.
    Change(usize),
    /// The same in percent of the base's.
    ChangePercent(usize),
    /// The share of bytes without a counterpart, in percent.
    UnmatchedBytes,
    /// The share of blocks without one.
    UnmatchedBlocks,
}

/// A figure that a profile has: its name, whether it counts bytes, and how it is had.
type Known = (&'static str, bool, fn(&Profile) -> u64);

const FIGURES: [Known; 12] = [
    ("peak_bytes", true, |profile| profile.dump.totals.peak_bytes),
    ("peak_blocks", false, |profile| profile.dump.totals.peak_blocks),
    ("total_bytes", true, |profile| profile.dump.totals.total_bytes),
    ("total_blocks", false, |profile| profile.dump.totals.total_blocks),
    ("end_bytes", true, |profile| profile.dump.totals.end_bytes),
    ("end_blocks", false, |profile| profile.dump.totals.end_blocks),
    ("long_lived_bytes", true, |profile| profile.dump.totals.long_lived_bytes),
    ("long_lived_blocks", false, |profile| profile.dump.totals.long_lived_blocks),
    ("temporary_blocks", false, |profile| profile.dump.totals.temporary_blocks),
    ("realloc_calls", false, |profile| profile.dump.totals.realloc_calls),
    ("rss_bytes", true, |profile| profile.dump.memory.rss_bytes),
    ("peak_rss_bytes", true, |profile| profile.dump.memory.peak_rss_bytes),
];

/// An estimate must be beyond a limit by so many standard errors: less is chance.
const STANDARD_ERRORS: f64 = 2.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Threshold {
    /// Whether the condition holds, and if so, why, in a clause.
    pub fn crossed(&self, base: &Profile, new: &Profile, diff: &Diff) -> Option<String> {
        let Actual { value, error, told } = self.actual(base, new, diff, Extent::Process);
        self.is_crossed(value, error).then(|| format!("{}: {told}", self.text))
    }

    /// Whether the condition holds, and what is the case. Without a base, the figure itself is: there has to be one
    /// where [it is needed](Threshold::needs_base).
    pub fn measure(&self, base: Option<(&Profile, &Diff)>, new: &Profile, extent: Extent) -> (bool, String) {
        match (self.subject, base) {
            (Subject::Figure(index), _) => {
                let (name, is_bytes, of) = FIGURES[index];
                let (figure, error) = (of(new), extent.error(new, name));
                let told = match is_bytes {
                    true if figure >= 1024 => {
                        format!("{} ({} B)", units::bytes(figure), units::count(figure))
                    }
                    true => units::bytes(figure),
                    false => units::count(figure),
                };
                (self.is_crossed(figure as f64, error), told + &with_error(error, is_bytes))
            }
            (_, Some((base, diff))) => {
                let Actual { value, error, told } = self.actual(base, new, diff, extent);
                (self.is_crossed(value, error), told)
            }
            (_, None) => (true, "there is no base".to_owned()),
        }
    }

    /// Whether it is about a change.
    pub fn needs_base(&self) -> bool {
        !matches!(self.subject, Subject::Figure(_))
    }

    /// The name of the figure that it is about, where it is one of the process's.
    pub fn figure(&self) -> Option<&'static str> {
        match self.subject {
            Subject::Figure(figure) | Subject::Change(figure) | Subject::ChangePercent(figure) => {
                Some(FIGURES[figure].0)
            }
            _ => None,
        }
    }

    /// Whether it is about a figure that each site has.
    pub fn is_of_sites(&self) -> bool {
        match self.subject {
            Subject::Figure(index) | Subject::Change(index) | Subject::ChangePercent(index) => {
                !FIGURES[index].0.contains("rss")
            }
            Subject::UnmatchedBytes | Subject::UnmatchedBlocks => false,
        }
    }

    /// What is compared with the limit.
    fn actual(&self, base: &Profile, new: &Profile, diff: &Diff, extent: Extent) -> Actual {
        let both = |index: usize| {
            let (name, is_bytes, of) = FIGURES[index];
            let errors = [base, new].map(|profile| extent.error(profile, name));
            let (base, new) = (of(base), of(new));
            // To the last digit: a condition is exact, so a rounded figure would seem to contradict it.
            let unit = if is_bytes { " bytes" } else { "" };
            let [of_base, of_new] = errors.map(|error| with_error(error, is_bytes));
            let from_to = format!(
                "it went from {}{of_base} to {}{of_new}{unit}",
                units::count(base),
                units::count(new)
            );
            (base as f64, new as f64, errors, from_to)
        };
        match self.subject {
            Subject::Figure(index) => {
                let (_, value, [_, error], told) = both(index);
                Actual { value, error, told }
            }
            Subject::Change(index) => {
                let (base, new, errors, told) = both(index);
                Actual { value: new - base, error: errors[0].hypot(errors[1]), told }
            }
            Subject::ChangePercent(index) => {
                let (base, new, [of_base, of_new], from_to) = both(index);
                let value = change_percent(base, new);
                // That of a ratio: the shares of both errors add up as their squares do.
                let error = match base > 0.0 {
                    true => 100.0 * (of_new / base).hypot(of_base * new / (base * base)),
                    false => 0.0,
                };
                Actual { value, error, told: format!("{from_to} ({value:+.1}%)") }
            }
            Subject::UnmatchedBytes => share(100.0 - diff.matched.bytes.percent),
            Subject::UnmatchedBlocks => share(100.0 - diff.matched.blocks.percent),
        }
    }

    /// Whether a value is beyond the limit, by more than chance explains where it's an estimate.
    fn is_crossed(&self, actual: f64, error: f64) -> bool {
        let chance = STANDARD_ERRORS * error;
        match self.comparison {
            Comparison::Above => actual - chance > self.limit,
            Comparison::AtLeast => actual - chance >= self.limit,
            Comparison::Below => actual + chance < self.limit,
            Comparison::AtMost => actual + chance <= self.limit,
        }
    }
}

/// What is compared with a limit: how far off it may be, and the same in a clause.
struct Actual {
    value: f64,
    /// The standard error; 0 where it was counted.
    error: f64,
    told: String,
}

/// What a profile is of: of a process, most figures are counted in a sampled run, too; of a part of it, all are estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A whole process.
    Process,
    /// Some of its sites.
    Sites,
}

impl Extent {
    /// The standard error of a figure; 0 where it was counted.
    fn error(self, profile: &Profile, figure: &str) -> f64 {
        let is_estimated = matches!(figure, "long_lived_bytes" | "long_lived_blocks" | "temporary_blocks");
        let metric = Metric::ALL.iter().find(|metric| metric.name().replace('-', "_") == figure);
        let metric = metric.filter(|_| is_estimated || self == Extent::Sites);
        metric
            .and_then(|metric| error_of_sum(profile, |figures| metric.of(figures), metric.is_bytes()))
            .unwrap_or(0.0)
    }
}

/// A standard error behind its figure; nothing where that was counted.
fn with_error(error: f64, is_bytes: bool) -> String {
    if error > 0.0 { format!(" ±{}", units::figure(error.round() as u64, is_bytes)) } else { String::new() }
}

fn share(percent: f64) -> Actual {
    Actual { value: percent, error: 0.0, told: format!("it is {percent:.1}%") }
}

/// How much more `new` is than `base`, in percent; without end where `base` is nothing.
fn change_percent(base: f64, new: f64) -> f64 {
    match (base == 0.0, new == 0.0) {
        (true, true) => 0.0,
        (true, false) => f64::INFINITY,
        _ => (new - base) * 100.0 / base,
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Threshold, String> {
        const FORM: &str = "write it like 'peak_bytes > +5%', 'total_blocks > +1000', 'end_bytes > 10MiB' or \
                            'unmatched_bytes > 10%'";
        let at = text.find(['<', '>']).ok_or_else(|| format!("there is no comparison in it: {FORM}"))?;
        let (name, rest) = (text[..at].trim().replace('-', "_"), &text[at..]);
        let comparisons = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
        ];
        let (comparison, value) = comparisons
            .into_iter()
            .find_map(|(sign, comparison)| rest.strip_prefix(sign).map(|value| (comparison, value.trim())))
            .ok_or_else(|| FORM.to_owned())?;
        let figure = FIGURES.iter().position(|(known, ..)| *known == name);
        let is_bytes = figure.is_some_and(|index| FIGURES[index].1);
        let (form, limit) =
            parse_value(value, is_bytes).ok_or_else(|| format!("`{value}` is not a value: {FORM}"))?;
        let subject = match (name.as_str(), figure, form) {
            ("unmatched_bytes", _, Form::Percent) => Subject::UnmatchedBytes,
            ("unmatched_blocks", _, Form::Percent) => Subject::UnmatchedBlocks,
            ("unmatched_bytes" | "unmatched_blocks", ..) => {
                return Err(format!("it is a share in percent: '{name} > 10%'"));
            }
            (_, Some(figure), Form::Plain) => Subject::Figure(figure),
            (_, Some(figure), Form::Signed) => Subject::Change(figure),
            (_, Some(figure), Form::SignedPercent) => Subject::ChangePercent(figure),
            (_, Some(_), Form::Percent) => {
                return Err(format!("a change in percent has a sign: '{name} > +5%'"));
            }
            (_, None, _) => {
                let names: Vec<&str> = FIGURES.iter().map(|(known, ..)| *known).collect();
                let names = names.join(", ");
                return Err(format!(
                    "no figure is called `{name}`; there are {names}, unmatched_bytes and unmatched_blocks"
                ));
            }
        };
        Ok(Threshold { text: text.trim().to_owned(), subject, comparison, limit })
    }
}

/// How a value was written, which says what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Signed,
    Percent,
    SignedPercent,
}

fn parse_value(text: &str, is_bytes: bool) -> Option<(Form, f64)> {
    let signed = text.starts_with(['+', '-']);
    if let Some(percent) = text.strip_suffix('%') {
        return Some((if signed { Form::SignedPercent } else { Form::Percent }, parse_number(percent)?));
    }
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" => 1.0,
        _ if !is_bytes => return None,
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some((if signed { Form::Signed } else { Form::Plain }, parse_number(number)? * factor))
}

/// A number as people write it, with `_` between digits where they like; not `inf`, and no exponent.
/// A limit that is neither a change nor a share: `64 MiB`, `1000`.
pub(in crate::analyse) fn plain_limit(text: &str, is_bytes: bool) -> Option<f64> {
    parse_value(text, is_bytes).and_then(|(form, limit)| (form == Form::Plain).then_some(limit))
}

fn parse_number(text: &str) -> Option<f64> {
    let digits = text.trim().replace('_', "");
    let plain = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Comparison::{Above, AtLeast, AtMost, Below};

    #[test]
    fn conditions_are_read() {
        let mib = 1024.0 * 1024.0;
        let cases = [
            ("peak_bytes > +5%", Subject::ChangePercent(0), Above, 5.0),
            ("total_blocks>+1_000", Subject::Change(3), Above, 1000.0),
            ("end_bytes >= 10MiB", Subject::Figure(4), AtLeast, 10.0 * mib),
            ("end-bytes > +1.5 kB", Subject::Change(4), Above, 1500.0),
            ("peak_rss_bytes < -5%", Subject::ChangePercent(11), Below, -5.0),
            ("total_blocks <= 7", Subject::Figure(3), AtMost, 7.0),
            ("unmatched_bytes > 10%", Subject::UnmatchedBytes, Above, 10.0),
            ("unmatched_blocks > 0.5%", Subject::UnmatchedBlocks, Above, 0.5),
        ];
        for (text, subject, comparison, limit) in cases {
            let threshold: Threshold = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (threshold.subject, threshold.comparison, threshold.limit),
                (subject, comparison, limit),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_can() {
        let cases = [
            ("peak_bytes", "there is no comparison in it"),
            ("", "there is no comparison in it"),
            ("peak > 5", "no figure is called `peak`; there are peak_bytes, "),
            ("peak_bytes > 5%", "a change in percent has a sign: 'peak_bytes > +5%'"),
            ("peak_bytes > much", "`much` is not a value"),
            ("peak_bytes > inf", "`inf` is not a value"),
            ("peak_bytes > 1e3", "`1e3` is not a value"),
            ("peak_bytes >", "`` is not a value"),
            ("total_blocks > 10MiB", "`10MiB` is not a value"),
            ("unmatched_bytes > +5%", "it is a share in percent"),
            ("unmatched_bytes > 5", "it is a share in percent"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn from_nothing_every_growth_is_endless() {
        assert_eq!(change_percent(0.0, 0.0), 0.0);
        assert_eq!(change_percent(0.0, 1.0), f64::INFINITY);
        assert_eq!(change_percent(200.0, 190.0), -5.0);
    }
}

//! Budgets for whole programs: what a dump may have at the most, as a file says it.
//!
//! ```toml
//! base = "release-1.4.json"      # for limits with a sign
//!
//! [limits]
//! peak_bytes = "64 MiB"
//! end_blocks = 0
//! total_blocks = "+5%"
//! unmatched_bytes = "10%"
//!
//! [[site]]
//! function = "parse::read_all"
//! peak_bytes = "12 MiB"
//!
//! [[operation]]
//! name = "create_order"
//! p99 = "50 ms"
//! ```
//!
//! A limit is what [`Threshold`] takes, without its comparison: nothing may be above it.

use super::diff::Diff;
use super::diff::threshold::{Extent, Threshold};
use super::operation_limits::OperationBudget;
use super::operations::operations;
use super::verdict::Verdict;
use crate::profile::{Frame, FrameId, Profile, Site};
use alloc_probe_format::dump::{Dump, Figures};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a file asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// The dump that limits with a sign are changes from.
    pub base: Option<PathBuf>,
    /// The limits of the whole program.
    limits: Vec<Limit>,
    /// Those of functions.
    sites: Vec<SiteBudget>,
    /// Those of operations.
    operations: Vec<OperationBudget>,
}

#[derive(Clone, Debug, PartialEq)]
struct SiteBudget {
    function: String,
    limits: Vec<Limit>,
}

#[derive(Clone, Debug, PartialEq)]
struct Limit {
    /// The figure's name.
    figure: String,
    /// As the file has it.
    text: String,
    above: Threshold,
}

/// The file as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    base: Option<PathBuf>,
    #[serde(default)]
    limits: BTreeMap<String, toml::Value>,
    #[serde(default)]
    site: Vec<FileSite>,
    #[serde(default)]
    operation: Vec<FileOperation>,
}

#[derive(Deserialize)]
struct FileOperation {
    name: String,
    #[serde(flatten)]
    limits: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct FileSite {
    function: String,
    #[serde(flatten)]
    limits: BTreeMap<String, toml::Value>,
}

impl Budget {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// Where it is no TOML, has what no budget has, or a limit that can't be meant: in one line.
    pub fn parse(text: &str) -> Result<Budget, String> {
        let file: File = toml::from_str(text).map_err(|error| one_line(&error, text))?;
        let sites = file.site.into_iter().map(|site| {
            let limits = limits(site.limits).map_err(|error| format!("site `{}`: {error}", site.function))?;
            if limits.is_empty() {
                return Err(format!("site `{}` has no limit", site.function));
            }
            if let Some(limit) = limits.iter().find(|limit| !limit.above.is_of_sites()) {
                return Err(format!("site `{}`: `{}` is the whole program's", site.function, limit.figure));
            }
            Ok(SiteBudget { function: site.function, limits })
        });
        let sites = sites.collect::<Result<Vec<_>, String>>()?;
        let operations = file.operation.into_iter().map(|of| OperationBudget::new(of.name, of.limits));
        let operations = operations.collect::<Result<Vec<_>, String>>()?;
        let budget = Budget { base: file.base, limits: limits(file.limits)?, sites, operations };
        if budget.limits.is_empty() && budget.sites.is_empty() && budget.operations.is_empty() {
            return Err("it has no limit".to_owned());
        }
        Ok(budget)
    }

    /// The first limit that is a change from a base, which there has to be then.
    pub fn needs_base(&self) -> Option<String> {
        let of_sites = self.sites.iter().flat_map(|site| &site.limits);
        let limit = self.limits.iter().chain(of_sites).find(|limit| limit.above.needs_base())?;
        Some(format!("{} = \"{}\"", limit.figure, limit.text))
    }

    /// The first figure with a limit that a dump does not tell: it must not pass for one that is 0.
    pub fn needs_unknown(&self, dump: &Dump) -> Option<&str> {
        let of_sites = self.sites.iter().flat_map(|site| &site.limits);
        let figures = self.limits.iter().chain(of_sites).map(|limit| limit.figure.as_str());
        figures.into_iter().find(|figure| dump.unknown_figures.iter().any(|unknown| unknown == figure))
    }

    /// Holds a profile to the budget. The base is there if [it has to be](Budget::needs_base).
    pub fn verdicts(&self, base: Option<(&Profile, &Diff)>, new: &Profile) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = self
            .limits
            .iter()
            .map(|limit| {
                let (above, measured) = limit.above.measure(base, new, Extent::Process);
                limit.verdict(None, measured, !above, None)
            })
            .collect();
        for site in &self.sites {
            let (found, place) = part(new, &site.function);
            let base_part = base.map(|(profile, diff)| (part(profile, &site.function).0, diff));
            let base_figures = base_part.map(|(part, diff)| {
                let nothing = || only(Figures::default(), Vec::new(), Dump::default());
                (part.unwrap_or_else(nothing), diff)
            });
            verdicts.extend(site.limits.iter().map(|limit| {
                let function = Some(site.function.clone());
                match &found {
                    Some(found) => {
                        let base = base_figures.as_ref().map(|(base, diff)| (base, *diff));
                        let (above, measured) = limit.above.measure(base, found, Extent::Sites);
                        limit.verdict(function, measured, !above, place.clone())
                    }
                    // A function that was renamed must not pass for one that allocates nothing.
                    None => limit.verdict(function, "no stack has this function".to_owned(), false, None),
                }
            }));
        }
        if !self.operations.is_empty() {
            let operations = operations(new);
            verdicts.extend(self.operations.iter().flat_map(|budget| budget.verdicts(&operations)));
        }
        verdicts
    }
}

impl Limit {
    fn verdict(
        &self,
        function: Option<String>,
        measured: String,
        met: bool,
        place: Option<(String, u32)>,
    ) -> Verdict {
        Verdict { function, figure: self.figure.clone(), limit: self.text.clone(), measured, met, place }
    }
}

fn limits(values: BTreeMap<String, toml::Value>) -> Result<Vec<Limit>, String> {
    let limit = |(figure, value): (String, toml::Value)| {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) if number >= 0 => number.to_string(),
            _ => {
                return Err(format!(
                    "`{figure}` has no limit: write a number, or text like \"64 MiB\" or \"+5%\""
                ));
            }
        };
        let above = format!("{figure} > {text}").parse()?;
        Ok(Limit { figure, text, above })
    };
    values.into_iter().map(limit).collect()
}

/// What is wrong with a file, and in which line.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let message = error.message().replace('\n', ", ");
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

/// The part of a profile under a function, and where that function is. None where no stack has it.
fn part(profile: &Profile, function: &str) -> (Option<Profile>, Option<(String, u32)>) {
    let wanted = without_parameters(function);
    let called = profile.frames.iter().map(|frame| is_called(frame, &wanted)).collect::<Vec<_>>();
    let frame_of = |site: &Site| profile.frames_of(site).find(|FrameId(id)| called[*id as usize]);
    let mut figures = None::<Figures>;
    let mut sites = Vec::new();
    let mut place = None;
    for (site, FrameId(id)) in profile.sites.iter().filter_map(|site| Some((site, frame_of(site)?))) {
        figures.get_or_insert_default().add(&site.figures);
        // By these the errors of estimates are known.
        sites.push(Site { stack: 0, ..site.clone() });
        let frame = &profile.frames[id as usize];
        place = place.or_else(|| Some((frame.file.clone()?, frame.line?)));
    }
    let Dump { mode, sample_bytes, .. } = profile.dump;
    let how = Dump { mode, sample_bytes, ..Dump::default() };
    (figures.map(|figures| only(figures, sites, how)), place)
}

/// Whether a frame's function has a name, or a path that ends with it.
fn is_called(frame: &Frame, wanted: &str) -> bool {
    let name = without_parameters(&frame.function);
    let rest = name.strip_suffix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

/// A function's path without the parameters of types and functions: `Cache::insert` for `Cache<K>::insert`.
fn without_parameters(function: &str) -> String {
    let mut depth = 0;
    let mut plain = String::with_capacity(function.len());
    for (index, letter) in function.char_indices() {
        match letter {
            // `<A as B>::c` starts with one that is no list of parameters.
            '<' if index > 0 => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain.replace("::::", "::").trim_end_matches("::").to_owned()
}

/// A profile that has nothing but figures.
fn only(totals: Figures, sites: Vec<Site>, how: Dump) -> Profile {
    Profile { dump: Dump { totals, ..how }, sites, ..Profile::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_budget_is_refused_in_one_line() {
        for (text, expected) in [
            ("", "it has no limit"),
            ("[limits]\npeak = 1", "no figure is called `peak`"),
            ("[limits]\npeak_bytes = \"much\"", "`much` is not a value"),
            ("[limits]\npeak_bytes = -1", "`peak_bytes` has no limit: write a number"),
            ("[limits]\npeak_bytes = 1.5", "`peak_bytes` has no limit: write a number"),
            ("\n[limit]\npeak_bytes = 1", "line 2: unknown field `limit`"),
            ("[[site]]\npeak_bytes = 1", "missing field `function`"),
            ("[[site]]\nfunction = \"f\"", "site `f` has no limit"),
            ("[[site]]\nfunction = \"f\"\nrss_bytes = 1", "site `f`: `rss_bytes` is the whole program's"),
            ("x", "line 1: "),
        ] {
            let error = Budget::parse(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn functions_are_known_by_the_end_of_their_path() {
        let frame = |function: &str| Frame { function: function.to_owned(), ..Frame::default() };
        for (function, wanted, expected) in [
            ("orders::cache::Cache<K>::insert", "Cache::insert", true),
            ("orders::cache::Cache<K>::insert", "cache::Cache<K>::insert", true),
            ("orders::parse::<alloc::vec::Vec<u8>>", "parse", true),
            ("orders::reparse", "parse", false),
            ("orders::parse::inner", "parse", false),
            ("<orders::A as orders::B<u8>>::go", "<orders::A as orders::B>::go", true),
        ] {
            assert_eq!(
                is_called(&frame(function), &without_parameters(wanted)),
                expected,
                "{function} {wanted}"
            );
        }
    }
}

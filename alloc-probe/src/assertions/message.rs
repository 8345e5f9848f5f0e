//! What a failed assertion says.

use super::figure::blocks;
use super::origin::{shown, target_folder};
use super::sites::{CallSite, call_sites};
use crate::api::report;
use crate::api::scope::Scope;
use crate::dump;
use crate::shared::statement::{Comparison, Figure, Origin};
use crate::shared::usage::{Bytes, Usage};
use alloc_probe_format::dump::Dump;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

/// How many call sites are shown.
const SITES: usize = 10;

/// The message for a figure that is off.
pub(super) fn of_failure(
    scope: &Scope,
    origin: &Origin,
    figure: Figure,
    comparison: Comparison,
    limit: u64,
) -> String {
    let usage = scope.usage();
    let mut text = String::from("memory assertion failed: ");
    if usage.lost != 0 {
        text += &incomplete(&usage);
        return text;
    }
    text += &headline(figure, comparison, figure.of(&usage), limit);
    text += &explanation(scope, origin, figure);
    text
}

/// Why figures with losses are no good.
pub(super) fn incomplete(usage: &Usage) -> String {
    format!(
        "{} events could not be counted, for want of memory or in a signal handler, so the figures are not complete\n   \
         {usage}\n",
        usage.lost
    )
}

/// The call sites of a figure, and where the dump of all lies.
pub(super) fn explanation(scope: &Scope, origin: &Origin, figure: Figure) -> String {
    let dump = report::of(scope);
    let mut text = rows(&call_sites(&dump, figure, origin), figure);
    match write(&dump, origin) {
        Ok(path) => {
            let path = shown(&path, origin);
            let by = if figure == Figure::peak_bytes { "" } else { " --by " };
            let metric = if by.is_empty() { "" } else { figure.metric() };
            let _ = writeln!(text, "dump: {path}  (alloc-probe show {path}{by}{metric})");
        }
        Err((path, error)) => {
            let _ = writeln!(text, "no dump: cannot write `{}`: {error}", path.display());
        }
    }
    text
}

/// Writes the dump to `alloc-probe/NAME.json` in cargo's target folder, where NAME is that of the test.
fn write(dump: &Dump, origin: &Origin) -> Result<PathBuf, (PathBuf, io::Error)> {
    let folder = target_folder(origin).join("alloc-probe");
    let name =
        origin.test().replace("::", ".").replace(|c: char| c.is_whitespace() || "/<>".contains(c), "_");
    let path = folder.join(format!("{name}.json"));
    let written = fs::create_dir_all(&folder).and_then(|()| dump::save(&path, dump));
    written.map(|()| path.clone()).map_err(|error| (path, error))
}

/// One line: the figure, the limit, and by how much they differ.
fn headline(figure: Figure, comparison: Comparison, value: u64, limit: u64) -> String {
    let (mut is, mut allowed) = (figure.show(value), figure.show(limit));
    if is == allowed && figure.is_bytes() {
        (is, allowed) = (format!("{value} B"), format!("{limit} B"));
    }
    let sign = if value >= limit { '+' } else { '-' };
    let apart = value.abs_diff(limit);
    let excess = if figure.is_bytes() { Bytes(apart).to_string() } else { apart.to_string() };
    let percent = match limit {
        0 => String::new(),
        _ => format!(", {sign}{:.0} %", apart as f64 / limit as f64 * 100.0),
    };
    format!("{} {is} {} {allowed} ({sign}{excess}{percent})\n", figure.name(), comparison.broken())
}

/// The call sites, in columns.
fn rows(sites: &[CallSite], figure: Figure) -> String {
    let shown = &sites[..sites.len().min(SITES)];
    let bytes = |site: &CallSite| Bytes(site.bytes).to_string();
    let width = |of: &dyn Fn(&CallSite) -> String| shown.iter().map(|site| of(site).chars().count()).max();
    let [first, second, third, fourth] = [
        width(&bytes),
        width(&|site| blocks(site.blocks)),
        width(&|site| site.function.clone()),
        width(&|site| site.place.clone()),
    ]
    .map(Option::unwrap_or_default);
    let mut text = String::new();
    for site in shown {
        let line = format!(
            "   {:>first$} in {:second$}   {:third$}   {:fourth$}   {}",
            bytes(site),
            blocks(site.blocks),
            site.function,
            site.place,
            site.note(),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let rest = &sites[shown.len()..];
    if !rest.is_empty() {
        let sum = |of: fn(&CallSite) -> u64| rest.iter().map(of).sum::<u64>();
        let (bytes, number) = (sum(|site| site.bytes), sum(|site| site.blocks));
        let _ =
            writeln!(text, "   and {} in {} at {} more call sites", Bytes(bytes), blocks(number), rest.len());
    }
    if sites.is_empty() && figure.is_of_live() {
        text += "   nothing of it is live any more\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_has_limit_figure_and_excess() {
        let headline = |figure, comparison, value, limit| headline(figure, comparison, value, limit);
        assert_eq!(
            headline(Figure::peak_bytes, Comparison::AtMost, 19_083_034, 16 << 20),
            "peak 18.2 MiB is above the limit of 16.0 MiB (+2.2 MiB, +14 %)\n"
        );
        assert_eq!(
            headline(Figure::peak_bytes, Comparison::AtMost, (16 << 20) + 1, 16 << 20),
            "peak 16777217 B is above the limit of 16777216 B (+1 B, +0 %)\n"
        );
        assert_eq!(
            headline(Figure::total_blocks, Comparison::AtMost, 1, 0),
            "total 1 block is above the limit of 0 blocks (+1)\n"
        );
        assert_eq!(headline(Figure::reallocs, Comparison::Equal, 3, 4), "reallocs 3 is not 4 (-1, -25 %)\n");
    }

    #[test]
    fn columns_are_aligned() {
        let site = |bytes, blocks, function: &str, place: &str, reallocs| CallSite {
            bytes,
            blocks,
            function: function.to_owned(),
            place: place.to_owned(),
            holder: Some("Vec"),
            reallocs,
        };
        let sites = [
            site(12 << 20, 1, "parse::read_all", "src/parse.rs:41", 21),
            site(6_396_314, 3, "parse::tokens", "src/parse.rs:77", 0),
        ];
        assert_eq!(
            rows(&sites, Figure::peak_bytes),
            "   12.0 MiB in 1 block    parse::read_all   src/parse.rs:41   Vec grew 21 times\n    \
                6.1 MiB in 3 blocks   parse::tokens     src/parse.rs:77\n"
        );
    }
}

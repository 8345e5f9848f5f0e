//! The sites that differ, in a table that can be sorted.

use super::parts::look;
use super::text::Escaped;
use crate::analyse::diff::Diff;
use crate::analyse::diff::class::Class;
use crate::analyse::diff::pair::MatchKind;
use crate::render::diff::change::Change;
use crate::render::diff::pair_stacks::{Line, Stacks};
use crate::render::diff::view::View;
use crate::render::diff::words::word;
use crate::units::{count, figure, plural};
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// Callers listed of a site: nobody reads further.
const CALLERS: usize = 40;

/// Writes the table of as many sites as are asked for; nothing where none differs.
pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { diff, options, .. } = *view;
    let metrics = metrics(options.metric);
    // Of a class, all of its sites are listed.
    let differs =
        |index: &usize| options.only.is_some() || metrics.iter().any(|metric| diff.is_told(*index, *metric));
    let changed: Vec<usize> =
        diff.by_distance(options.metric, options.only).into_iter().filter(differs).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let top = &changed[..options.top.min(changed.len())];
    let stacks = Stacks::new(view);
    write!(
        out,
        "<h2>Sites that differ</h2>\n<div class=\"wide\"><table class=\"sorted\">\n<caption>{} of {}, those furthest apart \
         by {} first. The titles of the columns sort them.</caption>\n<thead><tr>",
        count(top.len() as u64),
        plural(changed.len() as u64, "site"),
        options.metric.name()
    )?;
    for (index, metric) in metrics.iter().enumerate() {
        let sorted = if index == 0 { " aria-sort=\"descending\"" } else { "" };
        write!(out, "<th class=\"n\"{sorted}><button>{}</button></th>", word(*metric))?;
        if index == 0 {
            write!(
                out,
                "<th class=\"n\"><button>base</button></th><th class=\"n\"><button>new</button></th>"
            )?;
        }
    }
    writeln!(
        out,
        "<th><button>change</button></th><th><button>matched</button></th><th><button>site</button></th>\
         </tr></thead>\n<tbody>"
    )?;
    for index in top {
        row(&stacks, diff, *index, &metrics, out)?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

/// The metric that is asked for, and what was allocated in all.
fn metrics(metric: Metric) -> Vec<Metric> {
    let beside = [Metric::TotalBytes, Metric::TotalBlocks].into_iter().filter(|beside| *beside != metric);
    std::iter::once(metric).chain(beside).collect()
}

fn row(
    stacks: &Stacks<'_>,
    diff: &Diff,
    index: usize,
    metrics: &[Metric],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (pair, class) = (&diff.pairs[index], diff.classes[index]);
    write!(out, "<tr>")?;
    for (column, metric) in metrics.iter().enumerate() {
        let change = Change::of(pair.of(*metric), metric.is_bytes());
        let error = diff.error(index, *metric);
        let error = error.map(|error| format!(" ±{}", figure(error.round() as u64, metric.is_bytes())));
        let difference = i128::from(change.new) - i128::from(change.base);
        write!(
            out,
            "<td class=\"n {}\" data-value=\"{difference}\">{}{}</td>",
            look(change),
            change.difference(),
            error.unwrap_or_default()
        )?;
        if column == 0 {
            let sides = [(change.base, change.base_text()), (change.new, change.new_text())];
            for (value, text) in sides {
                write!(out, "<td class=\"n\" data-value=\"{value}\">{text}</td>")?;
            }
        }
    }
    let matched = match (pair.kind, &pair.base) {
        (Some(MatchKind::Exact), _) => "exactly",
        (Some(_), _) => "loosely",
        (None, Some(_)) => "only in base",
        (None, None) => "only in new",
    };
    write!(
        out,
        "<td class=\"word\">{}</td><td class=\"word\">{matched}</td><td>",
        class.map_or("", Class::word)
    )?;
    let lines = stacks.stack(pair, CALLERS);
    let (first, callers) =
        lines.split_first().expect("a stack has a line, if only to say that there is none");
    let line = |line: &Line| {
        format!(
            "<code>{}</code> <span class=\"faint\">{}</span>",
            Escaped(&line.function),
            Escaped(&line.location)
        )
    };
    if callers.is_empty() {
        return writeln!(out, "{}</td></tr>", line(first));
    }
    write!(out, "<details><summary>{}</summary><ol>", line(first))?;
    callers.iter().try_for_each(|caller| write!(out, "<li>{}</li>", line(caller)))?;
    writeln!(out, "</ol></details></td></tr>")
}

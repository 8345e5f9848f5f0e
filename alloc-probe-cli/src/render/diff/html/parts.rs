//! Figures, the account, findings and classes, as tables and paragraphs.

use super::text::Escaped;
use crate::analyse::diff::Diff;
use crate::analyse::diff::account::Line;
use crate::analyse::diff::pair::Pair;
use crate::render::diff::change::{self, Change};
use crate::render::diff::pair_stacks::Stacks;
use crate::render::diff::view::View;
use crate::render::diff::{classes, tables, work};
use crate::units::count;
use std::io::{self, Write};

/// Sites listed with a finding.
const SITES: usize = 5;

/// The class of a difference, which its colour goes by. Its sign says the same.
pub(super) fn look(change: Change) -> &'static str {
    look_of(change.base as f64, change.new as f64)
}

fn look_of(base: f64, new: f64) -> &'static str {
    match new.total_cmp(&base) {
        std::cmp::Ordering::Greater => "more",
        std::cmp::Ordering::Less => "less",
        std::cmp::Ordering::Equal => "faint",
    }
}

/// Sentences, as a list.
pub(super) fn sentences(sentences: &[String], out: &mut dyn Write) -> io::Result<()> {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "<ul>")?;
    sentences.iter().try_for_each(|sentence| writeln!(out, "<li>{}</li>", Escaped(sentence)))?;
    writeln!(out, "</ul>")
}

/// The figures of both runs, and those for each unit of work.
pub(super) fn figures(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, options, .. } = *view;
    begin("Figures", out)?;
    for (name, is_bytes, of) in tables::FIGURES {
        let change = Change::of((of(&base.dump), of(&new.dump)), is_bytes);
        let sides = [base, new];
        let remark = tables::Estimates::of(&(name, is_bytes, of), sides).map(|estimates| {
            let chance = if estimates.explain(change) { ": differs, maybe by chance" } else { "" };
            format!("{}{chance}", estimates.words())
        });
        let is_unknown = tables::known(&(name, is_bytes, of), sides).contains(&false);
        let remark =
            if is_unknown { tables::why_unknown(name).to_owned() } else { remark.unwrap_or_default() };
        if (change.base, change.new) != (0, 0) {
            row("", name, change, &remark, out)?;
        }
    }
    end(out)?;
    let Some(unit) = options.unit else { return Ok(()) };
    begin(&format!("For each {}", unit.name), out)?;
    for (name, key, of) in work::FIGURES {
        let sides = (of(&base.dump.totals), of(&new.dump.totals));
        if sides == (0, 0) {
            continue;
        }
        let ((was, is), is_bytes) = (unit.of(sides), key.ends_with("_bytes"));
        let figure = |value| work::figure(value, is_bytes);
        writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n {look}\">{}</td><td class=\"n {look}\">{}</td><td></td></tr>",
            figure(was),
            figure(is),
            work::difference(was, is, is_bytes),
            change::percent(was, is),
            look = look_of(was, is)
        )?;
    }
    row("", "passed", Change::of((unit.base, unit.new), false), "", out)?;
    end(out)
}

/// What the resident memory of both consists of.
pub(super) fn account(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let Some(account) = &diff.account else { return Ok(()) };
    begin("Memory at the end", out)?;
    account.lines.iter().filter(|line| !line.is_empty()).try_for_each(|one| line("", one, out))?;
    line("sum", &account.resident, out)?;
    account.beside.iter().try_for_each(|one| line("", one, out))?;
    end(out)?;
    if let Some(resident) = &account.resident_at_peak {
        begin("Memory near the peak", out)?;
        account.at_peak.iter().filter(|line| !line.is_empty()).try_for_each(|one| line("", one, out))?;
        line("sum", resident, out)?;
        end(out)?;
    }
    sentences(&account.notes, out)
}

/// Why the memory differs.
pub(super) fn findings(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { diff, .. } = *view;
    if diff.findings.is_empty() {
        return Ok(());
    }
    let stacks = Stacks::new(view);
    writeln!(out, "<h2>Why</h2>")?;
    for finding in &diff.findings {
        let text = |bytes: i64| {
            let change = Change { base: 0, new: bytes, is_bytes: true };
            if finding.in_both { change.new_text() } else { change.difference() }
        };
        let both = if finding.in_both { " in both" } else { "" };
        writeln!(out, "<section class=\"finding\">")?;
        writeln!(out, "<h3>{} {}{both}</h3>", Escaped(finding.kind.title()), text(finding.bytes))?;
        writeln!(out, "<p>{}</p>", Escaped(&finding.sentence))?;
        sentences(&finding.evidence, out)?;
        let sites = finding.sites.iter().take(SITES);
        let (pairs, bytes): (Vec<&Pair>, Vec<i64>) =
            sites.filter_map(|(pair, bytes)| Some((diff.pairs.get(*pair)?, *bytes))).unzip();
        for (bytes, lines) in bytes.into_iter().zip(stacks.headlines(&pairs)) {
            let part = finding.part(bytes).map(|new| Change { base: 0, new, is_bytes: true }.new_text());
            write!(out, "<p>{}", part.unwrap_or_else(|| text(bytes)))?;
            for line in &lines {
                write!(
                    out,
                    " {}<code>{}</code> <span class=\"faint\">{}</span>",
                    line.mark,
                    Escaped(&line.function),
                    Escaped(&line.location)
                )?;
            }
            writeln!(out, "</p>")?;
        }
        writeln!(out, "<p>→ {}</p>\n</section>", Escaped(&finding.advice))?;
    }
    Ok(())
}

/// What became of the sites, in all.
pub(super) fn classes(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, options, .. } = *view;
    let assertions = [base, new].iter().any(|profile| profile.dump.build.debug_assertions);
    let (sums, metrics) = (diff.sums(), classes::metrics(options.metric));
    if sums.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>What changed</h2>\n<div class=\"wide\"><table>\n<thead><tr><th></th><th class=\"n\">sites</th>"
    )?;
    metrics.iter().try_for_each(|metric| write!(out, "<th class=\"n\">{}</th>", classes::title(*metric)))?;
    writeln!(out, "<th></th></tr></thead>\n<tbody>")?;
    for sum in &sums {
        let name = classes::name(sum.class, diff.optimisation);
        write!(out, "<tr><th scope=\"row\">{name}</th><td class=\"n\">{}</td>", count(sum.pairs as u64))?;
        for metric in &metrics {
            let change = classes::change(sum, *metric);
            let error = classes::error(diff, sum.class, *metric);
            let error = error.map(|error| format!(" {error}")).unwrap_or_default();
            write!(out, "<td class=\"n {}\">{}{error}</td>", look(change), change.difference())?;
        }
        writeln!(out, "<td class=\"faint\">{}</td></tr>", sum.class.meaning(assertions))?;
    }
    end(out)
}

fn begin(title: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<h2>{}</h2>\n<div class=\"wide\"><table>\n<thead><tr><th></th><th class=\"n\">base</th><th class=\"n\">new</th>\
         <th class=\"n\">difference</th><th></th><th></th></tr></thead>\n<tbody>",
        Escaped(title)
    )
}

fn end(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</tbody>\n</table></div>")
}

/// A line of an account. What a side can't tell is a question mark there.
fn line(class: &str, line: &Line, out: &mut dyn Write) -> io::Result<()> {
    let &Line { name, meaning, base, new, is_bytes, is_other } = line;
    if let (Some(base), Some(new), false) = (base, new, is_other) {
        return row(class, name, Change { base, new, is_bytes }, meaning, out);
    }
    let text = |side: Option<i64>| {
        side.map_or("?".to_owned(), |side| Change { base: side, new: side, is_bytes }.base_text())
    };
    writeln!(
        out,
        "<tr class=\"{class}\"><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">?</td><td></td><td class=\"faint\">{}</td></tr>",
        Escaped(name),
        text(base),
        text(new),
        Escaped(meaning)
    )
}

fn row(class: &str, name: &str, change: Change, remark: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<tr class=\"{class}\"><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n {look}\">{}</td><td class=\"n {look}\">{}</td><td class=\"faint\">{}</td></tr>",
        Escaped(name),
        change.base_text(),
        change.new_text(),
        change.difference(),
        change.percent(),
        Escaped(remark),
        look = look(change)
    )
}

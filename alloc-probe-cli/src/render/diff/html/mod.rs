//! A diff as one page of HTML that needs nothing else: it loads nothing, from nowhere, and works where there is no network.

mod parts;
mod sites;
mod text;

use super::sides::{facts, file_names};
use super::view::View;
use super::words::{floor, word};
use crate::profile::Profile;
use crate::render::diff::change::Change;
use crate::render::summary;
use std::io::{self, Write};
use text::Escaped;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("sort.js");

/// A picture in the page.
#[derive(Debug)]
pub struct Picture {
    /// What it shows, in a sentence.
    pub caption: String,
    /// The picture, as SVG without a script.
    pub svg: Vec<u8>,
}

/// Writes the page.
///
/// # Errors
///
/// Those of `out`.
pub fn write(view: &View<'_>, pictures: &[Picture], out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, .. } = *view;
    let names = file_names(base, new);
    let program = summary::program(&new.dump);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {} → {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        Escaped(program),
        Escaped(&names[0]),
        Escaped(&names[1])
    )?;
    headline(view, out)?;
    runs([base, new], &names, out)?;
    parts::account(diff, out)?;
    parts::findings(view, out)?;
    parts::figures(view, out)?;
    matched(view, out)?;
    parts::classes(view, out)?;
    sites::write(view, out)?;
    graphs(pictures, out)?;
    write!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n")
}

fn headline(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, options, .. } = *view;
    let metric = options.metric;
    let change = Change::of((metric.of(&base.dump.totals), metric.of(&new.dump.totals)), metric.is_bytes());
    let told = match (change.percent(), change.difference()) {
        (percent, _) if !percent.is_empty() => percent,
        (_, difference) if difference == "=" => "the same".to_owned(),
        (_, difference) => difference,
    };
    writeln!(
        out,
        "<h1>{} {} → {} <span class=\"{}\">({told})</span></h1>",
        word(metric),
        change.base_text(),
        change.new_text(),
        parts::look(change)
    )
}

/// Which runs are compared.
fn runs(sides: [&Profile; 2], names: &[String; 2], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<div class=\"wide\"><table>\n<tbody>")?;
    let others = sides.into_iter().rev();
    for (((side, name), profile), other) in ["base", "new"].into_iter().zip(names).zip(sides).zip(others) {
        let command = profile.dump.process.command.join(" ");
        writeln!(
            out,
            "<tr><th scope=\"row\" class=\"faint\">{side}</th><td><strong>{}</strong></td><td>{}</td>\
             <td class=\"faint\"><code>{}</code></td></tr>",
            Escaped(name),
            Escaped(facts(profile, other)),
            Escaped(command)
        )?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

/// How much was matched, and what stands in the way of more.
fn matched(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, .. } = *view;
    writeln!(out, "<h2>Matched</h2>")?;
    if !base.sites.is_empty() && !new.sites.is_empty() {
        let (bytes, blocks) = (diff.matched.bytes, diff.matched.blocks);
        writeln!(
            out,
            "<p>{:.1}% of the bytes ({:.1}% exactly), {:.1}% of the blocks ({:.1}% exactly)</p>",
            floor(bytes.percent),
            floor(bytes.exact_percent),
            floor(blocks.percent),
            floor(blocks.exact_percent)
        )?;
    }
    if let Some(sameness) = diff.sameness() {
        writeln!(out, "<p>{sameness}</p>")?;
    }
    parts::sentences(&diff.caveats, out)
}

/// The flamegraphs.
fn graphs(pictures: &[Picture], out: &mut dyn Write) -> io::Result<()> {
    if pictures.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Flamegraphs of the difference</h2>")?;
    writeln!(
        out,
        "<p>Callers are at the bottom. Red has more in the new run than in the base, blue less; the tooltip of a box \
         has its figures.</p>"
    )?;
    for picture in pictures {
        let svg = String::from_utf8_lossy(&picture.svg);
        // Without what begins a file of its own, and without the script that is left out.
        let svg = svg.find("<svg").map_or("", |start| &svg[start..]).replace(" onload=\"init(evt)\"", "");
        writeln!(out, "<figure>\n{svg}\n<figcaption>{}</figcaption>\n</figure>", Escaped(&picture.caption))?;
    }
    Ok(())
}

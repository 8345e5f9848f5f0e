//! A budget's verdicts: a table for people, and annotations for GitHub.

use crate::analyse::verdict::Verdict;
use crate::term::text::{printable, width};
use crate::units;
use std::io::{self, Write};
use std::path::Path;

/// Writes the verdicts as a table, and how many limits are not met.
///
/// # Errors
///
/// Those of `out` itself.
pub fn table(verdicts: &[Verdict], out: &mut dyn Write) -> io::Result<()> {
    let rows = verdicts.iter().map(|verdict| {
        let limit = format!("at most {}", verdict.limit);
        let row = [if verdict.met { "ok" } else { "OVER" }, &subject(verdict), &limit, &verdict.measured];
        row.map(|cell| printable(cell).into_owned())
    });
    let rows = rows.collect::<Vec<[String; 4]>>();
    let widths = [0, 1, 2].map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0));
    for [verdict, what, limit, measured] in &rows {
        let [first, second, third] = widths;
        writeln!(out, "{verdict:first$}  {what:second$}  {limit:third$}  {measured}")?;
    }
    let unmet = verdicts.iter().filter(|verdict| !verdict.met).count();
    let limits = units::plural(verdicts.len() as u64, "limit");
    match unmet {
        0 => writeln!(out, "\n{limits}, all met"),
        _ => writeln!(out, "\n{limits}, {unmet} not met"),
    }
}

/// Writes an annotation for each limit that is not met, in the words of GitHub's workflow commands: where the function is,
/// if its file lies in `folder`, and else without a place.
///
/// # Errors
///
/// Those of `out` itself.
pub fn annotations(verdicts: &[Verdict], dump: &Path, folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    for verdict in verdicts.iter().filter(|verdict| !verdict.met) {
        let subject = subject(verdict);
        let place = verdict.place.as_ref().and_then(|(file, line)| {
            let file = Path::new(file).strip_prefix(folder).ok()?;
            Some(format!("file={},line={line},", property(&file.to_string_lossy())))
        });
        let message =
            format!("{}: {subject}: {}, at most {}", dump.display(), verdict.measured, verdict.limit);
        writeln!(
            out,
            "::error {}title={}::{}",
            place.unwrap_or_default(),
            property("memory budget not met"),
            data(&message),
        )?;
    }
    Ok(())
}

fn subject(verdict: &Verdict) -> String {
    match &verdict.function {
        Some(function) => format!("{function} {}", verdict.figure),
        None => verdict.figure.clone(),
    }
}

/// Text as the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as one of its properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! What a program did between two marks, as text.

use super::summary::{Rows, title};
use crate::analyse::between::Between;
use crate::profile::Profile;
use crate::term::{style, text};
use crate::units::{bytes, count, duration, plural, rate};
use std::io::{self, Write};

/// Writes the figures between two marks. `live_bytes` are those over that time, in equal steps.
///
/// # Errors
///
/// Those of `out`.
pub fn write(
    profile: &Profile,
    between: &Between,
    live_bytes: &[u64],
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    title(&profile.dump, width, out)?;
    let strong = style::STRONG;
    let end = |mark: &Option<String>, other: &str| {
        mark.as_ref().map_or_else(|| other.to_owned(), |mark| format!("`{}`", text::printable(mark)))
    };
    let Between { from_mark, to_mark, from, to, .. } = between;
    let (first, last) = (end(from_mark, "the start"), end(to_mark, "the end"));
    writeln!(out, "\n{strong}From {first} to {last}{strong:#}")?;
    let ((total, blocks), (freed, freed_blocks)) = (between.total(), between.freed());
    let seconds = between.duration_ns() as f64 / 1e9;
    let mut rows = Rows { width, out };
    let when = format!("from {} to {}", duration(from.time_ns), duration(to.time_ns));
    rows.row("time", duration(between.duration_ns()), &when)?;
    let a_second = if seconds > 0.0 {
        let bytes_a_second = bytes((total as f64 / seconds) as u64);
        format!("; a second: {bytes_a_second} in {} blocks", rate(blocks as f64 / seconds))
    } else {
        String::new()
    };
    rows.row("total", bytes(total), &format!("in {}{a_second}", plural(blocks, "block")))?;
    rows.row("freed", bytes(freed), &format!("in {}", plural(freed_blocks, "block")))?;
    let change = |before: u64, after: u64, figure: fn(u64) -> String| {
        let sign = if after < before { "−" } else { "+" };
        if after == before { "=".to_owned() } else { format!("{sign}{}", figure(after.abs_diff(before))) }
    };
    let live = format!(
        "from {} in {} to {} in {}",
        bytes(from.live_bytes),
        count(from.live_blocks),
        bytes(to.live_bytes),
        plural(to.live_blocks, "block")
    );
    rows.row("live", change(from.live_bytes, to.live_bytes, bytes), &live)?;
    match between.peak_bytes {
        Some(peak) => rows.row("peak", bytes(peak), "live at most: the peak of the whole run")?,
        None => {
            let least = bytes(between.at_least_bytes);
            rows.row(
                "peak",
                "unknown".to_owned(),
                &format!("at least {least}, as the timeline and the ends show"),
            )?;
        }
    }
    if from.resident_bytes > 0 && to.resident_bytes > 0 {
        let resident = format!("from {} to {}", bytes(from.resident_bytes), bytes(to.resident_bytes));
        rows.row("resident", change(from.resident_bytes, to.resident_bytes, bytes), &resident)?;
    }
    if live_bytes.iter().any(|live| *live > 0) {
        rows.bars("live", live_bytes, &format!("live bytes over {}", duration(between.duration_ns())))?;
    }
    Ok(())
}

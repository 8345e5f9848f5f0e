//! `alloc-probe diff`.

use crate::analyse::diff::{Diff, diff};
use crate::cli::DiffArgs;
use crate::error::Error;
use crate::profile::Profile;
use crate::render::diff::{self as text, json::DiffJson};
use crate::term::Terminal;
use std::io::Write;

/// Sites in the table, if nothing else is asked for.
const DEFAULT_TOP: usize = 10;

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump, or the output can't be written.
pub fn run(args: &DiffArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let base = super::open_with(&args.base, &args.symbols, &args.frames, terminal)?;
    let new = super::open_with(&args.file, &args.symbols, &args.frames, terminal)?;
    let diff = diff(&base, &new);
    if args.json {
        let json = DiffJson::new(&base, &new, &diff, args.by.metric, args.top, args.frames.all);
        serde_json::to_writer_pretty(&mut terminal.out, &json).map_err(std::io::Error::from)?;
        writeln!(terminal.out)?;
    } else {
        let options = text::Options {
            metric: args.by.metric,
            top: args.top.unwrap_or(DEFAULT_TOP),
            all_frames: args.frames.all,
            full_paths: args.frames.full_paths,
            width: terminal.width,
        };
        text::write(&base, &new, &diff, &options, terminal.out.as_mut())?;
    }
    // Messages stand after the results they are about, also where both go to one terminal.
    terminal.out.flush()?;
    warn(&diff, terminal)?;
    judge(args, &base, &new, &diff, terminal)
}

/// Says what makes the figures less than they seem.
pub(super) fn warn(diff: &Diff, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    if let Some(factor) = diff.work {
        terminal.warn(&format!(
            "most sites of the new run allocated {factor:.2} times as often: it seems to have done that much of the \
             base's work"
        ))?;
    }
    Ok(())
}

/// Holds the diff to its conditions, and says which are not met.
fn judge(
    args: &DiffArgs,
    base: &Profile,
    new: &Profile,
    diff: &Diff,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let crossed: Vec<String> =
        args.fail_if.iter().filter_map(|threshold| threshold.crossed(base, new, diff)).collect();
    for reason in &crossed {
        writeln!(terminal.err, "failed: {reason}")?;
    }
    Ok(if crossed.is_empty() { crate::SUCCESS } else { crate::UNMET })
}

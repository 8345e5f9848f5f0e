//! `alloc-probe check`.

use crate::analyse::budget::Budget;
use crate::analyse::diff::diff;
use crate::cli::{CheckArgs, CheckFormat};
use crate::error::{Error, io_reason};
use crate::render::budget as text;
use crate::term::Terminal;
use std::path::Path;

/// Runs the command.
///
/// # Errors
///
/// Where a file can't be read or is not what it should be, or the output can't be written.
pub fn run(args: &CheckArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let refused = |reason: String| Error::read(&args.budget, reason);
    let budget = std::fs::read_to_string(&args.budget).map_err(|error| refused(io_reason(&error)))?;
    let budget = Budget::parse(&budget).map_err(refused)?;
    // The file's own paths are those of its folder.
    let beside = |path: &Path| args.budget.parent().unwrap_or(Path::new("")).join(path);
    let base = args.base.clone().or_else(|| budget.base.as_deref().map(beside));
    if let (Some(limit), None) = (budget.needs_base(), &base) {
        let error = refused(format!("`{limit}` is a change, and there is no base"));
        return Err(error.with_hint("name one by --base, or by `base = \"FILE\"` in the budget"));
    }
    let new = super::open(&args.file, terminal)?;
    // A figure that another tool does not tell must not pass for one that is 0.
    if new.dump.recorded_by.is_some() {
        for note in &new.dump.lost.notes {
            terminal.warn(note)?;
        }
    }
    let base = base.map(|path| super::open(&path, terminal)).transpose()?;
    let base = base.map(|base| {
        let diff = diff(&base, &new);
        (base, diff)
    });
    let verdicts = budget.judge(base.as_ref().map(|(base, diff)| (base, diff)), &new);
    text::table(&verdicts, terminal.out.as_mut())?;
    if args.format == CheckFormat::Github {
        let folder = std::env::current_dir().unwrap_or_default();
        text::annotations(&verdicts, &args.file, &folder, terminal.out.as_mut())?;
    }
    Ok(if verdicts.iter().all(|verdict| verdict.met) { crate::SUCCESS } else { crate::UNMET })
}

//! `alloc-probe check`.

use super::open::Opener;
use crate::analyse::budget::Budget;
use crate::analyse::diff::diff;
use crate::error::{Error, io_reason};
use crate::exit;
use crate::render::budget as text;
use crate::term::Terminal;
use clap::{Args, ValueEnum};
use std::path::Path;
use std::path::PathBuf;

/// `alloc-probe check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe check release.json --budget budget.toml
  alloc-probe check release.json --budget budget.toml --base main.json --format github

A budget has a table [limits] and any number of [[site]] tables with a `function`. Each figure is \
the most that is allowed:

  [limits]
  peak_bytes = \"64 MiB\"
  total_blocks = \"+5%\"          # from the base

  [[site]]
  function = \"parse::read_all\"
  peak_bytes = \"12 MiB\"

The figures are those of diff's --fail-if. The exit status is 1 if a limit is not met.")]
pub struct Arguments {
    /// The dump
    pub file: PathBuf,
    /// The budget
    #[arg(long, value_name = "TOML")]
    pub budget: PathBuf,
    /// The dump that signed limits are relative to [default: the budget's `base`]
    #[arg(long, value_name = "FILE")]
    pub base: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// How verdicts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Text,
    /// For GitHub's workflows.
    Github,
}

/// Runs the command.
///
/// # Errors
///
/// Where a file can't be read or is not what it should be, or the output can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let refused = |reason: String| Error::read(&args.budget, reason);
    let budget = std::fs::read_to_string(&args.budget).map_err(|error| refused(io_reason(&error)))?;
    let budget = Budget::parse(&budget).map_err(refused)?;
    // The file's own paths are those of its folder.
    let beside = |path: &Path| args.budget.parent().unwrap_or(Path::new("")).join(path);
    let base = args.base.clone().or_else(|| budget.base.as_deref().map(beside));
    if let (Some(limit), None) = (budget.needs_base(), &base) {
        let error = refused(format!("`{limit}` is a change, and there is no base"));
        return Err(error.with_hint("name one with --base, or with `base = \"FILE\"` in the budget"));
    }
    let new = Opener::default().open(&args.file, terminal)?;
    // A figure that another tool does not tell must not pass for one that is 0.
    if new.dump.recorded_by.is_some() {
        for note in &new.dump.lost.notes {
            terminal.warn(note)?;
        }
    }
    if let Some(unknown) = budget.needs_unknown(&new.dump) {
        let reason = format!("it does not tell {unknown}, which the budget limits");
        return Err(Error::read(&args.file, reason));
    }
    let base = base.map(|path| Opener::default().open(&path, terminal)).transpose()?;
    let base = base.map(|base| {
        let diff = diff(&base, &new);
        (base, diff)
    });
    let verdicts = budget.verdicts(base.as_ref().map(|(base, diff)| (base, diff)), &new);
    let status = if verdicts.iter().all(|verdict| verdict.met) { exit::SUCCESS } else { exit::UNMET };
    terminal.settled = status;
    text::table(&verdicts, terminal.out.as_mut())?;
    if args.format == CheckFormat::Github {
        let folder = std::env::current_dir().unwrap_or_default();
        text::annotations(&verdicts, &args.file, &folder, terminal.out.as_mut())?;
    }
    Ok(status)
}

//! `alloc-probe merge`.

use super::dump_file;
use crate::analyse::merge::Merger;
use crate::error::Error;
use crate::exit;
use crate::load;
use crate::term::Terminal;
use crate::units::{bytes, plural};
use clap::Args;
use std::path::PathBuf;

/// `alloc-probe merge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe merge replica-*.json -o replicas.json
  alloc-probe merge target/dumps/*.json -o suite.json.gz")]
pub struct Arguments {
    /// The dumps
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The dump to write; compressed if its name ends in .gz
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
}

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump or can't be added to those before it, or the new dump can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let mut merger = Merger::default();
    for path in &args.files {
        // One at a time, so that there may be thousands.
        let dump = load::load(path)?;
        merger
            .add(dump, &path.to_string_lossy())
            .map_err(|reason| Error::new(format!("cannot merge `{}`: {reason}", path.display())))?;
    }
    let Some(dump) = merger.finish() else { return Ok(exit::SUCCESS) };
    dump_file::write(&dump, &args.output)?;
    writeln!(
        terminal.err,
        "wrote {}: {}, {} allocated in {} sites",
        args.output.display(),
        plural(dump.sources.len() as u64, "dump"),
        bytes(dump.totals.total_bytes),
        dump.sites.len()
    )?;
    Ok(exit::SUCCESS)
}

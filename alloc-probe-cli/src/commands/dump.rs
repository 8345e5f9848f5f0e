//! `alloc-probe dump`.

use super::dump_file;
use crate::error::Error;
use crate::exit;
use crate::load;
use crate::render::summary;
use crate::term::Terminal;
use clap::Args;
use std::path::PathBuf;

/// `alloc-probe dump`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe dump 4711 -o now.json
  alloc-probe dump $(pidof orders) -o now.json && alloc-probe show now.json

The process must run as the same user and use alloc-probe. It may be stopped or hang, and none of \
its threads waits.")]
pub struct Arguments {
    /// The process id
    pub pid: u32,
    /// The file to write the dump to
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Runs the command: what a process has recorded so far becomes a dump.
///
/// # Errors
///
/// Where the process can't be read, or the file not be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let dump = load::process::load(args.pid)?;
    dump_file::write(&dump, &args.output)?;
    for loss in summary::losses(&dump) {
        terminal.warn(&loss)?;
    }
    Ok(exit::SUCCESS)
}

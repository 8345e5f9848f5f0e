//! `alloc-probe export`.

use super::args::{By, Reading};
use super::open::Opener;
use crate::error::Error;
use crate::exit;
use crate::output_file::{self, Readers};
use crate::render::export::{EXPORTERS, Exporter, Options, exporter};
use crate::render::summary;
use crate::term::Terminal;
use alloc_probe_format::dump::Mode;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::io::Write;
use std::path::PathBuf;

/// `alloc-probe export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe export release.json --format dhat -o dhat-heap.json
  alloc-probe export release.json --format folded --by total-bytes | sort -k2 -n | tail")]
pub struct Arguments {
    /// The dump
    pub file: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub format: &'static dyn Exporter,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// The metric.
    #[command(flatten)]
    pub by: By,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
}

fn format() -> impl TypedValueParser<Value = &'static dyn Exporter> {
    let values = EXPORTERS.iter().map(|exporter| PossibleValue::new(exporter.name()).help(exporter.help()));
    PossibleValuesParser::new(values).try_map(|name| exporter(&name).ok_or("no such format"))
}

/// Runs the command.
///
/// # Errors
///
/// Where the file is no sound dump, or the output can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let profile = Opener::new(&args.reading).open(&args.file, terminal)?;
    let options = Options { metric: args.by.metric, detail: args.reading.frames.detail() };
    match &args.output {
        None => {
            args.format.write(&profile, options, terminal.out.as_mut())?;
            terminal.out.flush()?;
        }
        Some(path) => {
            output_file::write(path, Readers::Usual, |file| args.format.write(&profile, options, file))?;
            writeln!(terminal.err, "wrote {}", path.display())?;
        }
    }
    // Other tools' formats have no place for what makes the figures less than they seem.
    if profile.dump.mode == Mode::Sample {
        terminal
            .warn("the run was sampled, so these figures are estimates; the format has no place to say so")?;
    }
    for loss in summary::losses(&profile.dump) {
        terminal.warn(&loss)?;
    }
    Ok(exit::SUCCESS)
}

//! `alloc-probe export`.

use super::args::{By, Reading};
use super::open::Opener;
use crate::error::Error;
use crate::exit;
use crate::output_file::{self, Readers};
use crate::render::export::{EXPORTERS, Exporter, Options, exporter};
use crate::render::summary;
use crate::symbolicate::segments;
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
  alloc-probe export release.json --format pprof -o release.pb.gz
  alloc-probe export release.json --format folded --by total-bytes | sort -k2 -n | tail")]
pub struct Arguments {
    /// The dump
    pub file: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub format: &'static dyn Exporter,
    /// Write the difference from this dump to FILE; only for `folded`
    #[arg(long, value_name = "BASE")]
    pub diff: Option<PathBuf>,
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
    if args.diff.is_some() && args.format.difference().is_none() {
        let format = args.format.name();
        return Err(Error::new(format!(
            "the format `{format}` has no place for the difference of two dumps; `folded` has"
        )));
    }
    let opener = Opener::new(&args.reading);
    let mut profiles = match &args.diff {
        None => vec![opener.open(&args.file, terminal)?],
        Some(base) => {
            let (base, new) = opener.open_both((base, &args.file), terminal)?;
            vec![base, new]
        }
    };
    for profile in &mut profiles {
        profile.segments = segments::of(&profile.dump.images, &args.reading.symbols.binary);
    }
    let metric = args.by.of(&profiles.iter().collect::<Vec<_>>(), terminal)?;
    let options = Options { metric, detail: args.reading.frames.detail() };
    let contents = |out: &mut dyn Write| match (profiles.as_slice(), args.format.difference()) {
        ([base, new], Some(write)) => write([base, new], options, out),
        ([.., profile], _) => args.format.write(profile, options, out),
        ([], _) => Ok(()),
    };
    match &args.output {
        None => {
            let out = if args.format.is_text() { terminal.out.as_mut() } else { terminal.out.bytes()? };
            contents(out)?;
            out.flush()?;
        }
        Some(path) => {
            output_file::write(path, Readers::Usual, contents)?;
            writeln!(terminal.err, "wrote {}", path.display())?;
        }
    }
    // Other tools' formats have no place for what makes the figures less than they seem.
    if profiles.iter().any(|profile| profile.dump.mode == Mode::Sample) && args.format.name() != "pprof" {
        terminal
            .warn("the run was sampled, so these figures are estimates; the format has no place to say so")?;
    }
    for loss in profiles.iter().flat_map(|profile| summary::losses(&profile.dump)) {
        terminal.warn(&loss)?;
    }
    Ok(exit::SUCCESS)
}

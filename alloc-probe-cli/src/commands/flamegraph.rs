//! `alloc-probe flamegraph`.

use super::args::{By, Reading};
use super::open::Opener;
use crate::analyse::diff::diff;
use crate::error::Error;
use crate::exit;
use crate::output_file::{self, Readers};
use crate::render::flamegraph::{self, Place, Widths};
use crate::term::Terminal;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::{Path, PathBuf};

/// `alloc-probe flamegraph`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe flamegraph release.json                      writes release.svg
  alloc-probe flamegraph release.json --by total-blocks -o churn.svg
  alloc-probe flamegraph --diff debug.json release.json -o diff.svg
  alloc-probe flamegraph --diff debug.json release.json --widths base -o gone.svg

A difference shows the stacks of both dumps as `diff` matches them. Boxes are as wide as FILE's \
figures, so stacks that only BASE has are missing; with --widths base it is the other way round.")]
pub struct Arguments {
    /// The dump
    pub file: PathBuf,
    /// Draw the difference from this dump to FILE: red grew, blue shrank
    #[arg(long, value_name = "BASE")]
    pub diff: Option<PathBuf>,
    /// The side whose figures set the widths of a difference [default: new]
    #[arg(long, value_name = "SIDE", requires = "diff", value_parser = widths())]
    pub widths: Option<Widths>,
    /// The file to draw to [default: FILE with the extension .svg]
    #[arg(short, long, value_name = "OUT.svg")]
    pub output: Option<PathBuf>,
    /// The metric.
    #[command(flatten)]
    pub by: By,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
}

fn widths() -> impl TypedValueParser<Value = Widths> {
    PossibleValuesParser::new(["base", "new"])
        .map(|side| if side == "base" { Widths::Base } else { Widths::New })
}

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump or has nothing to draw, or the picture can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let detail = args.reading.frames.detail();
    let opener = Opener::new(&args.reading);
    let svg = match &args.diff {
        None => {
            let profile = opener.open(&args.file, terminal)?;
            let metric = args.by.of(&[&profile], terminal)?;
            flamegraph::picture(&profile, metric, detail)?
        }
        Some(base) => {
            let (base, new) = opener.open_both((base, &args.file), terminal)?;
            let metric = args.by.of(&[&base, &new], terminal)?;
            let merged = diff(&base, &new).merged(&base, &new, metric, detail);
            let widths = args.widths.unwrap_or(Widths::New);
            flamegraph::difference(&base, &new, &merged, metric, (widths, Place::File))?
        }
    };
    let output = args.output.clone().unwrap_or_else(|| default_output(&args.file));
    output_file::write(&output, Readers::Usual, |file| file.write_all(&svg))?;
    writeln!(terminal.err, "wrote {}", output.display())?;
    Ok(exit::SUCCESS)
}

/// `orders.json.gz` is drawn to `orders.svg`.
fn default_output(file: &Path) -> PathBuf {
    let is_compressed = file.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
    let file = if is_compressed { file.with_extension("") } else { file.to_owned() };
    file.with_extension("svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_beside_the_dump() {
        for file in ["a/orders.json", "a/orders.json.gz", "a/orders.json.zst", "a/orders"] {
            assert_eq!(default_output(Path::new(file)), Path::new("a/orders.svg"));
        }
    }
}

//! `alloc-probe flamegraph`.

use crate::analyse::diff::diff;
use crate::cli::FlamegraphArgs;
use crate::error::Error;
use crate::render::flamegraph::{self, Place, Widths};
use crate::term::Terminal;
use std::path::{Path, PathBuf};

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump or has nothing to draw, or the picture can't be written.
pub fn run(args: &FlamegraphArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let (metric, all_frames) = (args.by.metric, args.frames.all);
    let svg = match &args.diff {
        None => {
            let profile = super::open_with(&args.file, &args.symbols, &args.frames, terminal)?;
            flamegraph::picture(&profile, metric, all_frames)?
        }
        Some(base) => {
            let (base, new) = super::open_both((base, &args.file), &args.symbols, &args.frames, terminal)?;
            let merged = diff(&base, &new).merged(&base, &new, metric, all_frames);
            let widths = args.widths.unwrap_or(Widths::New);
            flamegraph::difference(&base, &new, &merged, metric, (widths, Place::File))?
        }
    };
    let output = args.output.clone().unwrap_or_else(|| default_output(&args.file));
    std::fs::write(&output, svg).map_err(|error| Error::write(&output, &error))?;
    writeln!(terminal.err, "wrote {}", output.display())?;
    Ok(crate::SUCCESS)
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

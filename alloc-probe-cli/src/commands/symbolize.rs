//! `alloc-probe symbolize`.

use super::args::SymbolArgs;
use super::open::resolve;
use crate::error::Error;
use crate::exit;
use crate::load;
use crate::render::sources;
use crate::term::Terminal;
use crate::units::count;
use clap::Args;
use std::path::{Path, PathBuf};

/// `alloc-probe symbolize`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe symbolize release.json                          writes release.symbols.json
  alloc-probe symbolize release.json --binary dist/orders -v  lists where it looked
  alloc-probe symbolize release.json --debug-dir /srv/debug -o readable.json.gz

A file belongs to an image if both have the same build id. The command looks in this order, until a \
file has debug info: --binary; the path in the dump; DIR/.build-id/xx/yyyy.debug of --debug-dir and \
of /usr/lib/debug; the file that .gnu_debuglink names; a file of the image's name in --debug-dir; \
the servers of DEBUGINFOD_URLS, in a build with the feature debuginfod. Without debug info it uses \
symbol tables, packed ones too.")]
pub struct Arguments {
    /// The dump
    pub file: PathBuf,
    /// The file to write the new dump to [default: FILE with the ending .symbols.json]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// List where it looked for the symbols of each binary and library
    #[arg(short, long)]
    pub verbose: bool,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
}

/// Runs the command.
///
/// # Errors
///
/// Where the file is no sound dump, or the other can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let mut dump = load::load(&args.file)?;
    let report = resolve(&mut dump, &args.symbols, terminal)?;
    if args.verbose {
        sources::write(&report.searched, terminal.err.as_mut())?;
    }
    let output = args.output.clone().unwrap_or_else(|| default_output(&args.file));
    super::dump_file::write(&dump, &output)?;
    let sum = |of: fn(&crate::symbolicate::resolve::Searched) -> usize| -> u64 {
        report.searched.iter().map(|searched| of(searched) as u64).sum()
    };
    let (addresses, named, with_lines) =
        (sum(|one| one.addresses), sum(|one| one.named), sum(|one| one.with_lines));
    let found = match report.searched.is_empty() {
        true => "it already had its symbols".to_owned(),
        false => format!(
            "{} of {} addresses named, {} with lines",
            count(named),
            count(addresses),
            count(with_lines)
        ),
    };
    writeln!(terminal.err, "wrote {}: {found}", output.display())?;
    Ok(exit::SUCCESS)
}

/// `orders.json` and `orders.json.gz` become `orders.symbols.json`.
fn default_output(file: &Path) -> PathBuf {
    let endings = ["gz", "zst", "spool", "json"];
    let mut stem = file.to_owned();
    for ending in endings {
        if stem.extension().is_some_and(|extension| extension == ending) {
            stem.set_extension("");
        }
    }
    let mut name = stem.into_os_string();
    name.push(".symbols.json");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_dump_goes_beside_the_dump() {
        for file in
            ["a/orders.json", "a/orders.json.gz", "a/orders.json.zst", "a/orders.json.spool", "a/orders"]
        {
            assert_eq!(default_output(Path::new(file)), Path::new("a/orders.symbols.json"));
        }
    }
}

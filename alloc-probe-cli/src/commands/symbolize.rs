//! `alloc-probe symbolize`.

use crate::cli::SymbolizeArgs;
use crate::error::Error;
use crate::load;
use crate::render::sources;
use crate::term::Terminal;
use crate::units::count;
use std::path::{Path, PathBuf};

/// Runs the command.
///
/// # Errors
///
/// Where the file is no sound dump, or the other can't be written.
pub fn run(args: &SymbolizeArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let mut dump = load::load(&args.file)?;
    let report = super::resolve(&mut dump, &args.symbols, terminal)?;
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
        true => "it carried its symbols already".to_owned(),
        false => format!(
            "{} of {} addresses named, {} with lines",
            count(named),
            count(addresses),
            count(with_lines)
        ),
    };
    writeln!(terminal.err, "wrote {}: {found}", output.display())?;
    Ok(crate::SUCCESS)
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

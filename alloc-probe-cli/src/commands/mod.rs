//! One module for each command: loads what it needs, has it analysed, and has the result rendered.

pub mod check;
pub mod compare;
pub mod diff;
pub mod dump;
mod dump_file;
pub mod flamegraph;
pub mod run;
pub mod show;
pub mod symbolize;

use crate::analyse::filter::{self, Filter};
use crate::cli::{Frames, SymbolArgs};
use crate::error::Error;
use crate::join::join;
use crate::profile::Profile;
use crate::symbolicate::cache::Cache;
use crate::symbolicate::options::Options;
use crate::symbolicate::resolve::{self, Report, Step};
use crate::term::Terminal;
use crate::term::progress::Progress;
use crate::units;
use crate::{load, symbolicate};
use alloc_probe_format::dump::Dump;
use std::path::Path;

/// Reads a dump with its symbols, and says on stderr which symbols are missing.
///
/// # Errors
///
/// Where the file can't be read or is no sound dump.
pub fn open(path: &Path, terminal: &mut Terminal<'_>) -> Result<Profile, Error> {
    open_with(path, &SymbolArgs::default(), &Frames::default(), terminal)
}

/// The same, with symbols from where the user says, and only the frames that were asked for.
///
/// # Errors
///
/// Like [`open`].
pub fn open_with(
    path: &Path,
    symbols: &SymbolArgs,
    frames: &Frames,
    terminal: &mut Terminal<'_>,
) -> Result<Profile, Error> {
    let mut dump = load::load(path)?;
    let report = resolve(&mut dump, symbols, terminal)?;
    Ok(profile(path, dump, report, frames))
}

/// The same for two dumps at once: a base, and what is compared with it. Messages are those of one after the other.
///
/// # Errors
///
/// Like [`open`].
pub fn open_both(
    (base_path, new_path): (&Path, &Path),
    symbols: &SymbolArgs,
    frames: &Frames,
    terminal: &mut Terminal<'_>,
) -> Result<(Profile, Profile), Error> {
    let (base, new) = join(|| load::load(base_path), || load::load(new_path));
    // Looking symbols up uses all processors anyway.
    let mut base = base?;
    let base_report = resolve(&mut base, symbols, terminal)?;
    let mut new = new?;
    let new_report = resolve(&mut new, symbols, terminal)?;
    Ok(join(|| profile(base_path, base, base_report, frames), || profile(new_path, new, new_report, frames)))
}

/// The same, for a dump that was just made on this machine: its symbols are written into it, so that it can be read
/// anywhere and at any time.
///
/// # Errors
///
/// Like [`open`]. A dump that can't be written stays as it is, which stderr says.
fn open_and_keep_symbols(
    path: &Path,
    symbols: &SymbolArgs,
    frames: &Frames,
    terminal: &mut Terminal<'_>,
) -> Result<Profile, Error> {
    let mut dump = load::load(path)?;
    let report = resolve(&mut dump, symbols, terminal)?;
    if !report.searched.is_empty() {
        if let Err(error) = dump_file::write(&dump, path) {
            terminal.warn(&format!("the dump stays without its symbols: {error}"))?;
        }
    }
    Ok(profile(path, dump, report, frames))
}

/// Makes a dump carry its symbols, and says on stderr which are missing.
///
/// # Errors
///
/// Those of stderr.
fn resolve(dump: &mut Dump, symbols: &SymbolArgs, terminal: &mut Terminal<'_>) -> Result<Report, Error> {
    let options = options(symbols);
    let mut progress = Progress::new(terminal);
    let report = resolve::resolve(dump, &options, &mut |step| progress.report(|| under_way(step)));
    progress.finish()?;
    for refused in &report.refused {
        terminal.warn(refused)?;
    }
    for missing in &report.missing {
        let (frames, image) = (units::count(missing.frames), missing.image.display());
        let (hidden, all) = (units::bytes(missing.bytes), units::bytes(dump.totals.total_bytes));
        terminal.warn(&format!(
            "no symbols for {frames} frames in `{image}`, on the stacks of {hidden} of {all} allocated: {}",
            missing.reason
        ))?;
    }
    let mut hints: Vec<&str> = report.missing.iter().map(|missing| missing.hint).collect();
    hints.dedup();
    for hint in hints {
        terminal.hint(hint)?;
    }
    Ok(report)
}

/// The profile of a dump with symbols, as far as it is to be seen.
fn profile(path: &Path, dump: Dump, report: Report, frames: &Frames) -> Profile {
    let mut profile = symbolicate::profile(path, dump, report.missing);
    for frame in &mut profile.frames {
        if let Some(file) = &mut frame.file {
            let moved = frames.remap.iter().find_map(|remap| remap.apply(file));
            *file = moved.unwrap_or_else(|| std::mem::take(file));
        }
    }
    filter::apply(&mut profile, &Filter { hide: &frames.hide, focus: &frames.focus });
    profile
}

/// Where symbols are looked for: where the user says, and where the system has them.
fn options(symbols: &SymbolArgs) -> Options {
    let variable = |name: &str| std::env::var_os(name);
    Options {
        binaries: symbols.binary.clone(),
        debug_dirs: symbols.debug_dir.clone(),
        force: symbols.force,
        cache: if symbols.no_cache { None } else { Cache::of_user(variable) },
        #[cfg(feature = "debuginfod")]
        debuginfod: crate::symbolicate::debuginfod::Servers::of_user(variable),
    }
}

fn under_way(step: &Step<'_>) -> String {
    let image = step.image.rsplit('/').next().unwrap_or_default();
    match step.done {
        0 => format!("reading the symbols of {image}"),
        done => format!(
            "symbols of {image}: {} of {} addresses",
            units::count(done as u64),
            units::count(step.all as u64)
        ),
    }
}

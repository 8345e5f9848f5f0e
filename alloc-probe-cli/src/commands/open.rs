//! Reading dumps as the user asked for them.

use super::args::{Frames, Reading, SymbolArgs};
use super::dump_file;
use crate::analyse::filter::{self, Filter};
use crate::analyse::growth;
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

/// How dumps are opened.
#[derive(Clone, Copy, Default)]
pub(super) struct Opener<'a> {
    /// As the user asked for it.
    reading: Option<&'a Reading>,
    keeps_symbols: bool,
}

impl<'a> Opener<'a> {
    /// As the user asked for it.
    pub(super) fn new(reading: &'a Reading) -> Opener<'a> {
        Opener { reading: Some(reading), keeps_symbols: false }
    }

    /// For a dump that was just made on this machine: its symbols are written into it, so that it can be read anywhere
    /// and at any time. A dump that can't be written stays as it is, which stderr says.
    pub(super) fn keep_symbols(self) -> Opener<'a> {
        Opener { keeps_symbols: true, ..self }
    }

    /// Reads a dump with its symbols, and says on stderr which symbols are missing.
    ///
    /// # Errors
    ///
    /// Where the file can't be read or is no sound dump.
    pub(super) fn open(self, path: &Path, terminal: &mut Terminal<'_>) -> Result<Profile, Error> {
        self.opened(path, load::load(path), terminal).map(Opened::into_profile)
    }

    /// The same for what a running process has recorded so far.
    ///
    /// # Errors
    ///
    /// Where the process can't be read.
    pub(super) fn open_process(self, pid: u32, terminal: &mut Terminal<'_>) -> Result<Profile, Error> {
        let name = format!("process {pid}");
        self.opened(Path::new(&name), load::process::load(pid), terminal).map(Opened::into_profile)
    }

    /// The same for two dumps at once: a base, and what is compared with it. Messages are those of one after the other.
    ///
    /// # Errors
    ///
    /// Like [`Opener::open`].
    pub(super) fn open_both(
        self,
        (base_path, new_path): (&Path, &Path),
        terminal: &mut Terminal<'_>,
    ) -> Result<(Profile, Profile), Error> {
        let (base, new) = join(|| load::load(base_path), || load::load(new_path));
        // Looking symbols up uses all processors anyway.
        let base = self.opened(base_path, base, terminal)?;
        let new = self.opened(new_path, new, terminal)?;
        Ok(join(|| base.into_profile(), || new.into_profile()))
    }

    fn opened<'p>(
        self,
        path: &'p Path,
        dump: Result<Dump, Error>,
        terminal: &mut Terminal<'_>,
    ) -> Result<Opened<'p, 'a>, Error> {
        let mut dump = dump?;
        let default = SymbolArgs::default();
        let symbols = self.reading.map_or(&default, |reading| &reading.symbols);
        let report = resolve(&mut dump, symbols, terminal)?;
        if self.keeps_symbols && !report.searched.is_empty() {
            if let Err(error) = dump_file::write(&dump, path) {
                terminal.warn(&format!("the dump stays without its symbols: {error}"))?;
            }
        }
        Ok(Opened { path, dump, report, frames: self.reading.map(|reading| &reading.frames) })
    }
}

/// A dump with its symbols, on its way to a profile.
struct Opened<'p, 'a> {
    path: &'p Path,
    dump: Dump,
    report: Report,
    frames: Option<&'a Frames>,
}

impl Opened<'_, '_> {
    /// The profile, as far as it is to be seen.
    fn into_profile(self) -> Profile {
        let mut profile = symbolicate::profile(self.path, self.dump, self.report.missing);
        let Some(frames) = self.frames else {
            growth::mark(&mut profile);
            return profile;
        };
        for file in profile.frames.iter_mut().filter_map(|frame| frame.file.as_mut()) {
            if let Some(moved) = frames.remap.iter().find_map(|remap| remap.apply(file)) {
                *file = moved;
            }
        }
        filter::apply(&mut profile, &Filter { hide: &frames.hide, focus: &frames.focus });
        growth::mark(&mut profile);
        profile
    }
}

/// Makes a dump carry its symbols, and says on stderr which are missing.
///
/// # Errors
///
/// Those of stderr.
pub(super) fn resolve(
    dump: &mut Dump,
    symbols: &SymbolArgs,
    terminal: &mut Terminal<'_>,
) -> Result<Report, Error> {
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

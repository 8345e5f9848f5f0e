//! One module for each command: loads what it needs, has it analysed, and has the result rendered.

pub mod compare;
pub mod diff;
pub mod dump;
pub mod flamegraph;
pub mod run;
pub mod show;

use crate::error::Error;
use crate::profile::Profile;
use crate::term::{Terminal, units};
use crate::{load, symbolicate};
use std::path::Path;

/// Reads a dump with its symbols, and says on stderr which symbols are missing.
///
/// # Errors
///
/// Where the file can't be read or is no sound dump.
pub fn open(path: &Path, terminal: &mut Terminal<'_>) -> Result<Profile, Error> {
    let profile = symbolicate::symbolicate(path, load::load(path)?);
    for missing in &profile.missing_symbols {
        let (frames, image) = (units::count(missing.frames), missing.image.display());
        terminal.warn(&format!("no symbols for {frames} frames in `{image}`: {}", missing.reason))?;
    }
    let mut hints: Vec<&str> = profile.missing_symbols.iter().map(|missing| missing.hint).collect();
    hints.dedup();
    for hint in hints {
        terminal.hint(hint)?;
    }
    Ok(profile)
}

//! `alloc-probe run`.

use crate::cli::RunArgs;
use crate::error::Error;
use crate::term::Terminal;

/// Runs the command.
///
/// # Errors
///
/// Where its input can't be read or its output not be written.
pub fn run(_args: &RunArgs, _terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    Ok(crate::SUCCESS)
}

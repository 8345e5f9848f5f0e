//! How cargo is run.

use crate::error::{Error, io_reason};
use std::process::Command;

/// The cargo that runs this, if one does.
pub(crate) fn command(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand);
    command
}

/// Why it can't be run.
pub(crate) fn not_run(error: std::io::Error) -> Error {
    Error::new(format!("cannot run cargo: {}", io_reason(&error)))
}

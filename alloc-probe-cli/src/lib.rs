//! The command line of `alloc-probe`, as a library so that tests need no process.
//!
//! The way of the data: [`load`] → [`symbolicate`] → [`analyse`] → [`render`], all over one [`profile`].
//! [`commands`] put these stages together, and are the only ones that know of files to write and of the
//! [`term`]inal. Arrows go forward only: analysis opens no files, and rendering computes nothing.
#![deny(unsafe_code)]

pub mod cli;
pub mod error;
mod join;
pub mod term;
pub mod units;

pub mod load;
pub mod profile;
pub mod symbolicate;

pub mod analyse;
pub mod commands;
pub mod render;

use clap::Parser;
use cli::{Cli, Command};
use error::Error;
use std::ffi::OsString;
use std::io::Write;
use term::Terminal;

/// The exit status of a command that did its work.
pub const SUCCESS: u8 = 0;
/// The exit status where a budget or a `--fail-if` was not met.
pub const UNMET: u8 = 1;
/// The exit status where something kept the command from doing its work.
pub const FAILURE: u8 = 2;

/// Runs one command line, program name first, and gives its exit status.
pub fn run(args: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> u8 {
    let outcome = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(&cli.command, terminal),
        Err(message) => usage(&message, terminal),
    };
    // What is still buffered may be what finds the pipe closed.
    let flushed = terminal.out.flush();
    match outcome.and_then(|status| Ok(flushed.map(|()| status)?)) {
        Ok(status) => status,
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if error.is_closed_pipe() => SUCCESS,
        Err(error) => {
            // With stderr gone as well, there is nobody left to tell.
            let _ = error.print(terminal.err.as_mut());
            FAILURE
        }
    }
}

fn dispatch(command: &Command, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    match command {
        Command::Run(args) => commands::run::run(args, terminal),
        Command::Show(args) => commands::show::run(args, terminal),
        Command::Flamegraph(args) => commands::flamegraph::run(args, terminal),
        Command::Diff(args) => commands::diff::run(args, terminal),
        Command::Compare(args) => commands::compare::run(args, terminal),
        Command::Dump(args) => commands::dump::run(args, terminal),
        Command::Symbolize(args) => commands::symbolize::run(args, terminal),
        Command::Check(args) => commands::check::run(args, terminal),
    }
}

/// Prints what clap has to say: the help and the version as results, a wrong usage as an error.
fn usage(message: &clap::Error, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let text = message.render().ansi().to_string();
    if message.use_stderr() {
        terminal.err.write_all(text.as_bytes())?;
        Ok(FAILURE)
    } else {
        terminal.out.write_all(text.as_bytes())?;
        Ok(SUCCESS)
    }
}

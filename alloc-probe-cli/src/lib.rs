//! The command line of `alloc-probe`, as a library so that tests need no process.
//!
//! The way of the data: [`load`] → [`symbolicate`] → [`analyse`] → [`render`], all over one [`profile`].
//! [`commands`] put these stages together, and are the only ones that know of files to write and of the
//! [`term`]inal. Arrows go forward only: analysis opens no files, and rendering computes nothing.
#![deny(unsafe_code)]

pub mod exit;
mod join;
pub mod term;
pub mod units;

pub mod error;
mod output_file;
pub mod source;

pub mod load;
pub mod profile;
pub mod project;
pub mod symbolicate;

pub mod analyse;
pub mod render;

pub mod commands;

pub mod cli;

use clap::Parser;
use cli::Cli;
use error::Error;
use std::ffi::OsString;
use std::io::Write;
use term::Terminal;

/// Runs one command line, program name first, and gives its exit status.
pub fn run(args: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> u8 {
    let outcome = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command.run(terminal),
        Err(message) => usage(&message, terminal),
    };
    // What is still buffered may be what finds the pipe closed.
    let flushed = terminal.out.flush();
    match outcome.and_then(|status| Ok(flushed.map(|()| status)?)) {
        Ok(status) => status,
        // Whoever reads has seen enough, as with `| head`.
        // What was settled before stays: a condition that does not hold is not met by closing a pipe.
        Err(error) if error.is_closed_pipe() => terminal.settled,
        Err(error) => {
            // With stderr gone as well, there is nobody left to tell.
            let _ = error.print(terminal.err.as_mut());
            exit::FAILURE
        }
    }
}

/// Prints what clap has to say: the help and the version as results, a wrong usage as an error.
fn usage(message: &clap::Error, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let text = message.render().ansi().to_string();
    if message.use_stderr() {
        terminal.err.write_all(text.as_bytes())?;
        Ok(exit::FAILURE)
    } else {
        terminal.out.write_all(text.as_bytes())?;
        Ok(exit::SUCCESS)
    }
}

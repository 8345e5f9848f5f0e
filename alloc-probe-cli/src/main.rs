//! `alloc-probe`, the command. Everything it does is in the library, where tests can reach it.
#![deny(unsafe_code)]

use alloc_probe_cli::term::Terminal;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(alloc_probe_cli::run(std::env::args_os(), &mut Terminal::standard()))
}

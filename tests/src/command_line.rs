//! The command line, for the suite: Cargo tells a package's tests only where that package's own programs are.

use alloc_probe_cli::term::Terminal;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(alloc_probe_cli::run(std::env::args_os(), &mut Terminal::standard()))
}

//! `alloc-probe dump`.

use crate::cli::DumpArgs;
use crate::error::{Error, io_reason};
use crate::load;
use crate::render::summary;
use crate::term::Terminal;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Runs the command: what a process has recorded so far becomes a dump.
///
/// # Errors
///
/// Where the process can't be read, or the file not be written.
pub fn run(args: &DumpArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let dump = load::process::load(args.pid)?;
    // Whole, or not at all: the file gets its name at last.
    let temporary = beside(&args.output);
    let written = File::create(&temporary)
        .and_then(|file| {
            let mut writer = BufWriter::new(file);
            serde_json::to_writer(&mut writer, &dump)?;
            writer.write_all(b"\n")?;
            writer.flush()
        })
        .and_then(|()| std::fs::rename(&temporary, &args.output));
    if let Err(error) = written {
        // It may never have been made.
        let _ = std::fs::remove_file(&temporary);
        return Err(Error::new(format!("cannot write `{}`: {}", args.output.display(), io_reason(&error))));
    }
    for loss in summary::losses(&dump) {
        terminal.warn(&loss)?;
    }
    Ok(crate::SUCCESS)
}

fn beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}

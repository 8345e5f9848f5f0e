//! Writing a dump.

use crate::error::Error;
use alloc_probe_format::dump::Dump;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a dump as JSON, compressed where the name ends in `.gz`. The file has its name only when it is whole.
///
/// # Errors
///
/// Where it can't be written.
pub(super) fn write(dump: &Dump, path: &Path) -> Result<(), Error> {
    let unfinished = unfinished(path);
    let written = write_to(dump, &unfinished, path.extension().is_some_and(|extension| extension == "gz"));
    written.and_then(|()| fs::rename(&unfinished, path)).map_err(|error| {
        // It may never have been there.
        let _ = fs::remove_file(&unfinished);
        Error::write(path, &error)
    })
}

fn write_to(dump: &Dump, path: &Path, compress: bool) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    if compress {
        let mut encoder = GzEncoder::new(&mut file, Compression::default());
        serde_json::to_writer(&mut encoder, dump)?;
        encoder.finish()?;
    } else {
        serde_json::to_writer(&mut file, dump)?;
    }
    file.flush()
}

/// A name beside the file's own that no other process uses.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}

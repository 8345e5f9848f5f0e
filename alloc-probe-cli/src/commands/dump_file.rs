//! Writing a dump.

use crate::error::Error;
use crate::output_file::{self, Readers};
use alloc_probe_format::dump::Dump;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::path::Path;

/// Writes a dump as JSON, compressed where the name ends in `.gz`, for its owner to read.
///
/// # Errors
///
/// Where it can't be written.
pub(super) fn write(dump: &Dump, path: &Path) -> Result<(), Error> {
    let compress = path.extension().is_some_and(|extension| extension == "gz");
    output_file::write(path, Readers::Owner, |file| {
        if compress {
            let mut encoder = GzEncoder::new(file, Compression::default());
            serde_json::to_writer(&mut encoder, dump)?;
            encoder.finish()?;
            return Ok(());
        }
        serde_json::to_writer(&mut *file, dump)?;
        file.write_all(b"\n")
    })
}

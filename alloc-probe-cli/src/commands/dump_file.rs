//! Writing a dump.

use crate::error::Error;
use alloc_probe_format::dump::Dump;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a dump as JSON, compressed where the name ends in `.gz`. A file has its name only when it is whole; a pipe or a
/// device stays what it is.
///
/// # Errors
///
/// Where it can't be written.
pub(super) fn write(dump: &Dump, path: &Path) -> Result<(), Error> {
    let compress = path.extension().is_some_and(|extension| extension == "gz");
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return write_to(dump, path, compress).map_err(|error| Error::write(path, &error));
    }
    let unfinished = unfinished(path);
    let written = write_to(dump, &unfinished, compress);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt;

    #[test]
    fn a_file_is_whole_and_a_pipe_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("dump.json"), folder.path().join("pipe"));
        let dump = Dump { peak_time_ns: 7, ..Dump::default() };
        let text = serde_json::to_vec(&dump).unwrap();
        write(&dump, &file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), text);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write(&dump, &pipe).unwrap();
        assert_eq!(reader.join().unwrap(), text);
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        let nowhere = folder.path().join("no/dump.json");
        assert!(write(&dump, &nowhere).is_err());
    }
}

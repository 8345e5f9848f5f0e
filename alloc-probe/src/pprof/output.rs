//! The bytes of a profile, as they are made.

use alloc_probe_format::profile_proto::Profile;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use std::io::{self, Write as _};

/// Messages one after the other are one message, so a profile is written in parts. What they are made in is used again: the
/// arena takes memory back all at once.
pub(super) struct Output {
    out: GzEncoder<Vec<u8>>,
    encoded: Vec<u8>,
    strings: Vec<String>,
}

/// What is compressed at once.
const BATCH: usize = 32 << 10;

impl Output {
    pub(super) fn new() -> Output {
        let out = GzEncoder::new(Vec::new(), Compression::fast());
        // The first string is the empty one.
        Output { out, encoded: Vec::with_capacity(2 * BATCH), strings: vec![String::new()] }
    }

    /// The number of a text. There are few.
    pub(super) fn text(&mut self, text: &str) -> i64 {
        let known = self.strings.iter().position(|known| known == text);
        let number = known.unwrap_or_else(|| {
            self.strings.push(text.to_owned());
            self.strings.len() - 1
        });
        number as i64
    }

    /// Writes a part.
    pub(super) fn write(&mut self, part: &Profile) -> io::Result<()> {
        part.encode(&mut self.encoded).map_err(io::Error::other)?;
        if self.encoded.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.encoded)?;
        self.encoded.clear();
        Ok(())
    }

    /// Writes the texts, and ends it.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        let string_table = std::mem::take(&mut self.strings);
        self.write(&Profile { string_table, ..Profile::default() })?;
        self.flush()?;
        self.out.finish()
    }
}

//! Bytes of files, which are mapped so that only what is looked at is read: debug info may be gigabytes.

use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::ops::Deref;

/// The contents of a file, or of a section that had to be decompressed.
pub(super) enum Bytes {
    /// A file's.
    Mapped(Mmap),
    /// Decompressed, or fetched.
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a whole file.
    ///
    /// # Errors
    ///
    /// Where the system does not map it, as it does not map directories.
    #[expect(unsafe_code, reason = "a mapping's bytes are the file's, which others may write")]
    pub(super) fn map(file: &File) -> io::Result<Bytes> {
        // SAFETY: the mapping is private and read-only, and its bytes are plain ones, which every parser here checks at
        // each use. Linkers, `strip` and package managers put a new file in the place of an old one, so that what is
        // mapped stays as it was; whoever writes into a file of symbols while it is read gets wrong names, and whoever
        // truncates it ends this process.
        unsafe { Mmap::map(file) }.map(Bytes::Mapped)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

//! A file that may know symbols: mapped, and asked what it is.

use super::bytes::Bytes;
use crate::error::io_reason;
use crate::profile::Segment;
use alloc_probe_format::text_hash::TextHash;
use gimli::{EndianSlice, RunTimeEndian};
use lzma_rust2::XzReader;
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SegmentFlags, elf};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use typed_arena::Arena;

/// What is read of debug info.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// A section of a file, decompressed where it must be. One that can't be had is as good as none: symbols are left.
pub(super) fn section<'a>(file: &object::File<'a>, name: &str, arena: &'a Arena<Bytes>) -> Slice<'a> {
    let data = file.section_by_name(name).and_then(|section| section.uncompressed_data().ok());
    let data: &'a [u8] = match data {
        Some(Cow::Borrowed(data)) => data,
        Some(Cow::Owned(data)) => arena.alloc(Bytes::Owned(data)),
        None => &[],
    };
    EndianSlice::new(data, endian(file))
}

/// The byte order of a file.
pub(super) fn endian(file: &object::File<'_>) -> RunTimeEndian {
    if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big }
}

/// Symbols packed into a stripped binary are a few megabytes; more is no one's.
const MAX_PACKED_BYTES: u64 = 512 << 20;

/// An ELF file.
pub(super) struct ObjectFile<'a> {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its contents.
    pub(super) object: object::File<'a>,
    bytes: &'a [u8],
}

impl<'a> ObjectFile<'a> {
    /// Maps a file, which stays mapped for as long as the arena.
    ///
    /// # Errors
    ///
    /// Where it can't be read or is no sound ELF file, in a clause.
    pub(super) fn open(path: &Path, arena: &'a Arena<Bytes>) -> Result<ObjectFile<'a>, String> {
        // A dump may name anything: a device has no end, and a pipe never begins.
        if !std::fs::metadata(path).map_err(|error| unreadable(&error))?.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let bytes = Bytes::map(&file).map_err(|error| unreadable(&error))?;
        ObjectFile::parse(path, arena.alloc(bytes))
    }

    fn parse(path: &Path, bytes: &'a [u8]) -> Result<ObjectFile<'a>, String> {
        let object = object::File::parse(bytes).map_err(|_| "it is not a sound ELF file".to_owned())?;
        Ok(ObjectFile { path: path.to_owned(), object, bytes })
    }

    /// The build id in lower-case hexadecimal; empty where it has none.
    pub(super) fn build_id(&self) -> String {
        let build_id = self.object.build_id().ok().flatten().unwrap_or_default();
        build_id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The hash of what it has of its executable segments, in lower-case hexadecimal, as a dump has it of an image without a
    /// build id. None where it has nothing of them, as a file with debug info only.
    pub(super) fn text_hash(&self) -> Option<String> {
        let mut hash = TextHash::new();
        let mut is_there = false;
        for segment in self.object.segments().filter(is_code) {
            let (start, bytes) = segment.file_range();
            let (start, bytes) = (usize::try_from(start).ok()?, usize::try_from(bytes).ok()?);
            hash.add(self.bytes.get(start..)?.get(..bytes)?);
            is_there |= bytes > 0;
        }
        is_there.then(|| hash.finish().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The segment that the program runs.
    pub(super) fn code_segment(&self) -> Option<Segment> {
        let code = self.object.segments().find(is_code)?;
        Some(Segment { offset: code.file_range().0, address: code.address(), size: code.size() })
    }

    /// The address that the file has for an offset in it.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        self.object.segments().find_map(|segment| {
            let (start, size) = segment.file_range();
            let within = offset.checked_sub(start).filter(|within| *within < size)?;
            segment.address().checked_add(within)
        })
    }

    /// Whether it has debug info. What `strip` leaves of the sections has no bytes.
    pub(super) fn has_debug_info(&self) -> bool {
        let section = self.object.section_by_name(".debug_info");
        section.is_some_and(|section| section.compressed_data().is_ok_and(|data| !data.data.is_empty()))
    }

    /// What it knows of symbols, in a clause.
    pub(super) fn contents(&self) -> &'static str {
        let has_symbols = self.object.symbols().any(|symbol| symbol.is_definition());
        match (self.has_debug_info(), has_symbols) {
            (true, true) => "debug info and symbols",
            (true, false) => "debug info",
            (false, true) => "symbols, but no debug info",
            (false, false) if self.object.section_by_name(PACKED_SYMBOLS).is_some() => {
                "stripped, but for packed symbols"
            }
            (false, false) => "stripped",
        }
    }

    /// The name and the checksum of the file that its debug info was moved to.
    pub(super) fn debug_link(&self) -> Option<(String, u32)> {
        let (name, crc) = self.object.gnu_debuglink().ok().flatten()?;
        Some((String::from_utf8_lossy(name).into_owned(), crc))
    }

    /// The checksum of the whole file, as `.gnu_debuglink` has it.
    pub(super) fn crc(&self) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(self.bytes);
        crc.sum()
    }

    /// The small ELF file with symbols that distributions pack into a stripped one; none where there is none, or a
    /// damaged one.
    pub(super) fn packed_symbols(&self, arena: &'a Arena<Bytes>) -> Option<ObjectFile<'a>> {
        let packed = self.object.section_by_name(PACKED_SYMBOLS)?.data().ok()?;
        let mut bytes = Vec::new();
        XzReader::new(packed, true).take(MAX_PACKED_BYTES).read_to_end(&mut bytes).ok()?;
        ObjectFile::parse(&self.path, arena.alloc(Bytes::Owned(bytes))).ok()
    }
}

/// "Mini debug info": an ELF file with symbols, compressed by xz.
const PACKED_SYMBOLS: &str = ".gnu_debugdata";

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => NOT_THERE.to_owned(),
        _ => io_reason(error),
    }
}

/// Why a file can't be read that nobody has removed, perhaps: it may just be on another machine.
pub(super) const NOT_THERE: &str = "the file is not there";

/// Whether the program runs what is in it.
fn is_code(segment: &object::Segment<'_, '_>) -> bool {
    matches!(segment.flags(), SegmentFlags::Elf { p_flags } if p_flags & elf::PF_X != 0)
}

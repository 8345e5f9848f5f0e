//! What there is to know of a program's file.

use crate::error::{Error, io_reason};
use object::{Object, ObjectSection};
use std::path::Path;

/// A program's sizes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binary {
    /// The file.
    pub(super) file_bytes: u64,
    /// The file without its symbols and its debug info, as it might be deployed.
    pub(super) stripped_bytes: u64,
    /// Its machine code.
    pub(super) code_bytes: u64,
    /// Whether it knows the source lines of its code.
    pub(super) has_lines: bool,
}

impl Binary {
    /// Reads a program's file.
    ///
    /// # Errors
    ///
    /// Where it can't be read or is no program.
    pub(super) fn read(path: &Path) -> Result<Binary, Error> {
        let bytes = std::fs::read(path).map_err(|error| Error::read(path, io_reason(&error)))?;
        let file = object::File::parse(&*bytes).map_err(|error| Error::read(path, error))?;
        let (mut symbol_bytes, mut code_bytes, mut has_lines) = (0, 0, false);
        for section in file.sections() {
            let name = section.name().unwrap_or_default();
            let in_file = section.file_range().map_or(0, |(_, length)| length);
            if name.starts_with(".debug_") || [".symtab", ".strtab"].contains(&name) {
                symbol_bytes += in_file;
            }
            has_lines |= name == ".debug_line" && in_file > 0;
            code_bytes += if name == ".text" { in_file } else { 0 };
        }
        let file_bytes = bytes.len() as u64;
        Ok(Binary {
            file_bytes,
            stripped_bytes: file_bytes.saturating_sub(symbol_bytes),
            code_bytes,
            has_lines,
        })
    }
}

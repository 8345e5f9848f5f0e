//! What there is to know of a program's file.

use crate::error::{Error, io_reason};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, elf};
use std::path::{Path, PathBuf};

/// A program's file: its sizes, in bytes, and what it says of itself.
#[derive(Clone, Debug)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// The file.
    pub file_bytes: u64,
    /// The file without its symbols and its debug info, as it might be deployed.
    pub stripped_bytes: u64,
    /// Its machine code.
    pub code_bytes: u64,
    /// What is only read of it in memory, with the code: `text` as `size` has it.
    pub text_bytes: u64,
    /// What it may write to and has contents of its own: `data` as `size` has it.
    pub data_bytes: u64,
    /// Its debug info.
    pub debug_bytes: u64,
    /// Whether it knows the source lines of its code.
    pub has_lines: bool,
    /// Whether it has a table of symbols.
    pub has_symbols: bool,
    /// Whether its lines lie in other files (`.dwo`, `.dwp`, or one that `.gnu_debuglink` names).
    pub is_split: bool,
    /// Whether it has a build id, which finds its debug info wherever it is.
    pub has_build_id: bool,
    /// Whether it holds the probe.
    pub has_probe: bool,
    /// Whether it has what only debug builds have; what is stripped, or of an old compiler, does not tell.
    pub is_debug_build: bool,
}

impl Binary {
    /// Reads a program's file.
    ///
    /// # Errors
    ///
    /// Where it can't be read or is no program.
    pub fn read(path: &Path) -> Result<Binary, Error> {
        let bytes = std::fs::read(path).map_err(|error| Error::read(path, io_reason(&error)))?;
        let file = object::File::parse(&*bytes).map_err(|error| Error::read(path, error))?;
        let file_bytes = bytes.len() as u64;
        let mut binary = Binary {
            path: path.to_owned(),
            file_bytes,
            stripped_bytes: file_bytes,
            code_bytes: 0,
            text_bytes: 0,
            data_bytes: 0,
            debug_bytes: 0,
            has_lines: false,
            has_symbols: file.symbols().any(|symbol| symbol.is_definition()),
            is_split: file.gnu_debuglink().is_ok_and(|link| link.is_some()),
            has_build_id: file.build_id().is_ok_and(|id| id.is_some_and(|id| !id.is_empty())),
            // The probe reads its variables by their names.
            has_probe: file
                .section_by_name(".rodata")
                .and_then(|section| section.data().ok())
                .is_some_and(holds_probe),
            is_debug_build: file.symbols().any(|symbol| symbol.name().is_ok_and(is_check_of_debug_builds)),
        };
        for section in file.sections() {
            let name = section.name().unwrap_or_default();
            let in_file = section.file_range().map_or(0, |(_, length)| length);
            binary.count(name, section.size(), in_file, section.flags());
        }
        Ok(binary)
    }

    fn count(&mut self, name: &str, size: u64, in_file: u64, flags: SectionFlags) {
        let is_debug = name.starts_with(".debug_") || name.starts_with(".zdebug_");
        self.debug_bytes += if is_debug { in_file } else { 0 };
        if is_debug || [".symtab", ".strtab"].contains(&name) {
            self.stripped_bytes = self.stripped_bytes.saturating_sub(in_file);
        }
        self.has_lines |= name == ".debug_line" && in_file > 0;
        self.is_split |= name.ends_with(".dwo");
        self.code_bytes += if name == ".text" { in_file } else { 0 };
        if let SectionFlags::Elf { sh_flags } = flags
            && sh_flags & u64::from(elf::SHF_ALLOC) != 0
        {
            let is_written =
                sh_flags & u64::from(elf::SHF_WRITE) != 0 && sh_flags & u64::from(elf::SHF_EXECINSTR) == 0;
            match is_written {
                false => self.text_bytes += size,
                true if in_file > 0 => self.data_bytes += size,
                true => {}
            }
        }
    }
}

fn holds_probe(rodata: &[u8]) -> bool {
    const NAME: &[u8] = b"ALLOC_PROBE_OUT";
    rodata.windows(NAME.len()).any(|window| window == NAME)
}

/// Checks of the standard library's unsafe functions, which are compiled in with debug assertions alone. Where anything is
/// optimised they are inlined, so that a function of this name means a debug build. Compilers before 1.78 have none.
fn is_check_of_debug_builds(name: &str) -> bool {
    name.contains("4core") && name.contains("18precondition_check")
}

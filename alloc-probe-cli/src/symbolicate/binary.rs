//! One binary: whether it is the one that was profiled, and what it knows of addresses.

use super::modules::CrateRoots;
use super::names;
use super::symbols::SymbolTable;
use crate::error::io_reason;
use addr2line::{Context, Frame, FunctionName};
use alloc_probe_format::dump::Image;
use gimli::{DwarfSections, EndianSlice, RunTimeEndian};
use object::{Object, ObjectSection};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A frame as the debug info has it.
#[derive(Default)]
pub(super) struct RawFrame {
    /// The demangled function; none where it has no name.
    pub(super) function: Option<String>,
    /// Whether the path before its own name was made from its file.
    pub(super) path_guessed: bool,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    pub(super) inlined: bool,
}

/// Why a binary can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It can't be read, in the system's words.
    Unreadable(String),
    /// It is another build than the one that was profiled, with both build ids. Wrong symbols are worse than none.
    Rebuilt(String),
    /// It is no ELF file, or a damaged one.
    NotElf,
}

/// The bytes of an image's file, as it was when the process ran.
pub(super) fn read(image: &Image, started_unix_ns: u64) -> Result<Vec<u8>, Unusable> {
    let path = Path::new(&image.path);
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Unusable::Unreadable("the file is not there".to_owned()),
        _ => Unusable::Unreadable(io_reason(&error)),
    };
    // A dump may name anything: a device has no end, and a pipe never begins.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Unusable::Unreadable("it is no regular file".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let file = object::File::parse(&*bytes).map_err(|_| Unusable::NotElf)?;
    let build_id: String =
        file.build_id().ok().flatten().unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
    if build_id != image.build_id {
        let (now, then) = (shown_id(&build_id), shown_id(&image.build_id));
        return Err(Unusable::Rebuilt(format!("its build id is {now}, the dump's is {then}")));
    }
    // Without build ids, time must tell.
    if build_id.is_empty() {
        let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(unreadable)?;
        if unix_ns(changed) > started_unix_ns {
            return Err(Unusable::Rebuilt("it has no build id, and is newer than the process".to_owned()));
        }
    }
    Ok(bytes)
}

fn shown_id(build_id: &str) -> &str {
    if build_id.is_empty() { "none" } else { build_id.get(..8).unwrap_or(build_id) }
}

fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// Looks up addresses of a binary, each an instruction's, and gives the frames of each, inlined ones first. An
/// address that nothing is known of has none.
pub(super) fn look_up(bytes: &[u8], addresses: &[u64]) -> Result<Vec<Vec<RawFrame>>, Unusable> {
    let file = object::File::parse(bytes).map_err(|_| Unusable::NotElf)?;
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let sections = DwarfSections::load(|id| {
        let section = file.section_by_name(id.name());
        // A section that can't be had is as good as none: symbols are left.
        let data = section.and_then(|section| section.uncompressed_data().ok()).unwrap_or_default();
        Ok::<Cow<'_, [u8]>, Unusable>(data)
    })?;
    let dwarf = || sections.borrow(|section| EndianSlice::new(section, endian));
    let binary = Binary {
        symbols: SymbolTable::of(&file),
        context: Context::from_dwarf(dwarf()).ok(),
        roots: OnceCell::new(),
        dwarf: &dwarf,
    };
    Ok(addresses.iter().map(|address| binary.frames_at(*address)).collect())
}

struct Binary<'a> {
    symbols: SymbolTable<'a>,
    context: Option<Context<Slice<'a>>>,
    /// Only needed for names without a path, so only made then.
    roots: OnceCell<CrateRoots>,
    dwarf: &'a dyn Fn() -> gimli::Dwarf<Slice<'a>>,
}

impl<'a> Binary<'a> {
    fn frames_at(&self, address: u64) -> Vec<RawFrame> {
        let mut frames = self.debug_frames(address);
        if frames.is_empty() {
            let symbol = self.symbols.name_at(address, None);
            frames.extend(
                symbol.map(|symbol| RawFrame { function: Some(demangled(symbol)), ..RawFrame::default() }),
            );
        }
        frames
    }

    /// The frames by debug info: none where there is none for the address, or where it is damaged.
    fn debug_frames(&self, address: u64) -> Vec<RawFrame> {
        let Some(context) = &self.context else { return Vec::new() };
        let Ok(mut found) = context.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut known = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            known.push(frame);
        }
        let outermost = known.len().saturating_sub(1);
        let frames = known.iter().enumerate();
        frames.map(|(index, frame)| self.raw_frame(frame, address, index < outermost)).collect()
    }

    fn raw_frame(&self, frame: &Frame<'_, Slice<'a>>, address: u64, inlined: bool) -> RawFrame {
        let file = frame.location.as_ref().and_then(|location| location.file);
        let debug_name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        let (function, path_guessed) = match debug_name.as_deref() {
            None if inlined => (None, false),
            Some(name) if names::is_mangled(name) => (Some(demangled(name)), false),
            // The symbol table knows the whole name of a function that has code of its own.
            name => match self.symbols.name_at(address, name).filter(|_| !inlined).map(demangled) {
                Some(symbol) => (Some(symbol), false),
                None => name.map_or((None, false), |name| self.qualified(frame, name, file)),
            },
        };
        let location = frame.location.as_ref();
        let positive = |number: Option<u32>| number.filter(|number| *number > 0);
        RawFrame {
            function,
            path_guessed,
            file: file.map(str::to_owned),
            line: positive(location.and_then(|location| location.line)),
            column: positive(location.and_then(|location| location.column)),
            inlined,
        }
    }

    /// A name of the debug info with its module, where that can be known, and whether it is.
    fn qualified(
        &self,
        frame: &Frame<'_, Slice<'a>>,
        name: &str,
        file: Option<&str>,
    ) -> (Option<String>, bool) {
        let is_rust = |function: &FunctionName<Slice<'a>>| function.language == Some(gimli::DW_LANG_Rust);
        let is_bare = frame.function.as_ref().is_some_and(is_rust) && !names::short_name(name).contains("::");
        let module = is_bare
            .then_some(file)
            .flatten()
            .and_then(|file| self.roots.get_or_init(|| CrateRoots::of(&(self.dwarf)())).module(file));
        match module {
            Some(module) => (Some(format!("{module}::{name}")), true),
            None => (Some(name.to_owned()), false),
        }
    }
}

fn demangled(symbol: &str) -> String {
    names::demangle(symbol).unwrap_or_else(|| symbol.to_owned())
}

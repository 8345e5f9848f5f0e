//! Split DWARF: the greater part of debug info, which the linker left in files of its own. `split-debuginfo =
//! "unpacked"` leaves one `.dwo` for each code generation unit, `"packed"` one `.dwp` for a program.

use super::bytes::Bytes;
use super::object_file::{ObjectFile, Slice, endian, section};
use addr2line::SplitDwarfLoad;
use gimli::{Dwarf, DwarfPackage, EndianSlice};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use typed_arena::Arena;

/// The files that a binary's debug info was split into.
pub(super) struct SplitFiles<'a> {
    packages: Vec<DwarfPackage<Slice<'a>>>,
    /// Where files may be that are no longer where they were built.
    directories: Vec<PathBuf>,
    arena: &'a Arena<Bytes>,
    missing: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> SplitFiles<'a> {
    /// Those of a binary that was found as `files`, for an image of this path.
    pub(super) fn of(
        files: &[ObjectFile<'a>],
        image: &Path,
        debug_dirs: &[PathBuf],
        arena: &'a Arena<Bytes>,
    ) -> SplitFiles<'a> {
        let name = |path: &Path| path.file_name().map(OsStr::to_owned);
        let beside = files.iter().map(|file| file.path.clone());
        let in_dirs = debug_dirs.iter().filter_map(|directory| Some(directory.join(name(image)?)));
        let packages = beside.chain(in_dirs).filter_map(|path| {
            let mut path = path.into_os_string();
            path.push(".dwp");
            package(Path::new(&path), arena)
        });
        let beside = files.iter().filter_map(|file| Some(file.path.parent()?.to_owned()));
        SplitFiles {
            packages: packages.collect(),
            directories: debug_dirs.iter().cloned().chain(beside).collect(),
            arena,
            missing: RefCell::default(),
        }
    }

    /// Finds the rest of a compilation unit; none where it is nowhere.
    pub(super) fn load(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<Dwarf<Slice<'a>>>> {
        let packed =
            self.packages.iter().find_map(|package| package.find_cu(load.dwo_id, &load.parent).ok()?);
        if let Some(unit) = packed {
            return Some(Arc::new(unit));
        }
        let path =
            |part: Option<&Slice<'a>>| Path::new(OsStr::from_bytes(part.map_or(&[], |part| part.slice())));
        let stated = path(load.comp_dir.as_ref()).join(path(load.path.as_ref()));
        let name = stated.file_name()?;
        let elsewhere = self.directories.iter().map(|directory| directory.join(name));
        let found = std::iter::once(stated.clone()).chain(elsewhere).find_map(|path| self.open(&path, load));
        if found.is_none() {
            self.missing.borrow_mut().insert(stated);
        }
        found
    }

    /// The files that were wanted and not there.
    pub(super) fn missing(&self) -> BTreeSet<PathBuf> {
        self.missing.borrow().clone()
    }

    /// The unit in a `.dwo` file, if it is the one that is wanted: its id is a checksum.
    fn open(&self, path: &Path, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<Dwarf<Slice<'a>>>> {
        let file = ObjectFile::open(path, self.arena).ok()?;
        let of_section = |id: gimli::SectionId| match id.dwo_name() {
            Some(name) => Ok::<_, gimli::Error>(section(&file.object, name, self.arena)),
            None => Ok(EndianSlice::new(&[], endian(&file.object))),
        };
        let mut dwarf = Dwarf::load(of_section).ok()?;
        let unit = dwarf.unit(dwarf.units().next().ok()??).ok()?;
        if unit.dwo_id != Some(load.dwo_id) {
            return None;
        }
        dwarf.make_dwo(&load.parent);
        Some(Arc::new(dwarf))
    }
}

fn package<'a>(path: &Path, arena: &'a Arena<Bytes>) -> Option<DwarfPackage<Slice<'a>>> {
    let file = ObjectFile::open(path, arena).ok()?;
    let empty = EndianSlice::new(&[][..], endian(&file.object));
    let of_section = |id: gimli::SectionId| match id.dwo_name() {
        Some(name) => Ok::<_, gimli::Error>(section(&file.object, name, arena)),
        None => Ok(empty),
    };
    DwarfPackage::load(of_section, empty).ok()
}

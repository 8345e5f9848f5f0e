//! Which files know the symbols of an image: the sources in their order, and what came of each.
//!
//! A file belongs to an image if it has its build id, wherever it is and whatever its name. So the search may be
//! generous: what doesn't belong is refused, and the next source is tried.

use super::bytes::Bytes;
use super::object_file::{NOT_THERE, ObjectFile};
use super::options::Options;
use super::tried::Tried;
use alloc_probe_format::dump::{Dump, Image};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use typed_arena::Arena;

/// Where the system has debug files.
const SYSTEM_DEBUG_DIR: &str = "/usr/lib/debug";

/// Why no file of an image can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is nowhere.
    NotThere,
    /// It can't be read, in the system's words, or is no ELF file.
    Unreadable(String),
    /// There is only another build than the one that was profiled, with both build ids. Wrong symbols are worse than
    /// none.
    Rebuilt(String),
    /// Another tool recorded it, whose files do not say which build it was.
    Unsure,
}

/// The search for the symbols of one image.
pub(super) struct Search<'a, 'o> {
    options: &'o Options,
    image: &'o Image,
    started_unix_ns: u64,
    /// Whether nothing tells which build it was.
    is_unsure: bool,
    arena: &'a Arena<Bytes>,
    /// The files that belong to the image, the best first among those with debug info.
    pub(super) files: Vec<ObjectFile<'a>>,
    /// Everything that was tried.
    pub(super) tried: Vec<Tried>,
    refusal: Option<Unusable>,
}

impl<'a, 'o> Search<'a, 'o> {
    /// Searches everywhere, until debug info is found.
    pub(super) fn run(
        options: &'o Options,
        dump: &'o Dump,
        image: &'o Image,
        arena: &'a Arena<Bytes>,
    ) -> Search<'a, 'o> {
        let mut search = Search {
            options,
            image,
            started_unix_ns: dump.process.start_unix_ns,
            is_unsure: dump.recorded_by.is_some() && image.build_id.is_empty() && image.text_hash.is_empty(),
            arena,
            files: Vec::new(),
            tried: Vec::new(),
            refusal: None,
        };
        for binary in named_for(options, dump, image) {
            search.try_object(binary, "--binary ");
        }
        let own = Path::new(&image.path);
        if own.is_absolute() && !search.has_debug_info() {
            search.try_object(own, "");
        }
        search.by_build_id();
        search.by_debug_link();
        search.by_name();
        search.by_servers();
        search.packed_symbols();
        search
    }

    /// Why nothing was found, where nothing was.
    pub(super) fn refusal(&self) -> Option<Unusable> {
        self.files.is_empty().then(|| self.refusal.clone().unwrap_or(Unusable::NotThere))
    }

    /// What a `--binary` was refused for, if one was: the user meant it to be used.
    pub(super) fn refused_binaries(&self) -> impl Iterator<Item = &Tried> {
        self.tried
            .iter()
            .filter(|tried| tried.place.starts_with("--binary ") && tried.outcome.starts_with(REBUILT))
    }

    /// Whether any of the files has debug info.
    pub(super) fn has_debug_info(&self) -> bool {
        self.files.iter().any(ObjectFile::has_debug_info)
    }

    /// Takes the image's own file, or a copy of it, if it is the same build.
    fn try_object(&mut self, path: &Path, option: &str) {
        let checked = ObjectFile::open(path, self.arena).map_err(unusable).and_then(|file| {
            if self.is_unsure {
                // What the user names is meant.
                let is_meant = self.options.force || !option.is_empty();
                return if is_meant { Ok((file, "")) } else { Err(Unusable::Unsure) };
            }
            match self.mismatch(&file) {
                Some(_) if self.options.force => Ok((file, " (another build, used by --force)")),
                Some(mismatch) => Err(Unusable::Rebuilt(mismatch)),
                None => Ok((file, "")),
            }
        });
        let outcome = match checked {
            Ok((file, remark)) => {
                let outcome = format!("{}{remark}", file.contents());
                self.files.push(file);
                outcome
            }
            Err(refusal) => {
                let outcome = match &refusal {
                    Unusable::NotThere => NOT_THERE.to_owned(),
                    Unusable::Unreadable(reason) => reason.clone(),
                    Unusable::Rebuilt(how) => format!("{REBUILT}: {how}"),
                    Unusable::Unsure => UNSURE.to_owned(),
                };
                // That there is a build, but another one, is more to the point than that a file is not there.
                if !matches!(self.refusal, Some(Unusable::Rebuilt(_))) {
                    self.refusal = Some(refusal);
                }
                outcome
            }
        };
        self.tried.push(Tried { place: format!("{option}{}", path.display()), outcome });
    }

    /// Takes a file with debug info only, if there is one and `belongs` holds of it.
    fn try_debug(&mut self, path: &Path, belongs: impl FnOnce(&ObjectFile<'a>) -> Result<(), String>) {
        if self.has_debug_info() || self.files.iter().any(|file| file.path == path) {
            return;
        }
        let opened = ObjectFile::open(path, self.arena);
        let outcome = match opened.and_then(|file| belongs(&file).map(|()| file)) {
            Ok(file) => {
                let outcome = file.contents().to_owned();
                self.files.push(file);
                outcome
            }
            Err(reason) => reason,
        };
        self.tried.push(Tried { place: path.display().to_string(), outcome });
    }

    /// `.build-id/1f/2e3d….debug`, below each directory of debug files.
    fn by_build_id(&mut self) {
        let Some((first, rest)) =
            self.image.build_id.split_at_checked(2).filter(|(_, rest)| !rest.is_empty())
        else {
            return;
        };
        for directory in self.debug_dirs() {
            let path = directory.join(".build-id").join(first).join(format!("{rest}.debug"));
            let build_id = self.image.build_id.clone();
            self.try_debug(&path, |file| same_build(file, &build_id));
        }
    }

    /// The file that the image's own says its debug info was moved to. Its checksum must be right.
    fn by_debug_link(&mut self) {
        let Some((object, (name, crc))) =
            self.files.iter().find_map(|file| Some((file.path.clone(), file.debug_link()?)))
        else {
            return;
        };
        // A file may name what it likes, but no way out of the directories.
        let (Some(name), Some(beside)) = (Path::new(&name).file_name(), object.parent()) else { return };
        let mut places = vec![beside.join(name), beside.join(".debug").join(name)];
        for directory in self.debug_dirs() {
            places.push(directory.join(name));
            if let Ok(from_root) = beside.strip_prefix("/") {
                places.push(directory.join(from_root).join(name));
            }
        }
        for path in places.into_iter().filter(|path| *path != object) {
            self.try_debug(&path, |file| match file.crc() == crc {
                true => Ok(()),
                false => Err("its checksum is not the one that .gnu_debuglink asks for".to_owned()),
            });
        }
    }

    /// A file of the image's name in a directory that the user named.
    fn by_name(&mut self) {
        let Some(name) = Path::new(&self.image.path).file_name().filter(|_| !self.image.build_id.is_empty())
        else {
            return;
        };
        let build_id = self.image.build_id.clone();
        let mut with_ending = name.to_owned();
        with_ending.push(".debug");
        for directory in &self.options.debug_dirs {
            for name in [name, &with_ending] {
                self.try_debug(&directory.join(name), |file| same_build(file, &build_id));
            }
        }
    }

    #[cfg(feature = "debuginfod")]
    fn by_servers(&mut self) {
        let Some(servers) = self.options.debuginfod.as_ref() else { return };
        if self.has_debug_info() || self.image.build_id.is_empty() {
            return;
        }
        let (found, mut tried) = servers.fetch(&self.image.build_id);
        self.tried.append(&mut tried);
        if let Some(path) = found {
            let build_id = self.image.build_id.clone();
            self.try_debug(&path, |file| same_build(file, &build_id));
        }
    }

    #[cfg(not(feature = "debuginfod"))]
    fn by_servers(&mut self) {}

    /// What distributions leave in a stripped file.
    fn packed_symbols(&mut self) {
        if self.has_debug_info() {
            return;
        }
        let packed = self.files.iter().find_map(|file| file.packed_symbols(self.arena));
        if let Some(packed) = packed {
            let place = format!("{} (.gnu_debugdata)", packed.path.display());
            self.tried.push(Tried { place, outcome: packed.contents().to_owned() });
            self.files.push(packed);
        }
    }

    fn debug_dirs(&self) -> Vec<PathBuf> {
        self.options.debug_dirs.iter().cloned().chain([PathBuf::from(SYSTEM_DEBUG_DIR)]).collect()
    }

    /// How a file differs from the image, if it does. Without build ids, its code tells; where the dump doesn't know that
    /// either, time must.
    fn mismatch(&self, file: &ObjectFile<'_>) -> Option<String> {
        let (now, then) = (file.build_id(), &self.image.build_id);
        if now != *then {
            return Some(format!("its build id is {}, the dump's is {}", shown_id(&now), shown_id(then)));
        }
        if now.is_empty() && !self.image.text_hash.is_empty() {
            return match file.text_hash() {
                Some(hash) if hash == self.image.text_hash => None,
                Some(_) => Some("it has no build id, and its code is not what ran".to_owned()),
                None => Some("it has neither a build id nor the code that ran".to_owned()),
            };
        }
        let changed = || std::fs::metadata(&file.path).and_then(|metadata| metadata.modified()).map(unix_ns);
        let is_newer = now.is_empty() && changed().is_ok_and(|changed| changed > self.started_unix_ns);
        is_newer.then(|| "it has no build id, and is newer than the process".to_owned())
    }
}

/// What is said of a file that may or may not be the one that ran.
pub(super) const UNSURE: &str = "the profile does not say which build it was";

/// What is said of a file that belongs to another build.
const REBUILT: &str = "another build";

/// The files that `--binary` names for an image: those with its build id; else, where no other image has theirs, those
/// of its name; else, for the executable, whatever is left.
fn named_for<'o>(options: &'o Options, dump: &Dump, image: &Image) -> Vec<&'o Path> {
    let arena = Arena::new();
    let is_executable = |image: &Image| image.path == dump.process.executable;
    let has_executable = dump.images.iter().any(is_executable);
    let belongs = |path: &Path| {
        let build_id = ObjectFile::open(path, &arena).map(|file| file.build_id()).unwrap_or_default();
        let is_known = |id: &str| !id.is_empty() && dump.images.iter().any(|image| image.build_id == id);
        let same_name = |image: &Image| Path::new(&image.path).file_name() == path.file_name();
        match is_known(&build_id) {
            true => build_id == image.build_id,
            false if dump.images.iter().any(same_name) => same_name(image),
            false if has_executable => is_executable(image),
            false => dump.images.first() == Some(image),
        }
    };
    options.binaries.iter().map(PathBuf::as_path).filter(|path| belongs(path)).collect()
}

fn same_build(file: &ObjectFile<'_>, build_id: &str) -> Result<(), String> {
    let own = file.build_id();
    if own == *build_id { Ok(()) } else { Err(format!("{REBUILT}: its build id is {}", shown_id(&own))) }
}

fn unusable(reason: String) -> Unusable {
    if reason == NOT_THERE { Unusable::NotThere } else { Unusable::Unreadable(reason) }
}

fn shown_id(build_id: &str) -> &str {
    if build_id.is_empty() { "none" } else { build_id.get(..8).unwrap_or(build_id) }
}

fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

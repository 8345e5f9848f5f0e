//! What was looked up before, by build id: the second look at a dump need not read gigabytes of debug info again, and
//! needs no binary at all.
//!
//! One file for each build, `BUILD-ID.json`. The directory is bounded: where it grows too large, the files that were
//! not used for the longest time go.

use super::binary::RawFrame;
use crate::output_file::{Readers, Unfinished};
use alloc_probe_format::dump::{SymbolFrame, Symbols};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The bytes that all files together may take.
const LIMIT_BYTES: u64 = 256 << 20;

/// The release, and a number that grows when names are made in another way.
const RELEASE: &str = concat!(env!("CARGO_PKG_VERSION"), "+names.3");

/// A directory of what was looked up before.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
    limit_bytes: u64,
}

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// Who wrote it: another release may know better names.
    release: String,
    /// The instructions, in ascending order; `symbols` has the frames of each.
    addresses: Vec<u64>,
    symbols: Symbols,
}

impl Cache {
    /// The user's: `$XDG_CACHE_HOME/alloc-probe/symbols`, or `~/.cache/alloc-probe/symbols`; none without either.
    pub fn of_user(variable: impl Fn(&str) -> Option<OsString>) -> Option<Cache> {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(Cache::new(base.join("alloc-probe").join("symbols"), LIMIT_BYTES))
    }

    /// A cache of so many bytes at most.
    pub fn new(directory: PathBuf, limit_bytes: u64) -> Cache {
        Cache { directory, limit_bytes }
    }

    /// The frames of addresses of a build, and where they are from, if all of them are known.
    pub(super) fn read(&self, build_id: &str, addresses: &[u64]) -> Option<(Vec<Vec<RawFrame>>, String)> {
        let path = self.path(build_id)?;
        let entry = Entry::read(&path)?;
        let frames = addresses
            .iter()
            .map(|address| Some(entry.frames(entry.addresses.binary_search(address).ok()?)))
            .collect::<Option<Vec<_>>>()?;
        // It was used: it goes last.
        let _ = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some((frames, format!("cache {}", path.display())))
    }

    /// Keeps the frames of addresses of a build, beside those that are known. A cache that can't be written is none.
    pub(super) fn write(&self, build_id: &str, addresses: &[u64], frames: &[Vec<RawFrame>]) {
        let Some(path) = self.path(build_id) else { return };
        let mut known: BTreeMap<u64, Vec<RawFrame>> = BTreeMap::new();
        if let Some(entry) = Entry::read(&path) {
            known.extend(
                entry.addresses.iter().enumerate().map(|(index, address)| (*address, entry.frames(index))),
            );
        }
        known.extend(addresses.iter().copied().zip(frames.iter().cloned()));
        let _ = self.store(&path, &Entry::new(&known)).and_then(|()| self.trim(&path));
    }

    fn store(&self, path: &Path, entry: &Entry) -> io::Result<()> {
        // What programs somebody profiles is for nobody else to read.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        // Two commands may write at once: each file is whole.
        let mut unfinished = Unfinished::new(path, Readers::Owner)?;
        unfinished.file.write_all(&serde_json::to_vec(entry)?)?;
        unfinished.finish()
    }

    /// Removes the files that were used least recently, but never the one just written, until the rest is within the
    /// limit.
    fn trim(&self, kept: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.directory)? {
            let file = file?;
            let metadata = file.metadata()?;
            files.push((metadata.modified()?, metadata.len(), file.path()));
        }
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        for (_, of_file, path) in files.iter().filter(|(_, _, path)| path != kept) {
            if bytes <= self.limit_bytes {
                break;
            }
            fs::remove_file(path)?;
            bytes -= of_file;
        }
        Ok(())
    }

    /// The file of a build; none without a build id that can be a name.
    fn path(&self, build_id: &str) -> Option<PathBuf> {
        let is_id = !build_id.is_empty() && build_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| self.directory.join(format!("{build_id}.json")))
    }
}

impl Entry {
    /// What a file holds, if it is sound and of this release.
    fn read(path: &Path) -> Option<Entry> {
        let entry: Entry = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let Symbols { strings, frames, merged, .. } = &entry.symbols;
        let known = |string: u32| (string as usize) < strings.len();
        let is_sound = |frame: &SymbolFrame| known(frame.function) && frame.file.is_none_or(known);
        let is_sound = entry.release == RELEASE
            && frames.len() == entry.addresses.len()
            && entry.addresses.is_sorted()
            && frames.runs().iter().flatten().all(is_sound)
            && merged.iter().all(|merged| known(merged.shown) && merged.others.iter().all(|it| known(*it)));
        is_sound.then_some(entry)
    }

    fn new(known: &BTreeMap<u64, Vec<RawFrame>>) -> Entry {
        let mut table = super::table::Table::new(None, known.len());
        for (row, frames) in (0..).zip(known.values()) {
            table.set(&[row], frames);
        }
        Entry {
            release: RELEASE.to_owned(),
            addresses: known.keys().copied().collect(),
            symbols: table.into_symbols(),
        }
    }

    /// The names of the functions that have the same code as that of this name.
    fn merged_with(&self, function: u32) -> Vec<Arc<str>> {
        let merged = &self.symbols.merged;
        let Ok(at) = merged.binary_search_by_key(&function, |merged| merged.shown) else { return Vec::new() };
        let others = merged[at].others.iter();
        others.map(|other| Arc::from(self.symbols.strings[*other as usize].as_str())).collect()
    }

    fn frames(&self, index: usize) -> Vec<RawFrame> {
        let text = |string: u32| Arc::from(self.symbols.strings[string as usize].as_str());
        let frames = &self.symbols.frames[index];
        let raw = frames.iter().enumerate().map(|(at, frame)| RawFrame {
            function: Some(text(frame.function)).filter(|function: &Arc<str>| !function.is_empty()),
            path_guessed: self.symbols.guessed.binary_search(&frame.function).is_ok(),
            merged_with: self.merged_with(frame.function),
            file: frame.file.map(text),
            line: frame.line,
            column: frame.column,
            inlined: at + 1 < frames.len(),
        });
        raw.collect()
    }
}

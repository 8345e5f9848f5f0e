//! A program's run: what the probe recorded, and what the program logged.

use super::build::{Build, Package, Program};
use super::log::{self, Step};
use alloc_probe_cli::load;
use alloc_probe_cli::profile::Profile;
use alloc_probe_cli::symbolicate::symbolicate;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What the probe recorded of a run, and what the program logged.
pub(crate) struct Recording {
    pub(crate) profile: Profile,
    pub(crate) log: Vec<Vec<Step>>,
    /// For the numbers of the log, the sites of the profile.
    sites: BTreeMap<u32, usize>,
}

impl Recording {
    /// The index of the site with this number.
    pub(crate) fn site(&self, number: u32) -> usize {
        self.sites[&number]
    }

    /// Reads what a run left in a folder.
    fn read(folder: &Path) -> Recording {
        let log = log::read(&folder.join("log"));
        let dump = load::load(&folder.join("dump.json")).expect("a sound dump");
        let profile = symbolicate(&folder.join("dump.json"), dump);
        let sites = sites(&profile, &log);
        Recording { profile, log, sites }
    }
}

/// Some binaries of a package in one build, which is made when the first recording of it is.
pub(crate) struct Built<'a> {
    package: &'a Package,
    build: Build,
    binaries: BTreeSet<String>,
    folder: OnceLock<PathBuf>,
    /// Where recordings are kept, and a number that changes where the package does.
    keep: Option<(PathBuf, u64)>,
}

impl<'a> Built<'a> {
    pub(crate) fn new(package: &'a Package, build: Build, binaries: BTreeSet<String>) -> Built<'a> {
        let keep = super::path_in("TRUTH_KEEP").map(|folder| (folder, package.fingerprint()));
        Built { package, build, binaries, folder: OnceLock::new(), keep }
    }

    /// A run of a program: the first, or another one of the same build.
    pub(crate) fn record(&self, program: &Program, run: usize) -> Recording {
        let Some((keep, fingerprint)) = &self.keep else {
            let temporary = tempfile::tempdir().expect("a temporary folder");
            self.run(program, temporary.path());
            return Recording::read(temporary.path());
        };
        let name = if run == 0 { program.name.clone() } else { format!("{}.{run}", program.name) };
        let folder = keep.join(&self.build.name).join(name);
        let key = format!("{fingerprint:016x} {:016x}\n", hash_argument(program.argument.as_deref()));
        if fs::read_to_string(folder.join("key")).ok().as_ref() != Some(&key) {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("the folder can be made");
            self.run(program, &folder);
            log::trim(&folder.join("log"));
            // Last, so that what was broken off is made anew.
            fs::write(folder.join("key"), key).expect("the key is written");
        }
        Recording::read(&folder)
    }

    /// Runs a program, from a copy where recordings are kept: symbols are read from it, whatever is built next.
    fn run(&self, program: &Program, folder: &Path) {
        let build = || self.package.build(&self.build, &self.binaries);
        let built = self.folder.get_or_init(build).join(&program.binary);
        let folder = folder.canonicalize().expect("the folder is there");
        let executable = self.keep.as_ref().map_or(built.clone(), |(keep, _)| self.copy(&built, keep));
        let mut command = Command::new(executable);
        command.args(&program.argument).current_dir(self.package.folder()).env_clear();
        command.env("ALLOC_PROBE_OUT", folder.join("dump.json")).env("TRUTH_LOG", folder.join("log"));
        let output = command.output().expect("it runs");
        let what = format!("{}, built as {}", program.name, self.build.name);
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Gives a binary a name where it's kept, unless it has one. What is built next replaces the file, and leaves this
    /// one alone.
    fn copy(&self, built: &Path, keep: &Path) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        fs::read(built).expect("the binary can be read").hash(&mut hasher);
        let folder = keep.canonicalize().expect("the folder is there").join("binaries");
        fs::create_dir_all(&folder).expect("the folder can be made");
        let name = built.file_name().unwrap_or_default().to_string_lossy();
        let copy = folder.join(format!("{name}-{}-{:016x}", self.build.name, hasher.finish()));
        // One thread at a time: the next finds it there, and may be running it.
        static COPYING: Mutex<()> = Mutex::new(());
        let _copying = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
        if !copy.exists() && fs::hard_link(built, &copy).is_err() {
            // It's on another file system.
            fs::copy(built, &copy).expect("the program is copied");
        }
        copy
    }
}

/// A number that changes where an argument does, or the file that it names.
fn hash_argument(argument: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match argument.map(|argument| (argument, fs::read(argument))) {
        Some((_, Ok(content))) => content.hash(&mut hasher),
        other => other.map(|(argument, _)| argument).hash(&mut hasher),
    }
    hasher.finish()
}

/// Which number of the log is which site: both are in the order in which sites were first seen. That it is so, all of
/// their figures say.
fn sites(profile: &Profile, log: &[Vec<Step>]) -> BTreeMap<u32, usize> {
    let mut figures = BTreeMap::<u32, (u64, u64, u64)>::new();
    for block in log.iter().flatten().flat_map(|step| &step.blocks) {
        let figures = figures.entry(block.site).or_default();
        figures.0 += 1;
        figures.1 += block.key.size;
        figures.2 += u64::from(block.key.replaces.is_some());
    }
    let logged: Vec<_> = figures.values().copied().collect();
    let of_site = profile
        .sites
        .iter()
        .map(|site| (site.figures.total_blocks, site.figures.total_bytes, site.figures.realloc_calls));
    let recorded: Vec<_> = of_site.collect();
    assert_eq!(logged, recorded, "the log has what the dump has");
    figures.into_keys().zip(0..).collect()
}

//! The matching of two builds, held against a truth that owes nothing to stacks: see `tests/programs`.

mod align;
mod describe;
mod log;
mod verdict;

pub(crate) use verdict::judge;

use crate::cargo::{cargo, run, target};
use alloc_probe_cli::load;
use alloc_probe_cli::profile::Profile;
use alloc_probe_cli::symbolicate::symbolicate;
use log::Step;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A way of building the programs, their dependencies included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Build {
    /// `dev`: not optimised, with full debug info.
    Dev,
    /// `release`, with line tables: as it is, or with one setting that differs.
    Release(Option<&'static str>),
}

/// A program's run: what the probe recorded, and what the program logged.
pub(crate) struct Recording {
    profile: Profile,
    log: Vec<Vec<Step>>,
    /// For the numbers of the log, the sites of the profile.
    sites: BTreeMap<u32, usize>,
}

impl Build {
    fn name(self) -> String {
        match self {
            Build::Dev => "dev".into(),
            Build::Release(None) => "release".into(),
            Build::Release(Some(setting)) => setting.replace([' ', '=', '\''], ""),
        }
    }

    /// The folder of the programs, built.
    fn folder(self) -> PathBuf {
        let folder = target().join("truth").join(self.name());
        let mut cargo = cargo("build", &folder);
        cargo.args(["--bins", "--package", "alloc-probe-programs", "--features", "truth"]);
        if self != Build::Dev {
            cargo.arg("--release");
        }
        if let Build::Release(Some(setting)) = self {
            cargo.args(["--config", &format!("profile.release.{setting}")]);
        }
        run(cargo);
        folder.join(if self == Build::Dev { "debug" } else { "release" })
    }
}

/// The folder of a build, which is made once.
pub(crate) fn built(build: Build) -> PathBuf {
    static BUILT: Mutex<BTreeMap<Build, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(build).or_insert_with(|| build.folder()).clone()
}

/// Runs a program of a folder with one argument.
pub(crate) fn record(folder: PathBuf, program: &str, argument: &str) -> Recording {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let (dump, prefix) = (temporary.path().join("dump.json"), temporary.path().join("log"));
    let output = Command::new(folder.join(program))
        .arg(argument)
        .env_clear()
        .env("ALLOC_PROBE_OUT", &dump)
        .env("TRUTH_LOG", &prefix)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    let log = log::read(&prefix);
    let dump = load::load(&dump).expect("a sound dump");
    let profile = symbolicate(&prefix, dump);
    let sites = sites(&profile, &log);
    Recording { profile, log, sites }
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

impl Recording {
    /// The index of the site with this number.
    fn site(&self, number: u32) -> usize {
        self.sites[&number]
    }
}

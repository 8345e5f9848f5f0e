//! Ways of building programs, and the packages that they are built from.

use crate::cargo::{cargo_at, run, target};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A way of building a package, its dependencies included: `0` is the profile `dev`, as cargo has it; `1`, `2`, `3`, `s`
/// and `z` are `release` with this level, `thin` and `fat` are level 3 with such link-time optimisation. `3x1` has one
/// codegen unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Build {
    pub(crate) name: String,
    /// Settings of the profile.
    settings: Vec<String>,
}

impl Build {
    /// The build of a name.
    pub(crate) fn named(name: &str) -> Build {
        let (level, units) = name.split_once('x').map_or((name, None), |(level, units)| (level, Some(units)));
        let mut settings = match level {
            "0" => vec![],
            "1" | "2" | "3" => vec![format!("opt-level={level}")],
            "s" | "z" => vec![format!("opt-level='{level}'")],
            "thin" | "fat" => vec!["opt-level=3".to_owned(), format!("lto='{level}'")],
            _ => panic!("{name} is no build: 0, 1, 2, 3, s, z, thin, fat, or such a one with units, as 3x1"),
        };
        if level != "0" {
            settings.push("debug='line-tables-only'".to_owned());
        }
        if let Some(units) = units {
            let units: u32 = units.parse().unwrap_or_else(|_| panic!("{name}: {units} units?"));
            settings.push(format!("codegen-units={units}"));
        }
        Build { name: name.to_owned(), settings }
    }

    fn profile(&self) -> &'static str {
        if self.name.starts_with('0') { "dev" } else { "release" }
    }

    /// What cargo is told about it.
    fn arguments(&self) -> Vec<String> {
        let profile = self.profile();
        let settings = self.settings.iter().map(|setting| format!("profile.{profile}.{setting}"));
        let settings = settings.flat_map(|setting| ["--config".to_owned(), setting]);
        ["--profile".to_owned(), profile.to_owned()].into_iter().chain(settings).collect()
    }
}

/// A package of programs that log their blocks.
pub(crate) struct Package {
    /// Where its manifest is.
    folder: PathBuf,
    pub(crate) programs: Vec<Program>,
}

/// A program, and what it's run with.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// What it's called in tables.
    pub(crate) name: String,
    pub(crate) binary: String,
    pub(crate) argument: Option<String>,
}

impl Package {
    /// The project's own, with the programs to run and an argument for each.
    pub(crate) fn own(programs: &[(&str, &str)]) -> Package {
        let program = |(name, argument): &(&str, &str)| Program {
            name: (*name).to_owned(),
            binary: (*name).to_owned(),
            argument: Some((*argument).to_owned()),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        Package { folder, programs: programs.iter().map(program).collect() }
    }

    /// One that was made, with its programs.
    pub(crate) fn made(folder: &Path, programs: Vec<Program>) -> Package {
        Package { folder: folder.canonicalize().expect("the folder is there"), programs }
    }

    /// That in a folder: all its binaries, with the arguments that its manifest has for them.
    pub(crate) fn at(folder: &Path) -> Package {
        let folder = folder.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let manifest = folder.join("Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let mut own =
            packages.filter(|package| package["manifest_path"].as_str().map(Path::new) == Some(&manifest));
        let package = own.next().unwrap_or_else(|| panic!("{}: no package", manifest.display()));
        let is_program = |target: &&Value| {
            target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"))
        };
        let targets = package["targets"].as_array().into_iter().flatten().filter(is_program);
        let program = |target: &Value| {
            let name = target["name"].as_str().expect("a binary has a name").to_owned();
            let argument = package["metadata"]["truth"][&name].as_str().map(str::to_owned);
            Program { binary: name.clone(), name, argument }
        };
        let programs: Vec<_> = targets.map(program).collect();
        assert!(!programs.is_empty(), "{}: no binaries", manifest.display());
        Package { folder, programs }
    }

    fn is_own(&self) -> bool {
        self.folder == Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
    }

    /// Builds some of its binaries. Returns the folder that they are in.
    pub(crate) fn build(&self, build: &Build, binaries: &BTreeSet<String>) -> PathBuf {
        let target = if self.is_own() {
            target().join("truth").join(&build.name)
        } else {
            let mut hasher = DefaultHasher::new();
            self.folder.hash(&mut hasher);
            target().join("truth").join(format!("{:016x}", hasher.finish())).join(&build.name)
        };
        let mut cargo = cargo_at(&self.folder.join("Cargo.toml"), "build", &target);
        cargo.args(["--features", if self.is_own() { "programs" } else { "alloc-probe-programs/truth" }]);
        // Apart from the rest, so that neither waits for the other.
        cargo.env("CARGO_BUILD_BUILD_DIR", crate::cargo::target().join("truth").join("build"));
        // What a build draws by chance, all draw alike: hash tables that differ make programs that do other work.
        cargo.env("CONST_RANDOM_SEED", "0");
        cargo.args(binaries.iter().flat_map(|binary| ["--bin", binary])).args(build.arguments());
        run(cargo);
        target.join(if build.profile() == "dev" { "debug" } else { "release" })
    }

    /// The folder that its programs run in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A number that changes where a file of the package does.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash_folder(&self.folder, &mut hasher);
        hasher.finish()
    }
}

fn hash_folder(folder: &Path, hasher: &mut DefaultHasher) {
    let entries = fs::read_dir(folder).expect("the folder can be read").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || name == "Cargo.lock" {
            continue;
        }
        name.hash(hasher);
        if path.is_dir() {
            hash_folder(&path, hasher);
        } else {
            fs::read(&path).expect("the file can be read").hash(hasher);
        }
    }
}

//! Builds the program under a profile, with the symbols that a diff needs.

use super::setting::config;
use super::variant::Variant;
use crate::commands::watch::Watch;
use crate::error::Error;
use crate::output_file::{self, Readers};
use crate::project::binary::Binary;
use crate::project::cargo::{self, not_run};
use clap::Args;
use rustix::process::Signal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Cargo's own options for what is built.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cargo's options")]
pub struct CargoArgs {
    /// The package
    #[arg(short, long, value_name = "SPEC")]
    pub package: Option<String>,
    /// The program
    #[arg(long, value_name = "NAME")]
    pub bin: Option<String>,
    /// The example
    #[arg(long, value_name = "NAME", conflicts_with = "bin")]
    pub example: Option<String>,
    /// The benchmark, as a program
    #[arg(long, value_name = "NAME", conflicts_with_all = ["bin", "example"])]
    pub bench: Option<String>,
    /// The target to build for; its programs must run here
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<String>,
    /// Features to build with
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// Build with all features
    #[arg(long)]
    pub all_features: bool,
    /// Build without the default features
    #[arg(long)]
    pub no_default_features: bool,
    /// The Cargo.toml
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Keep to Cargo.lock
    #[arg(long)]
    pub locked: bool,
    /// Use no network
    #[arg(long)]
    pub offline: bool,
}

/// What cargo knows of the workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    /// Where it builds.
    pub(super) target_directory: PathBuf,
    /// Its folder.
    pub(super) workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    default_run: Option<String>,
}

/// A program that was built.
#[derive(Debug)]
pub(super) struct Built {
    /// How.
    pub(super) variant: Variant,
    /// Where it is.
    pub(super) executable: PathBuf,
    /// Its sizes, as its profile has it.
    pub(super) binary: Binary,
    /// Whether what runs knows its source lines.
    pub(super) has_lines: bool,
    /// How long the build took from nothing; none where a part of it was there and nobody knows.
    pub(super) build_time: Option<Duration>,
}

/// What cargo says of something it built.
#[derive(Debug, Deserialize)]
struct Artifact {
    package_id: String,
    target: Target,
    profile: ArtifactProfile,
    executable: Option<PathBuf>,
    /// Whether it was there already.
    #[serde(default)]
    fresh: bool,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

#[derive(Debug, Deserialize)]
struct ArtifactProfile {
    /// A number, or a word such as `line-tables-only`.
    debuginfo: serde_json::Value,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// Where cargo can't be run or finds no workspace; then it has said why.
    pub(super) fn find(args: &CargoArgs) -> Result<Workspace, Error> {
        let mut command = cargo::command("metadata");
        command.args(["--no-deps", "--format-version", "1"]).args(common(args));
        let output = command.stderr(Stdio::inherit()).output().map_err(not_run)?;
        if !output.status.success() {
            return Err(Error::new("cargo found nothing to build"));
        }
        parse(&output.stdout).ok_or_else(|| Error::new("cannot understand the output of `cargo metadata`"))
    }

    /// Builds the program as a variant has it. Where its profile has no debug info, or strips it, builds it once more with
    /// line tables: they change nothing of the code.
    ///
    /// # Errors
    ///
    /// Where the build fails, or does not make one program, or is interrupted.
    pub(super) fn build(
        &self,
        args: &CargoArgs,
        variant: &Variant,
        profiles: &[String],
        watch: &Watch,
    ) -> Result<Built, Error> {
        let profile = &variant.profile;
        let mut configs: Vec<String> =
            variant.settings.iter().filter_map(|setting| setting.config(profile, profiles)).collect();
        let folder = variant
            .is_apart
            .then(|| self.target_directory.join("alloc-probe").join("build").join(&variant.name));
        let started = Instant::now();
        let artifacts = build(args, variant, &configs, folder.as_deref(), watch)?;
        let took = started.elapsed();
        let build_time = folder.as_deref().and_then(|folder| build_time(folder, &artifacts, took));
        let mut artifact = self.program(artifacts)?;
        // What ships is what the profile makes.
        let binary = Binary::read(artifact.path())?;
        let mut has_lines = binary.has_lines;
        if !has_lines || !artifact.has_debug_info() {
            configs.push(config(profile, "strip", "none"));
            if !artifact.has_debug_info() {
                configs.push(config(profile, "debug", "line-tables-only"));
            }
            artifact = self.program(build(args, variant, &configs, folder.as_deref(), watch)?)?;
            let with_lines = Binary::read(artifact.path())?;
            has_lines = with_lines.has_lines || with_lines.is_split;
        }
        let executable = artifact.path().to_owned();
        Ok(Built { variant: variant.clone(), executable, binary, has_lines, build_time })
    }

    /// The one program among what was built: the only one, or the one that `cargo run` would take.
    fn program(&self, artifacts: Vec<Artifact>) -> Result<Artifact, Error> {
        let mut programs: Vec<Artifact> =
            artifacts.into_iter().filter(|artifact| artifact.executable.is_some()).collect();
        if programs.len() > 1 {
            let is_default = |artifact: &Artifact| {
                let package = self.packages.iter().find(|package| package.id == artifact.package_id);
                package.and_then(|package| package.default_run.as_ref()) == Some(&artifact.target.name)
            };
            if let Some(default) = programs.iter().position(is_default) {
                return Ok(programs.swap_remove(default));
            }
        }
        match programs.len() {
            1 => Ok(programs.swap_remove(0)),
            0 => Err(Error::new("the build made no program to run")
                .with_hint("`--bin`, `--example` and `--package` choose one")),
            _ => {
                let mut names: Vec<&str> =
                    programs.iter().map(|artifact| artifact.target.name.as_str()).collect();
                names.sort_unstable();
                Err(Error::new(format!(
                    "which program should be compared? The build made {}",
                    names.join(", ")
                ))
                .with_hint("`--bin NAME` chooses one"))
            }
        }
    }
}

impl Artifact {
    fn path(&self) -> &Path {
        self.executable.as_deref().unwrap_or(Path::new(""))
    }

    fn has_debug_info(&self) -> bool {
        let level = &self.profile.debuginfo;
        !(level.is_null() || level == 0 || level == "none")
    }
}

/// How long a build from nothing took: this one, or the one that made all of it. A folder of its own remembers.
fn build_time(folder: &Path, artifacts: &[Artifact], took: Duration) -> Option<Duration> {
    let memory = folder.join("alloc-probe-build-ns");
    if artifacts.iter().all(|artifact| artifact.fresh) {
        let nanos = std::fs::read_to_string(&memory).ok()?.trim().parse().ok()?;
        return Some(Duration::from_nanos(nanos));
    }
    if artifacts.iter().any(|artifact| artifact.fresh) {
        // The program is not the one that was timed. What is not there need not be removed.
        let _ = std::fs::remove_file(&memory);
        return None;
    }
    // A time that can't be kept is told once.
    let _ = output_file::write(&memory, Readers::Usual, |file| write!(file, "{}", took.as_nanos()));
    Some(took)
}

/// Runs `cargo build`, whose progress goes to stderr as ever, and gives what it made.
fn build(
    args: &CargoArgs,
    variant: &Variant,
    configs: &[String],
    folder: Option<&Path>,
    watch: &Watch,
) -> Result<Vec<Artifact>, Error> {
    let profile = &variant.profile;
    let mut command = cargo::command("build");
    command.args(["--profile", profile, "--message-format=json-render-diagnostics"]);
    command.args(common(args)).args(selection(args));
    configs.iter().for_each(|config| {
        command.args(["--config", config]);
    });
    if let Some(folder) = folder {
        command.arg("--target-dir").arg(folder);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut cargo = watch.start(&mut command, Signal::TERM).map_err(not_run)?;
    let messages = cargo.child().stdout.take().map(BufReader::new);
    let lines = messages.into_iter().flat_map(|messages| messages.split(b'\n')).map_while(Result::ok);
    // Other messages lack one or the other of an artifact's fields.
    let artifacts = lines.filter_map(|line| parse(&line)).collect();
    let ended = cargo.wait(None).map_err(not_run)?;
    watch.check()?;
    if !ended.status.success() {
        let as_what = match variant.is_apart {
            true => format!("as `{}`", variant.name),
            false => format!("under the profile `{profile}`"),
        };
        return Err(Error::new(format!("cargo could not build the program {as_what}")));
    }
    Ok(artifacts)
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

/// What both `cargo metadata` and `cargo build` take.
fn common(args: &CargoArgs) -> Vec<OsString> {
    let mut common: Vec<OsString> = Vec::new();
    if let Some(path) = &args.manifest_path {
        common.extend(["--manifest-path".into(), path.into()]);
    }
    common.extend(args.locked.then(|| "--locked".into()));
    common.extend(args.offline.then(|| "--offline".into()));
    let features = args.features.iter().flat_map(|features| ["--features".into(), features.into()]);
    common.extend(features);
    common.extend(args.all_features.then(|| "--all-features".into()));
    common.extend(args.no_default_features.then(|| "--no-default-features".into()));
    common
}

/// What is to be built.
fn selection(args: &CargoArgs) -> Vec<OsString> {
    let named = [
        ("--package", &args.package),
        ("--bin", &args.bin),
        ("--example", &args.example),
        ("--bench", &args.bench),
        ("--target", &args.target),
    ];
    let named = named.into_iter().filter_map(|(flag, name)| Some([flag.into(), name.as_ref()?.into()]));
    named.flatten().collect()
}

//! `alloc-probe compare`.

mod cargo;
mod conditions;
pub mod driver;
mod figures;
mod measure;
mod one_build;
mod program;
pub mod setting;
pub mod variant;

use self::cargo::CargoArgs;
use self::setting::Setting;
use self::variant::Matrix;
use super::args::{By, Frames, Reading, SymbolArgs};
use super::open::Opener;
use super::watch::Watch;
use crate::analyse::compared::Table;
use crate::analyse::diff::diff;
use crate::error::Error;
use crate::exit;
use crate::output_file::{self, Readers};
use crate::profile::Profile;
use crate::project::Project;
use crate::render::compare::{self, Shown};
use crate::render::diff::{self as text, View};
use crate::render::flamegraph::{self, Place, Widths};
use crate::render::json;
use crate::render::trade_off;
use crate::term::{Terminal, style};
use cargo::{Built, Workspace};
use clap::Args;
use clap::builder::PossibleValuesParser;
use conditions::Conditions;
use driver::{Driver, Ready};
use measure::Measured;
use one_build::Compared;
use program::Program;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use variant::{Variant, variants};

/// `alloc-probe compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe compare                    debug and release of the current package
  alloc-probe compare --bin orders -- --requests 1000
  alloc-probe compare --profiles release,production --set lto=fat
  alloc-probe compare --profiles release,production --set production.codegen-units=1
  alloc-probe compare --bin api --driver 'wrk -d10s http://127.0.0.1:8080/' --ready port=8080
  alloc-probe compare --matrix 'lto=off,thin,fat; codegen-units=16,1' --runs 10 --sort wall
  alloc-probe compare --bin api --driver ./load.sh --ready mark=ready --columns throughput,p50,p99

A program that does not use alloc-probe (`alloc_probe::install!()`) is measured from outside \
alone. It runs without standard input, and its output goes to a file beside its dump. Profiles \
without debug info are built with line tables, which don't change the code.")]
pub struct Arguments {
    /// The profiles to build; each is compared with the first [default: dev,release, or release with --matrix]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub profiles: Vec<String>,
    /// Build each combination of settings: 'lto=off,thin,fat; codegen-units=16,1'
    #[arg(long, value_name = "SETTINGS")]
    pub matrix: Option<Matrix>,
    /// Build with a profile setting: lto=fat for all profiles, release.lto=fat for one
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Setting>,
    /// The directory for dumps, pictures and output [default: alloc-probe in cargo's target directory]
    #[arg(short, long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// How many timed runs each program gets, after one to warm up
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// The most that one run may take, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
    /// The program is a service: run this command beside it once it is ready, then end it by SIGTERM
    #[arg(long, value_name = "COMMAND", requires = "ready")]
    pub driver: Option<String>,
    /// How the service says that it is ready: port=8080, line=TEXT for what it prints, mark=NAME for a mark
    #[arg(long, value_name = "HOW", requires = "driver")]
    pub ready: Option<Ready>,
    /// The figures to show
    #[arg(long, value_name = "FIGURES", value_delimiter = ',', value_parser = PossibleValuesParser::new(figures::KEYS))]
    pub columns: Option<Vec<String>>,
    /// The figure that orders the builds, the least first
    #[arg(long, value_name = "FIGURE", value_parser = PossibleValuesParser::new(figures::KEYS))]
    pub sort: Option<String>,
    /// Print the table as JSON, as docs/profiles.md describes it
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print the table as Markdown
    #[arg(long)]
    pub markdown: bool,
    /// The metric.
    #[command(flatten)]
    pub by: By,
    /// How many call sites to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Its frames.
    #[command(flatten)]
    pub frames: Frames,
    // Before Cargo's options, whose heading would have it, too.
    /// The program's arguments
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<OsString>,
    /// What is built.
    #[command(flatten)]
    pub cargo: CargoArgs,
}

/// Runs the command.
///
/// # Errors
///
/// Where a build or a program fails, takes too long or is interrupted, or a file can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let profiles = profiles(args);
    let variants = variants(&profiles, &args.set, args.matrix.as_ref())?;
    let workspace = Workspace::find(&args.cargo)?;
    let out_dir = match &args.out_dir {
        Some(directory) => directory.clone(),
        None => from_here(&workspace.target_directory.join("alloc-probe")),
    };
    std::fs::create_dir_all(&out_dir).map_err(|error| Error::write(&out_dir, &error))?;
    let watch = Watch::new()?;
    let conditions = Conditions::before(&workspace.workspace_root);
    let mut built = Vec::new();
    for (index, variant) in variants.iter().enumerate() {
        if variant.is_apart {
            let left = format!("{} ({} of {})", variant.name, index + 1, variants.len());
            status(terminal, "Building", &left)?;
        }
        // Cargo keeps one file for a program and a profile, so it stays as it is until the program has run.
        built.push(workspace.build(&args.cargo, variant, &profiles, &watch)?);
    }
    let (mut compared, mut caveats) = measure(args, built, &out_dir, &watch, terminal)?;
    let project = Project::read(&workspace.workspace_root, &[]).ok();
    let profile = compared.iter().find_map(|one| one.profile.as_ref());
    caveats
        .extend(conditions.after(project.as_ref(), profile.map(|profile| profile.dump.build.rustc.as_str())));
    let table = figures::table(&compared, project.as_ref(), &profiles, args.runs, caveats);
    pictures(args, &mut compared, &out_dir, &watch, terminal)?;
    let trade_off = out_dir.join("trade-off.svg");
    let program = compared[0].built.executable.file_stem().unwrap_or_default().to_string_lossy();
    let picture = trade_off::picture(&table, &program, args.driver.is_some());
    if let Some(svg) = &picture {
        output_file::write(&trade_off, Readers::Usual, |file| file.write_all(svg.as_bytes()))?;
    }
    write_table(args, &table, &compared, terminal)?;
    let are_few = args.matrix.is_none() && !args.json && !args.markdown;
    for new in compared.iter().skip(1).filter(|_| are_few) {
        if let (Some(base), Some(new)) = (&compared[0].profile, &new.profile) {
            writeln!(terminal.out)?;
            show_difference(args, base, new, terminal)?;
        }
    }
    terminal.out.flush()?;
    let mut written: Vec<&PathBuf> = compared.iter().flat_map(|one| &one.files).collect();
    written.extend(picture.is_some().then_some(&trade_off));
    written.sort();
    writeln!(terminal.err)?;
    for path in written {
        writeln!(terminal.err, "wrote {}", path.display())?;
    }
    Ok(exit::SUCCESS)
}

fn write_table(
    args: &Arguments,
    table: &Table,
    compared: &[Compared],
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let shown = Shown { columns: args.columns.as_deref(), sort: args.sort.as_deref() };
    if args.json {
        let files: Vec<Vec<PathBuf>> = compared.iter().map(|one| one.files.clone()).collect();
        json::compare::write(table, &files, terminal.out.as_mut())?;
    } else if args.markdown {
        compare::markdown(table, &shown, terminal.out.as_mut())?;
    } else {
        compare::write(table, &shown, terminal.out.as_mut())?;
    }
    Ok(())
}

/// The profiles that were asked for, or those that make sense.
fn profiles(args: &Arguments) -> Vec<String> {
    let default: &[&str] = if args.matrix.is_some() { &["release"] } else { &["dev", "release"] };
    match args.profiles.is_empty() {
        true => default.iter().map(|profile| (*profile).to_owned()).collect(),
        false => args.profiles.clone(),
    }
}

/// Runs every program: in turns without recording, then to count, then to record.
fn measure(
    args: &Arguments,
    built: Vec<Built>,
    out_dir: &Path,
    watch: &Watch,
    terminal: &mut Terminal<'_>,
) -> Result<(Vec<Compared>, Vec<String>), Error> {
    let file = |variant: &Variant, extension: &str| out_dir.join(format!("{}.{extension}", variant.name));
    let timeout = args.timeout.map(Duration::from_secs);
    let program = |built| -> Program<'_> {
        let built: &Built = built;
        let driver = args.driver.clone().zip(args.ready.clone()).map(|(command, ready)| Driver {
            command,
            ready,
            log: file(&built.variant, "driver.log"),
        });
        let (log, counts) = (file(&built.variant, "log"), file(&built.variant, "count.json"));
        Program { built, args: &args.args, log, counts, timeout, driver, watch }
    };
    let programs: Vec<Program<'_>> = built.iter().map(program).collect();
    let names: Vec<&str> = built.iter().map(|built| built.variant.name.as_str()).collect();
    let names = match names.len() {
        ..=3 => names.join(" and "),
        number => format!("{number} builds"),
    };
    let mut measured: Vec<Measured> = programs.iter().map(|_| Measured::default()).collect();
    status(terminal, "Timing", &format!("{names}, {} runs each without recording", args.runs))?;
    let together = measure::time(args.runs, &programs, &mut measured, terminal)?;
    status(terminal, "Recording", &names)?;
    measure::record(args.runs, &programs, &mut measured, terminal)?;
    let logs: Vec<PathBuf> = programs.iter().map(|program| program.log.clone()).collect();
    let mut caveats = together.caveats;
    let mut compared = Vec::new();
    for ((built, log), measured) in built.into_iter().zip(logs).zip(measured) {
        let dump_path = file(&built.variant, "json");
        let reading = Reading { frames: args.frames.clone(), symbols: SymbolArgs::default() };
        let profile = match measured.has_dump {
            true => Some(Opener::new(&reading).keep_symbols().open(&dump_path, terminal)?),
            false => None,
        };
        let mut files = vec![log];
        let driver = args.driver.as_ref().map(|_| file(&built.variant, "driver.log"));
        files.extend(driver.filter(|driver| driver.exists()));
        files.extend(profile.is_some().then(|| dump_path.clone()));
        caveats.extend(measured.caveat(&built.variant.name));
        let rss_floor_bytes = together.rss_floor_bytes;
        compared.push(Compared { built, dump_path, measured, rss_floor_bytes, profile, files });
    }
    let without = |one: &&Compared| one.profile.is_none() && one.measured.failure.is_none();
    if let Some(one) = compared.iter().find(without) {
        let name = one.built.executable.display();
        terminal.warn(&format!("`{name}` left no dump, so it is measured from outside alone"))?;
        terminal.hint("`alloc_probe::install!();` in its main.rs says what it allocates")?;
        caveats.push("without the probe, nothing is known of the heap, and start-up is not timed".to_owned());
    }
    Ok((compared, caveats))
}

/// Says what takes time, as cargo does just before.
fn status(terminal: &mut Terminal<'_>, verb: &str, what: &str) -> Result<(), Error> {
    let look = style::STRONG;
    writeln!(terminal.err, "{look}{verb:>12}{look:#} {what}")?;
    Ok(())
}

/// Draws a flamegraph of each, and what is different, as far as there is anything to draw.
fn pictures(
    args: &Arguments,
    compared: &mut [Compared],
    out_dir: &Path,
    watch: &Watch,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let (metric, detail) = (args.by.of_probe(), args.frames.detail());
    let number = compared.len();
    for index in 0..number {
        watch.check()?;
        let (before, from) = compared.split_at_mut(index);
        let Some((one, _)) = from.split_first_mut() else { break };
        let Some(profile) = &one.profile else { continue };
        let mut keep = |picture: Result<Vec<u8>, Error>, path: PathBuf| -> Result<(), Error> {
            match picture {
                Ok(svg) => output_file::write(&path, Readers::Usual, |file| file.write_all(&svg))?,
                Err(error) => return Ok(terminal.warn(&error.to_string())?),
            }
            one.files.push(path);
            Ok(())
        };
        keep(flamegraph::picture(profile, metric, detail), one.dump_path.with_extension("svg"))?;
        if let Some(base) = before.first().and_then(|base| base.profile.as_ref()) {
            // With two profiles there is only one difference.
            let name = match number {
                2 => "diff.svg".to_owned(),
                _ => format!("diff-{}.svg", one.built.variant.name),
            };
            let merged = diff(base, profile).merged(base, profile, metric, detail);
            let how = (Widths::New, Place::File);
            keep(flamegraph::difference(base, profile, &merged, metric, how), out_dir.join(name))?;
        }
    }
    Ok(())
}

fn show_difference(
    args: &Arguments,
    base: &Profile,
    new: &Profile,
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let diff = diff(base, new);
    let unit = diff.unit(None);
    let options = text::Options {
        metric: args.by.of_probe(),
        unit,
        only: None,
        has_estimates: diff.has_estimates(),
        listing: text::Listing::Sites,
        top: args.top,
        detail: args.frames.detail(),
        full_paths: args.frames.full_paths,
        width: terminal.width,
    };
    text::write(&View { base, new, diff: &diff, options }, terminal.out.as_mut())?;
    terminal.out.flush()?;
    super::diff::warn(&diff, unit, terminal)
}

/// The path as seen from the current directory, where it is in there.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

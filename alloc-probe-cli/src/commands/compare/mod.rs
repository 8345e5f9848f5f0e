//! `alloc-probe compare`.

mod cargo;
mod program;
pub mod setting;

use self::cargo::CargoArgs;
use self::setting::Setting;
use super::args::{By, Frames, Reading, SymbolArgs};
use super::open::Opener;
use crate::analyse::diff::diff;
use crate::error::Error;
use crate::exit;
use crate::output_file::{self, Readers};
use crate::profile::Profile;
use crate::render::compare::{self, Row, Unit};
use crate::render::diff::{self as text, View};
use crate::render::flamegraph::{self, Place, Widths};
use crate::term::{Terminal, style};
use alloc_probe_format::dump::Dump;
use cargo::{Built, Workspace};
use clap::Args;
use program::{Program, Timing, median};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `alloc-probe compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe compare                    debug and release of the current package
  alloc-probe compare --bin orders -- --requests 1000
  alloc-probe compare --profiles release,production --set lto=fat
  alloc-probe compare --profiles release,production --set production.codegen-units=1

The program must use alloc-probe (`alloc_probe::install!()`). It runs without standard input, and \
its output goes to a file beside its dump. Profiles without debug info are built with line tables, \
which don't change the code.")]
pub struct Arguments {
    /// The profiles to build; each is compared with the first
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "dev,release")]
    pub profiles: Vec<String>,
    /// Build with a profile setting: lto=fat for all profiles, release.lto=fat for one
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Setting>,
    /// The directory for dumps, pictures and output [default: alloc-probe in cargo's target directory]
    #[arg(short, long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// How many timed runs each program gets
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
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

/// One profile's build with all that was measured of it.
struct Compared {
    built: Built,
    dump_path: PathBuf,
    log: PathBuf,
    timings: Vec<Timing>,
    /// Of a run that only counted: what a program needs when nobody looks at it.
    peak_rss_bytes: u64,
    profile: Profile,
}

/// Runs the command.
///
/// # Errors
///
/// Where a build or a program fails, leaves no dump, or a file can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    check(&args.profiles)?;
    let workspace = Workspace::find(&args.cargo)?;
    let out_dir = match &args.out_dir {
        Some(directory) => directory.clone(),
        None => from_here(&workspace.target_directory.join("alloc-probe")),
    };
    std::fs::create_dir_all(&out_dir).map_err(|error| Error::write(&out_dir, &error))?;
    let mut built = Vec::new();
    for profile in &args.profiles {
        // Cargo keeps one file for a program and a profile, so it stays as it is until the program has run.
        built.push(workspace.build(&args.cargo, profile, &args.profiles, &args.set)?);
    }
    let compared = measure(args, built, &out_dir, terminal)?;
    compare::write(&names(&compared), &rows(&compared), args.runs, terminal.out.as_mut())?;
    let mut written = pictures(args, &compared, &out_dir, terminal)?;
    for new in &compared[1..] {
        writeln!(terminal.out)?;
        show_difference(args, &compared[0].profile, &new.profile, terminal)?;
    }
    terminal.out.flush()?;
    written.extend(compared.iter().flat_map(|one| [one.dump_path.clone(), one.log.clone()]));
    written.sort();
    writeln!(terminal.err)?;
    for path in written {
        writeln!(terminal.err, "wrote {}", path.display())?;
    }
    Ok(exit::SUCCESS)
}

/// Two different profiles at least.
fn check(profiles: &[String]) -> Result<(), Error> {
    let twice = profiles.iter().enumerate().find(|(index, profile)| profiles[..*index].contains(profile));
    match twice {
        Some((_, profile)) => {
            Err(Error::new(format!("the profile `{profile}` can't be compared with itself")))
        }
        None if profiles.len() < 2 => {
            Err(Error::new("a comparison needs two profiles").with_hint("`--profiles dev,release` names two"))
        }
        None => Ok(()),
    }
}

/// Runs every program: in turns without recording, then to count, then to record.
fn measure(
    args: &Arguments,
    built: Vec<Built>,
    out_dir: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<Vec<Compared>, Error> {
    let file =
        |built: &Built, extension: &str| out_dir.join(format!("{}.{extension}", file_stem(&built.profile)));
    let programs: Vec<Program<'_>> =
        built.iter().map(|built| Program { built, args: &args.args, log: file(built, "log") }).collect();
    let names: Vec<&str> = built.iter().map(|built| built.profile.as_str()).collect();
    let names = names.join(" and ");
    let mut timings: Vec<Vec<Timing>> = vec![Vec::new(); programs.len()];
    status(terminal, "Timing", &format!("{names}, {} runs each without recording", args.runs))?;
    for _ in 0..args.runs {
        // In turns: what disturbs the machine for a while disturbs them all.
        for (program, timings) in programs.iter().zip(&mut timings) {
            timings.push(program.time(terminal.err.as_mut())?);
        }
    }
    status(terminal, "Recording", &names)?;
    let mut recorded = Vec::new();
    for program in &programs {
        let counts_path = file(program.built, "count.json");
        let counts = program.record("count", &counts_path, terminal.err.as_mut())?;
        std::fs::remove_file(&counts_path).map_err(|error| Error::write(&counts_path, &error))?;
        let dump_path = file(program.built, "json");
        program.record("full", &dump_path, terminal.err.as_mut())?;
        recorded.push((counts.memory.peak_rss_bytes, dump_path, program.log.clone()));
    }
    let mut compared = Vec::new();
    for ((built, timings), (peak_rss_bytes, dump_path, log)) in built.into_iter().zip(timings).zip(recorded) {
        let reading = Reading { frames: args.frames.clone(), symbols: SymbolArgs::default() };
        let profile = Opener::new(&reading).keep_symbols().open(&dump_path, terminal)?;
        compared.push(Compared { built, dump_path, log, timings, peak_rss_bytes, profile });
    }
    Ok(compared)
}

/// Says what takes time, as cargo does just before.
fn status(terminal: &mut Terminal<'_>, verb: &str, what: &str) -> Result<(), Error> {
    let look = style::STRONG;
    writeln!(terminal.err, "{look}{verb:>12}{look:#} {what}")?;
    Ok(())
}

/// Cargo's own name for what `dev` builds is `debug`.
fn file_stem(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

fn names(compared: &[Compared]) -> Vec<&str> {
    compared.iter().map(|one| file_stem(&one.built.profile)).collect()
}

/// What is in the table.
fn rows(compared: &[Compared]) -> Vec<Row> {
    let row = |name, unit, of: &dyn Fn(&Compared) -> u64| Row {
        name,
        unit,
        figures: compared.iter().map(of).collect(),
    };
    let totals = |of: fn(&Dump) -> u64| move |one: &Compared| of(&one.profile.dump);
    let time = |of: fn(&Timing) -> std::time::Duration| {
        move |one: &Compared| {
            let median = median(one.timings.iter().map(of).collect());
            u64::try_from(median.as_nanos()).unwrap_or(u64::MAX)
        }
    };
    vec![
        row("program file", Unit::Bytes, &|one| one.built.binary.file_bytes),
        row("  stripped", Unit::Bytes, &|one| one.built.binary.stripped_bytes),
        row("  machine code", Unit::Bytes, &|one| one.built.binary.code_bytes),
        row("run time", Unit::Nanoseconds, &time(|timing| timing.wall)),
        row("  of processors", Unit::Nanoseconds, &time(|timing| timing.cpu)),
        row("peak resident", Unit::Bytes, &|one| one.peak_rss_bytes),
        row("heap at peak", Unit::Bytes, &totals(|dump| dump.totals.peak_bytes)),
        row("heap in total", Unit::Bytes, &totals(|dump| dump.totals.total_bytes)),
        row("  in blocks", Unit::Count, &totals(|dump| dump.totals.total_blocks)),
    ]
}

/// Draws a flamegraph of each, and what is different, as far as there is anything to draw.
fn pictures(
    args: &Arguments,
    compared: &[Compared],
    out_dir: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<Vec<PathBuf>, Error> {
    let (metric, detail) = (args.by.of_probe(), args.frames.detail());
    let mut written = Vec::new();
    let mut keep = |picture: Result<Vec<u8>, Error>, path: PathBuf| -> Result<(), Error> {
        match picture {
            Ok(svg) => output_file::write(&path, Readers::Usual, |file| file.write_all(&svg))?,
            Err(error) => return Ok(terminal.warn(&error.to_string())?),
        }
        written.push(path);
        Ok(())
    };
    for one in compared {
        let picture = flamegraph::picture(&one.profile, metric, detail);
        keep(picture, one.dump_path.with_extension("svg"))?;
    }
    for new in &compared[1..] {
        // With two profiles there is only one difference.
        let name = match compared.len() {
            2 => "diff.svg".to_owned(),
            _ => format!("diff-{}.svg", file_stem(&new.built.profile)),
        };
        let (base, new) = (&compared[0].profile, &new.profile);
        let merged = diff(base, new).merged(base, new, metric, detail);
        let how = (Widths::New, Place::File);
        keep(flamegraph::difference(base, new, &merged, metric, how), out_dir.join(name))?;
    }
    Ok(written)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_needs_two_profiles() {
        let check = |profiles: &[&str]| {
            check(&profiles.iter().map(|profile| (*profile).to_owned()).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(check(&["dev", "release", "fast"]), Ok(()));
        assert_eq!(check(&["dev"]), Err("a comparison needs two profiles".to_owned()));
        assert_eq!(check(&["a", "b", "a"]), Err("the profile `a` can't be compared with itself".to_owned()));
    }
}

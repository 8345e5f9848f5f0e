//! `alloc-probe explain`.

use super::args::Reading;
use super::open::Opener;
use crate::analyse::explain::explain;
use crate::analyse::explain::series::Series;
use crate::analyse::sites::shown;
use crate::error::Error;
use crate::exit;
use crate::profile::Profile;
use crate::render::explain::page::{self, Options};
use crate::render::{json, summary};
use crate::term::Terminal;
use alloc_probe_format::metric::Metric;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `alloc-probe explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe explain release.json
  alloc-probe explain $(pidof orders)                         a running process
  alloc-probe explain release.json.spool                      one that was killed
  alloc-probe explain 1.json 2.json 3.json                    three dumps of one run: what grows
  alloc-probe explain release.json --json | jq '.findings[0]'")]
pub struct Arguments {
    /// A dump, a spool, or the id of a running process; several dumps of one run show what grows
    #[arg(value_name = "FILE|PID", required = true)]
    pub files: Vec<PathBuf>,
    /// Show all findings with all of their evidence, and the small lines of the account
    #[arg(long = "all")]
    pub everything: bool,
    /// Print JSON, as docs/json.md describes it
    #[arg(long)]
    pub json: bool,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
}

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump, where dumps are not of one run, or the output can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let opener = Opener::new(&args.reading);
    let mut profiles = Vec::new();
    for file in &args.files {
        profiles.push(open(opener, file, terminal)?);
    }
    profiles.sort_by_key(|profile| profile.dump.process.duration_ns);
    let detail = args.reading.frames.detail();
    let Some(profile) = profiles.pop() else { return Ok(exit::FAILURE) };
    let mut series = Series::default();
    for earlier in &profiles {
        if !earlier.is_same_run(&profile) {
            return Err(Error::new(format!(
                "`{}` and `{}` are not of one run",
                earlier.path.display(),
                profile.path.display()
            ))
            .with_hint("`alloc-probe diff` compares two runs"));
        }
        series.add(earlier, &shown(earlier, Metric::EndBytes, detail));
    }
    let sites = shown(&profile, Metric::EndBytes, detail);
    let explanation = explain(&profile, &sites, (!profiles.is_empty()).then_some(&series));
    if args.json {
        json::explain::write(&profile, &sites, &explanation, terminal.out.as_mut())?;
        return Ok(exit::SUCCESS);
    }
    let options =
        Options { all: args.everything, full_paths: args.reading.frames.full_paths, width: terminal.width };
    page::write(&profile, &sites, &explanation, &options, terminal.out.as_mut())?;
    terminal.out.flush()?;
    for loss in summary::losses(&profile.dump) {
        terminal.warn(&loss)?;
    }
    Ok(exit::SUCCESS)
}

/// A number that is no file's name is a process's id.
fn open(opener: Opener<'_>, file: &Path, terminal: &mut Terminal<'_>) -> Result<Profile, Error> {
    let pid = file.to_str().and_then(|text| text.parse::<u32>().ok());
    match pid.filter(|_| !file.exists()) {
        Some(pid) => opener.open_process(pid, terminal),
        None => opener.open(file, terminal),
    }
}

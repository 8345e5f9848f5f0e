//! `alloc-probe show`.

use super::args::{Listing, Reading};
use super::open::Opener;
use crate::analyse::between::between;
use crate::analyse::explain::explain;
use crate::analyse::fold;
use crate::analyse::sites::{ShownSite, ShownSites, shown};
use crate::analyse::timeline;
use crate::error::{Error, io_reason};
use crate::exit;
use crate::profile::{Frame, Profile};
use crate::render::explain::head;
use crate::render::{self, json, merged, operations, sites, source, summary};
use crate::source::names;
use crate::term::Terminal;
use alloc_probe_format::dump::Mode;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `alloc-probe show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe show release.json
  alloc-probe show release.json --by total-blocks --top 20
  alloc-probe show release.json --json | jq '.sites[0]'
  alloc-probe show release.json --binary dist/orders --debug-dir dist/debug
  alloc-probe show release.json --focus cache --source 1
  alloc-probe show release.json --from ready --to drained")]
pub struct Arguments {
    /// The dump: JSON, plain or compressed (.gz, .zst)
    pub file: PathBuf,
    /// How sites are listed.
    #[command(flatten)]
    pub list: Listing,
    /// Print the source lines of one site: its place in the list, from 1, or part of its function's name
    #[arg(long, value_name = "SITE", conflicts_with = "json")]
    pub source: Option<String>,
    /// Show what happened from when this mark was first passed
    #[arg(long, value_name = "MARK", conflicts_with = "source")]
    pub from: Option<String>,
    /// Show what happened until this mark was first passed
    #[arg(long, value_name = "MARK", conflicts_with = "source")]
    pub to: Option<String>,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
}

/// Sites in the table, if nothing else is asked for.
const DEFAULT_TOP: usize = 10;

/// The steps of the timeline, as many as are ever drawn.
const TIMELINE_STEPS: usize = 40;

/// Runs the command.
///
/// # Errors
///
/// Where the file is no sound dump, or the output can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let profile = Opener::new(&args.reading).open(&args.file, terminal)?;
    let marks = (args.from.as_deref(), args.to.as_deref());
    let between = match marks {
        (None, None) => None,
        (from, to) => Some(between(&profile.dump, from, to).map_err(|reason| {
            let file = args.file.display();
            Error::new(format!("`{file}` does not tell the figures between these marks: {reason}"))
        })?),
    };
    let metric = args.list.by.of(&[&profile], terminal)?;
    let shown = shown(&profile, metric, args.reading.frames.detail());
    if args.list.json {
        let top = args.list.top.unwrap_or(shown.len()).min(shown.len());
        let explanation = explain(&profile, &shown, None);
        json::show::write(&profile, &shown, top, &explanation, between.as_ref(), terminal.out.bytes()?)?;
        return Ok(exit::SUCCESS);
    }
    if let Some(between) = between {
        let steps = timeline::live_bytes_between(&between, TIMELINE_STEPS);
        render::between::write(&profile, &between, &steps, terminal.width, terminal.out.as_mut())?;
        terminal.out.flush()?;
        return Ok(exit::SUCCESS);
    }
    let options = sites::Options {
        metric,
        top: args.list.top.unwrap_or(DEFAULT_TOP),
        detail: args.reading.frames.detail(),
        full_paths: args.reading.frames.full_paths,
        width: terminal.width,
    };
    if let Some(wanted) = &args.source {
        return write_source(&profile, &shown, wanted, &options, terminal);
    }
    write_text(&profile, &shown, &options, terminal.out.as_mut())?;
    terminal.out.flush()?;
    for loss in summary::losses(&profile.dump) {
        terminal.warn(&loss)?;
    }
    Ok(exit::SUCCESS)
}

/// Writes the summary and the top sites as text.
pub(super) fn write_text(
    profile: &Profile,
    shown: &ShownSites<'_>,
    options: &sites::Options,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let dump = &profile.dump;
    head::write(&explain(profile, shown, None), options.width, out)?;
    let live = timeline::live_bytes(&dump.timeline.samples, dump.process.duration_ns, TIMELINE_STEPS);
    summary::write(profile, &live, options.width, out)?;
    summary::write_failures(profile, options.width, out)?;
    operations::write(profile, options.width, out)?;
    writeln!(out)?;
    if shown.is_empty() {
        writeln!(out, "{}", no_sites(dump.mode))?;
    } else {
        sites::write(profile, shown.iter(), options, out)?;
        let listed = shown.iter().take(options.top).take_while(|site| site.of(options.metric) > 0);
        merged::write(profile, listed, options.width, out)?;
    }
    Ok(())
}

/// Prints the source lines around the allocation of one site.
fn write_source(
    profile: &Profile,
    shown: &ShownSites<'_>,
    wanted: &str,
    options: &sites::Options,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let headline = |site: ShownSite<'_>| {
        let frames: Vec<&Frame> = site.frames().iter().map(|id| fold::frame(profile, *id)).collect();
        fold::headline(&frames).map(|index| frames[index])
    };
    let with_figure = shown.iter().filter(|site| options.metric.of(&site.figures()) > 0);
    let site = match wanted.parse::<usize>() {
        Ok(place) => place.checked_sub(1).and_then(|index| with_figure.clone().nth(index)),
        Err(_) => with_figure.clone().find(|site| {
            headline(*site).is_some_and(|frame| names::short_name(&frame.function).contains(wanted))
        }),
    };
    let Some(site) = site else {
        let error = Error::new(format!("there is no site `{wanted}` by {}", options.metric.name()));
        return Err(error.with_hint(
            "`--source 1` is the first site that `show` lists; part of a name finds the first that has it",
        ));
    };
    sites::write(profile, std::iter::once(site), options, terminal.out.as_mut())?;
    writeln!(terminal.out)?;
    let Some((file, line)) = headline(site).and_then(|frame| Some((frame.file.as_deref()?, frame.line?)))
    else {
        return Err(Error::new("the site's file and line are not known"));
    };
    writeln!(terminal.out, "{file}:{line}")?;
    let text = std::fs::read(file).map_err(|error| {
        let error = Error::read(Path::new(file), io_reason(&error));
        error.with_hint("`--remap FROM=TO` looks in TO for sources that were in FROM when it was built")
    })?;
    source::write(&String::from_utf8_lossy(&text), line, options.width, terminal.out.as_mut())?;
    Ok(exit::SUCCESS)
}

fn no_sites(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "No call sites: recording was off. ALLOC_PROBE=full records them.",
        Mode::Count => "No call sites: only counts were recorded. ALLOC_PROBE=full records them.",
        Mode::Sample => "No call sites: no block was sampled. ALLOC_PROBE=full records every one.",
        Mode::Full => "No call sites: nothing was allocated.",
    }
}

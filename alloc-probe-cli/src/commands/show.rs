//! `alloc-probe show`.

use crate::analyse::sites::{ShownSite, shown};
use crate::analyse::timeline;
use crate::cli::ShowArgs;
use crate::error::Error;
use crate::profile::Profile;
use crate::render::{json, sites, summary};
use crate::term::Terminal;
use alloc_probe_format::dump::Mode;
use std::io::Write;

/// Sites in the table, if nothing else is asked for.
const DEFAULT_TOP: usize = 10;

/// The steps of the timeline, as many as are ever drawn.
const TIMELINE_STEPS: usize = 40;

/// Runs the command.
///
/// # Errors
///
/// Where the file is no sound dump, or the output can't be written.
pub fn run(args: &ShowArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let profile = super::open(&args.file, terminal)?;
    let shown = shown(&profile, args.by.metric, args.frames.all);
    if args.json {
        let top = args.top.unwrap_or(shown.len()).min(shown.len());
        serde_json::to_writer_pretty(&mut terminal.out, &json::Show::new(&profile, &shown[..top]))
            .map_err(std::io::Error::from)?;
        writeln!(terminal.out)?;
        return Ok(crate::SUCCESS);
    }
    let options = sites::Options {
        metric: args.by.metric,
        top: args.top.unwrap_or(DEFAULT_TOP),
        all_frames: args.frames.all,
        width: terminal.width,
    };
    write_text(&profile, &shown, &options, terminal.out.as_mut())?;
    terminal.out.flush()?;
    for loss in summary::losses(&profile.dump) {
        terminal.warn(&loss)?;
    }
    Ok(crate::SUCCESS)
}

/// Writes the summary and the top sites as text.
pub(super) fn write_text(
    profile: &Profile,
    shown: &[ShownSite],
    options: &sites::Options,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let dump = &profile.dump;
    let live = timeline::live_bytes(&dump.timeline.samples, dump.process.duration_ns, TIMELINE_STEPS);
    summary::write(dump, &live, options.width, out)?;
    summary::write_failures(profile, options.width, out)?;
    writeln!(out)?;
    if shown.is_empty() {
        writeln!(out, "{}", no_sites(dump.mode))?;
    } else {
        sites::write(profile, shown, options, out)?;
    }
    Ok(())
}

fn no_sites(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "No call sites: recording was off. ALLOC_PROBE=full records them.",
        Mode::Count => "No call sites: only counts were recorded. ALLOC_PROBE=full records them.",
        Mode::Sample => "No call sites: no block was sampled. ALLOC_PROBE=full records every one.",
        Mode::Full => "No call sites: nothing was allocated.",
    }
}

//! `alloc-probe diff`.

use super::args::{self, Reading};
use super::open::Opener;
use crate::analyse::diff::class::Class;
use crate::analyse::diff::threshold::Threshold;
use crate::analyse::diff::work::Unit;
use crate::analyse::diff::{Diff, diff};
use crate::error::Error;
use crate::exit;
use crate::output_file::{self, Readers};
use crate::profile::Profile;
use crate::render::diff::{self as text, Listing, View, html};
use crate::render::flamegraph::{self, Place, Widths};
use crate::render::json;
use crate::term::Terminal;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

/// `alloc-probe diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe diff debug.json release.json                     how release differs from debug
  alloc-probe diff old.json new.json --by total-blocks --top 20
  alloc-probe diff old.json new.json --by total-bytes --tree   the calls that lead to it
  alloc-probe diff debug.json release.json --only elided       what the optimiser removed
  alloc-probe diff monday.json today.json --per request        for each mark(\"request\")
  alloc-probe diff old.json new.json --html diff.html          for a browser, too
  alloc-probe diff old.json new.json --fail-if 'peak_bytes > +5%' --fail-if 'end_bytes > 10MiB'

If a --fail-if condition holds, the exit status is 1 and stderr says why. A value with a sign is the \
change from BASE, in percent or in units; a value without one is the new figure itself. The figures \
are those of --json (peak_bytes, total_blocks, peak_rss_bytes, …) and unmatched_bytes and \
unmatched_blocks, which are shares in percent ('unmatched_bytes > 10%').")]
pub struct Arguments {
    /// The dump to compare with
    pub base: PathBuf,
    /// The new dump
    pub file: PathBuf,
    /// How sites are listed.
    #[command(flatten)]
    pub list: args::Listing,
    /// Print the call tree of what differs, callers first; --top sets the number of branches [default: 30]
    #[arg(long, conflicts_with_all = ["json", "only"])]
    pub tree: bool,
    /// Show figures per unit of work: a mark that both runs passed [default: the one passed most often]
    #[arg(long, value_name = "MARK")]
    pub per: Option<String>,
    /// Show only sites that changed in this way
    #[arg(long, value_name = "CLASS", value_parser = class())]
    pub only: Option<Class>,
    /// Also write an HTML page: one file that needs no network
    #[arg(long, value_name = "OUT.html")]
    pub html: Option<PathBuf>,
    /// Fail if this holds, such as 'peak_bytes > +5%'; may be given several times
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Vec<Threshold>,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
}

fn class() -> impl TypedValueParser<Value = Class> {
    let named = |name: String| Class::ALL.into_iter().find(|class| class.name() == name);
    PossibleValuesParser::new(Class::ALL.map(Class::name))
        .try_map(move |name| named(name).ok_or("no such class"))
}

/// Sites in the table, if nothing else is asked for.
const DEFAULT_TOP: usize = 10;
/// Branches of the tree.
const DEFAULT_BRANCHES: usize = 30;
/// Sites in the page.
const DEFAULT_PAGE: usize = 200;
/// A unit of work accounts for what counts say of the work where the two differ by less than this factor.
const KNOWN_WORK: f64 = 1.1;

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump, or the output can't be written.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let paths = (args.base.as_path(), args.file.as_path());
    // PERF: the process ends with this command. Taking everything apart before that, block by block, would be a third of
    // a second with 100,000 sites.
    let mut both = ManuallyDrop::new(Opener::new(&args.reading).open_both(paths, terminal)?);
    let (base, new) = &mut *both;
    base.keep_what_both_tell(new);
    let (base, new) = (&*base, &*new);
    let metric = args.list.by.of(&[base, new], terminal)?;
    // What is not known must not pass for a figure of 0.
    let unknown = |figure: &&str| base.dump.unknown_figures.iter().any(|unknown| unknown == figure);
    if let Some(figure) = args.fail_if.iter().filter_map(Threshold::figure).find(unknown) {
        return Err(Error::new(format!("--fail-if: one of the files does not tell {figure}")));
    }
    let diff = ManuallyDrop::new(diff(base, new));
    let unit = unit(args, base, new, &diff)?;
    let options = text::Options {
        metric,
        unit,
        only: args.only,
        has_estimates: diff.has_estimates(),
        listing: if args.tree { Listing::Tree } else { Listing::Sites },
        top: args.list.top.unwrap_or(if args.tree { DEFAULT_BRANCHES } else { DEFAULT_TOP }),
        detail: args.reading.frames.detail(),
        full_paths: args.reading.frames.full_paths,
        width: terminal.width,
    };
    let mut view = View { base, new, diff: &diff, options };
    let crossed: Vec<String> =
        args.fail_if.iter().filter_map(|threshold| threshold.crossed(base, new, &diff)).collect();
    let status = if crossed.is_empty() { exit::SUCCESS } else { exit::UNMET };
    terminal.settled = status;
    let shown = show(args, &mut view, terminal);
    // Also where nobody reads the results to their end.
    for reason in &crossed {
        writeln!(terminal.err, "failed: {reason}")?;
    }
    shown.map(|()| status)
}

/// Writes the diff where it is wanted, and what makes its figures less than they seem.
fn show(args: &Arguments, view: &mut View<'_>, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    if args.list.json {
        json::diff::write(view, args.list.top, terminal.out.bytes()?)?;
    } else {
        text::write(view, terminal.out.as_mut())?;
    }
    // Messages stand after the results they are about, also where both go to one terminal.
    terminal.out.flush()?;
    if let Some(path) = &args.html {
        view.options.top = args.list.top.unwrap_or(DEFAULT_PAGE);
        page(path, view)?;
        writeln!(terminal.err, "wrote {}", path.display())?;
    }
    warn(view.diff, view.options.unit, terminal)
}

/// The unit of work to show figures for: the one that is asked for, or the most telling one.
fn unit<'a>(
    args: &Arguments,
    base: &Profile,
    new: &Profile,
    diff: &'a Diff,
) -> Result<Option<&'a Unit>, Error> {
    let unit = diff.unit(args.per.as_deref());
    match &args.per {
        Some(name) if unit.is_none() => {
            let names: Vec<&str> = diff.units.iter().map(|unit| unit.name.as_str()).collect();
            let (base, new) = (base.path.display(), new.path.display());
            let error = Error::new(format!("`{base}` and `{new}` have no mark `{name}` in common"));
            Err(error.with_hint(match names.as_slice() {
                [] => "a program marks its work with `alloc_probe::mark`, in both runs".to_owned(),
                names => format!("they both have {}", names.join(", ")),
            }))
        }
        _ => Ok(unit),
    }
}

/// Writes the page, with the flamegraphs that there is anything to draw for.
fn page(path: &Path, view: &View<'_>) -> Result<(), Error> {
    let View { base, new, diff, options } = *view;
    let merged = diff.merged(base, new, options.metric, options.detail);
    let picture = |widths| {
        let how = (widths, Place::Page);
        let svg = flamegraph::difference(base, new, &merged, options.metric, how).ok()?;
        let caption = match widths {
            Widths::New => "Boxes are as wide as the new run’s figures: what only the base has is missing.",
            Widths::Base => "Boxes are as wide as the base’s figures: what only the new run has is missing.",
        };
        Some(html::Picture { caption: caption.to_owned(), svg })
    };
    let pictures: Vec<html::Picture> = [Widths::New, Widths::Base].into_iter().filter_map(picture).collect();
    output_file::write(path, Readers::Usual, |mut file| html::write(view, &pictures, &mut file))
}

/// Says what makes the figures less than they seem. A difference in work that a unit accounts for is no surprise.
pub(super) fn warn(diff: &Diff, unit: Option<&Unit>, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    let is_known =
        |factor: f64| unit.is_some_and(|unit| (unit.factor() / factor).ln().abs() < KNOWN_WORK.ln());
    if let Some(factor) = diff.work.filter(|factor| !is_known(*factor)) {
        terminal.warn(&format!(
            "most sites of the new run allocated {factor:.2} times as often, so it seems to have done {factor:.2} times \
             the base's work"
        ))?;
    }
    Ok(())
}

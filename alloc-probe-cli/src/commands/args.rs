//! Arguments that several commands have.

use crate::analyse::fold::Detail;
use crate::error::Error;
use crate::profile::Profile;
use crate::source::paths::Remap;
use crate::term::Terminal;
use alloc_probe_format::metric::Metric;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use regex_lite::Regex;
use std::path::PathBuf;

/// The figure that sites are ordered by, drawn by, or compared by.
#[derive(Clone, Copy, Debug, Args)]
pub struct By {
    /// Metric to sort by [default: peak-bytes]
    #[arg(long = "by", value_name = "METRIC", value_parser = metric())]
    metric: Option<Metric>,
}

impl By {
    /// For dumps of the probe, which have all figures.
    pub fn of_probe(self) -> Metric {
        self.metric.unwrap_or_default()
    }

    /// For any dumps: one that all of them tell.
    ///
    /// # Errors
    ///
    /// Where the user asked for one that a file does not tell, and those of stderr.
    pub fn of(self, profiles: &[&Profile], terminal: &mut Terminal<'_>) -> Result<Metric, Error> {
        let unknown_in = |metric: Metric| profiles.iter().find(|profile| !metric.is_known(&profile.dump));
        let wanted = self.of_probe();
        let Some(profile) = unknown_in(wanted) else { return Ok(wanted) };
        // What is live says most, at whatever time.
        let preferred = [Metric::EndBytes, Metric::TotalBytes].iter().chain(Metric::ALL);
        let known: Vec<Metric> = preferred.copied().filter(|metric| unknown_in(*metric).is_none()).collect();
        let names: Vec<&str> =
            Metric::ALL.iter().filter(|metric| known.contains(metric)).map(|one| one.name()).collect();
        let message = format!("`{}` does not tell {}", profile.path.display(), wanted.name());
        match (known.first(), self.metric) {
            (Some(first), None) => {
                terminal.warn(&format!("{message}: figures are {}", first.name()))?;
                Ok(*first)
            }
            (Some(_), Some(_)) => Err(Error::new(format!("{message}: there are {}", names.join(", ")))),
            (None, _) => Err(Error::new(format!("{message}, and no other figure that all files tell"))),
        }
    }
}

/// How a dump is read: the frames of it that are shown, and where its symbols are.
#[derive(Clone, Debug, Default, Args)]
pub struct Reading {
    /// Its frames.
    #[command(flatten)]
    pub frames: Frames,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
}

/// How sites are listed.
#[derive(Clone, Debug, Args)]
pub struct Listing {
    /// Their order.
    #[command(flatten)]
    pub by: By,
    /// How many call sites to list [default: 10; all with --json]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Print JSON, as docs/json.md describes it
    #[arg(long)]
    pub json: bool,
}

/// Which frames are shown, and how.
#[derive(Clone, Debug, Default, Args)]
pub struct Frames {
    /// Also show frames of the allocator and the runtime
    #[arg(long = "all-frames")]
    pub all: bool,
    /// Show each stack by itself, with every turn of a recursion
    #[arg(long)]
    pub all_stacks: bool,
    /// Hide frames whose function or file matches; may be given several times
    #[arg(long, value_name = "REGEX")]
    pub hide: Vec<Regex>,
    /// Show only sites with a frame whose function or file matches; if given several times, each must match
    #[arg(long, value_name = "REGEX")]
    pub focus: Vec<Regex>,
    /// Show whole paths of files
    #[arg(long)]
    pub full_paths: bool,
    /// Show files below FROM as files below TO; may be given several times
    #[arg(long, value_name = "FROM=TO")]
    pub remap: Vec<Remap>,
}

impl Frames {
    /// How much of the stacks is shown.
    pub fn detail(&self) -> Detail {
        Detail { all_frames: self.all, all_stacks: self.all_stacks }
    }
}

/// Where symbols are looked for.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Symbols")]
pub struct SymbolArgs {
    /// The path that a binary or library of the dump has now; may be given several times
    #[arg(long, value_name = "PATH")]
    pub binary: Vec<PathBuf>,
    /// A directory of debug files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub debug_dir: Vec<PathBuf>,
    /// Also use files of another build; their names may be wrong
    #[arg(long)]
    pub force: bool,
    /// Don't use or update the cache of symbols
    #[arg(long)]
    pub no_cache: bool,
}

fn metric() -> impl TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(Metric::ALL.iter().map(|metric| metric.name()))
        .try_map(|name| name.parse::<Metric>())
}

//! Arguments that several commands have.

use crate::source::paths::Remap;
use alloc_probe_format::metric::Metric;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use regex_lite::Regex;
use std::path::PathBuf;

/// The figure that sites are ordered by, drawn by, or compared by.
#[derive(Clone, Copy, Debug, Args)]
pub struct By {
    /// The figure that matters
    #[arg(long = "by", value_name = "METRIC", default_value = Metric::PeakBytes.name(), value_parser = metric())]
    pub metric: Metric,
}

/// Which frames are shown, and how.
#[derive(Clone, Debug, Default, Args)]
pub struct Frames {
    /// Show the allocator's and the runtime's frames as well
    #[arg(long = "all-frames")]
    pub all: bool,
    /// Leave frames out whose function or file matches; may be given several times
    #[arg(long, value_name = "REGEX")]
    pub hide: Vec<Regex>,
    /// Show only sites with a frame whose function or file matches; of several, each must
    #[arg(long, value_name = "REGEX")]
    pub focus: Vec<Regex>,
    /// Show whole paths of files
    #[arg(long)]
    pub full_paths: bool,
    /// Files that were built below FROM are below TO; may be given several times
    #[arg(long, value_name = "FROM=TO")]
    pub remap: Vec<Remap>,
}

/// Where symbols are looked for.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Symbols")]
pub struct SymbolArgs {
    /// A binary or a library of the dump, wherever it is now; may be given several times
    #[arg(long, value_name = "PATH")]
    pub binary: Vec<PathBuf>,
    /// A directory of debug files; may be given several times
    #[arg(long, value_name = "DIR")]
    pub debug_dir: Vec<PathBuf>,
    /// Use files of another build too, though their names may be wrong
    #[arg(long)]
    pub force: bool,
    /// Neither use nor keep what was looked up before
    #[arg(long)]
    pub no_cache: bool,
}

fn metric() -> impl TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(Metric::ALL.iter().map(|metric| metric.name()))
        .try_map(|name| name.parse::<Metric>())
}

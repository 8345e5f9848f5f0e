//! The command line's grammar and its help. Types only: what they mean is in [`commands`](crate::commands).

use crate::analyse::diff::class::Class;
use crate::analyse::diff::threshold::Threshold;
use crate::commands::compare::setting::Setting;
use crate::render::flamegraph::Widths;
use crate::symbolicate::paths::Remap;
use alloc_probe_format::metric::Metric;
use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use regex_lite::Regex;
use std::ffi::OsString;
use std::path::PathBuf;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Shows what a program allocated, where, and how much was live when.
///
/// A program that holds the probe (`alloc_probe::install!()`) leaves a dump; these commands read it.
#[derive(Debug, Parser)]
#[command(name = "alloc-probe", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = "\
Examples:
  alloc-probe run -o release.json -- target/release/orders    record one run
  alloc-probe show release.json                               where its memory went
  alloc-probe flamegraph release.json                         the same as a picture
  alloc-probe diff debug.json release.json                    what changed between two builds
  alloc-probe check release.json --budget budget.toml         whether it keeps to a budget

Exit status: 0 success; 1 a budget or a --fail-if was not met; 2 anything else, with the reason.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program that holds the probe, and show what it allocated
    Run(RunArgs),
    /// Summarise a dump and list its top call sites
    Show(ShowArgs),
    /// Draw a dump, or the difference of two, as an SVG
    Flamegraph(FlamegraphArgs),
    /// Say what changed from one dump to another, matched across optimisation levels
    Diff(DiffArgs),
    /// Build a program under several profiles, run each, and say how they differ
    Compare(CompareArgs),
    /// Write a dump of a running process, from outside
    Dump(DumpArgs),
    /// Write a dump that carries its symbols, to be read anywhere
    Symbolize(SymbolizeArgs),
    /// Hold a dump against a budget
    Check(CheckArgs),
}

/// `alloc-probe run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe run -- target/release/orders --port 8080
  alloc-probe run -o debug.json -- cargo run -- input.txt
  alloc-probe run --mode count -- target/release/orders

The summary goes to stderr, so the program's own output stays as it is. The exit status is the
program's own (128 + n where signal n ended it).")]
pub struct RunArgs {
    /// Where the dump goes [default: alloc-probe.PROGRAM.PID.json]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How much is recorded: `count`, `sample`, `sample=BYTES` or `full`
    #[arg(long, value_name = "MODE", default_value = "full", value_parser = mode)]
    pub mode: String,
    /// Its figure.
    #[command(flatten)]
    pub by: By,
    /// How many call sites the summary lists
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
    /// Leave the dump as the program wrote it, without symbols
    #[arg(long)]
    pub no_symbols: bool,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `alloc-probe show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe show release.json
  alloc-probe show release.json --by total-blocks --top 20
  alloc-probe show release.json --json | jq '.sites[0]'
  alloc-probe show release.json --binary dist/orders --debug-dir dist/debug
  alloc-probe show release.json --focus cache --source 1")]
pub struct ShowArgs {
    /// The dump: JSON, plain or compressed (.gz, .zst)
    pub file: PathBuf,
    /// Its figure.
    #[command(flatten)]
    pub by: By,
    /// How many call sites to list [default: 10; all with --json]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Print JSON, as docs/json.md describes it
    #[arg(long)]
    pub json: bool,
    /// Print the source lines of one site: its place in the list, from 1, or a part of its function's name
    #[arg(long, value_name = "SITE", conflicts_with = "json")]
    pub source: Option<String>,
    /// Its frames.
    #[command(flatten)]
    pub frames: Frames,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
}

/// `alloc-probe dump`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe dump 4711 -o now.json
  alloc-probe dump $(pidof orders) -o now.json && alloc-probe show now.json

The process does nothing for it: it may be stopped, or hang. None of its threads waits. It must be of the
same user, and its program hold the probe.")]
pub struct DumpArgs {
    /// The process
    pub pid: u32,
    /// Where the dump goes
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `alloc-probe flamegraph`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe flamegraph release.json                      writes release.svg
  alloc-probe flamegraph release.json --by total-blocks -o churn.svg
  alloc-probe flamegraph --diff debug.json release.json -o diff.svg
  alloc-probe flamegraph --diff debug.json release.json --widths base -o gone.svg

A difference has the stacks of both dumps as `diff` matches them. Boxes are as wide as what FILE has, so
what only BASE has can't be seen: --widths base shows that, and what only FILE has can't be seen then.")]
pub struct FlamegraphArgs {
    /// The dump
    pub file: PathBuf,
    /// Colour by the difference from this dump to FILE: red grew, blue shrank
    #[arg(long, value_name = "BASE")]
    pub diff: Option<PathBuf>,
    /// Whose figures the widths of a difference are [default: new]
    #[arg(long, value_name = "SIDE", requires = "diff", value_parser = widths())]
    pub widths: Option<Widths>,
    /// Where the picture goes [default: FILE with the extension .svg]
    #[arg(short, long, value_name = "OUT.svg")]
    pub output: Option<PathBuf>,
    /// Its figure.
    #[command(flatten)]
    pub by: By,
    /// Its frames.
    #[command(flatten)]
    pub frames: Frames,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
}

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

Where a condition of --fail-if holds, the exit status is 1 and stderr says why. A value with a sign
is the change from BASE, in percent or in units; one without is the new figure itself. The figures
are those of --json (peak_bytes, total_blocks, peak_rss_bytes, …) and unmatched_bytes and
unmatched_blocks, which are shares in percent ('unmatched_bytes > 10%').")]
pub struct DiffArgs {
    /// The dump to compare with
    pub base: PathBuf,
    /// The dump that is new
    pub file: PathBuf,
    /// Its figure.
    #[command(flatten)]
    pub by: By,
    /// How many call sites to list [default: 10; all with --json]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Print JSON, as docs/json.md describes it
    #[arg(long)]
    pub json: bool,
    /// Print the tree of calls, callers first, as far as it differs; --top is the number of its branches [default: 30]
    #[arg(long, conflicts_with_all = ["json", "only"])]
    pub tree: bool,
    /// Show figures for each unit of work, which is a mark of both runs [default: the most often passed]
    #[arg(long, value_name = "MARK")]
    pub per: Option<String>,
    /// Only sites that changed in this way
    #[arg(long, value_name = "CLASS", value_parser = class())]
    pub only: Option<Class>,
    /// Write a page for a browser as well: one file, which needs no network
    #[arg(long, value_name = "OUT.html")]
    pub html: Option<PathBuf>,
    /// Fail where this holds, such as 'peak_bytes > +5%'; may be given several times
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Vec<Threshold>,
    /// Its frames.
    #[command(flatten)]
    pub frames: Frames,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
}

/// `alloc-probe compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe compare                                        debug and release of the current package
  alloc-probe compare --bin orders -- --requests 1000
  alloc-probe compare --profiles release,production --set lto=fat --set production.codegen-units=1

The program must hold the probe (`alloc_probe::install!()`). It is run with no standard input, and what
it prints goes to a file beside its dump. Profiles without debug info are built with line tables, which
change nothing of the code.")]
pub struct CompareArgs {
    /// The profiles; the others are compared with the first
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "dev,release")]
    pub profiles: Vec<String>,
    /// A setting of all profiles, or of one (release.lto=fat), for this comparison
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Setting>,
    /// Where dumps, pictures and output go [default: alloc-probe in cargo's target directory]
    #[arg(short, long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// How often each program is run for its time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Its figure.
    #[command(flatten)]
    pub by: By,
    /// How many call sites to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Its frames.
    #[command(flatten)]
    pub frames: Frames,
    /// What is built.
    #[command(flatten)]
    pub cargo: CargoArgs,
    /// The program's arguments
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<OsString>,
}

/// `alloc-probe check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe check release.json --budget budget.toml
  alloc-probe check release.json --budget budget.toml --base main.json --format github

A budget has a table [limits] and any number of [[site]] with a `function`; each figure in them is what
there may be at the most:

  [limits]
  peak_bytes = \"64 MiB\"
  total_blocks = \"+5%\"          # from the base

  [[site]]
  function = \"parse::read_all\"
  peak_bytes = \"12 MiB\"

The figures are those of diff's --fail-if. The exit status is 1 where a limit is not met.")]
pub struct CheckArgs {
    /// The dump
    pub file: PathBuf,
    /// The budget
    #[arg(long, value_name = "TOML")]
    pub budget: PathBuf,
    /// The dump that limits with a sign are changes from [default: `base` of the budget]
    #[arg(long, value_name = "FILE")]
    pub base: Option<PathBuf>,
    /// A table, or a table and annotations for GitHub
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// How verdicts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Text,
    /// For GitHub's workflows.
    Github,
}

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

/// The figure that sites are ordered by, drawn by, or compared by.
#[derive(Clone, Copy, Debug, Args)]
pub struct By {
    /// The figure that matters
    #[arg(long = "by", value_name = "METRIC", default_value = Metric::PeakBytes.name(), value_parser = metric())]
    pub metric: Metric,
}

/// `alloc-probe symbolize`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe symbolize release.json                          writes release.symbols.json
  alloc-probe symbolize release.json --binary dist/orders -v  says where symbols were looked for
  alloc-probe symbolize release.json --debug-dir /srv/debug -o readable.json.gz

Files are matched by build id. They are looked for in this order, until one has debug info: --binary; the
path in the dump; DIR/.build-id/xx/yyyy.debug of --debug-dir and of /usr/lib/debug; the file that
.gnu_debuglink names; a file of the image's name in --debug-dir; the servers of DEBUGINFOD_URLS, in a
build with the feature debuginfod. Without debug info, symbol tables are used, packed ones too.")]
pub struct SymbolizeArgs {
    /// The dump
    pub file: PathBuf,
    /// Where the other dump goes [default: FILE with the ending .symbols.json]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Say for each image where its symbols were looked for
    #[arg(short, long)]
    pub verbose: bool,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
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

/// Checks the name of a mode; how many bytes lie between samples is for the probe to read.
fn mode(text: &str) -> Result<String, String> {
    let known = ["off", "count", "sample", "full"].contains(&text) || text.starts_with("sample=");
    known
        .then(|| text.to_owned())
        .ok_or_else(|| "there are off, count, sample, sample=BYTES and full".to_owned())
}

fn metric() -> impl TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(Metric::ALL.map(Metric::name)).try_map(|name| name.parse::<Metric>())
}

fn widths() -> impl TypedValueParser<Value = Widths> {
    PossibleValuesParser::new(["base", "new"])
        .map(|side| if side == "base" { Widths::Base } else { Widths::New })
}

fn class() -> impl TypedValueParser<Value = Class> {
    let named = |name: String| Class::ALL.into_iter().find(|class| class.name() == name);
    PossibleValuesParser::new(Class::ALL.map(Class::name))
        .try_map(move |name| named(name).ok_or("no such class"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{}", command.get_name());
        }
    }
}

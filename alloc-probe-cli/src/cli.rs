//! The commands, and what is common to all of them in help and usage.

use crate::commands;
use crate::error::Error;
use crate::term::Terminal;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Shows what a program allocated, where, and how much was live when.
///
/// Programs that use alloc-probe (`alloc_probe::install!()`) write dumps; these commands read them.
#[derive(Debug, Parser)]
#[command(name = "alloc-probe", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = "\
Examples:
  alloc-probe run -o release.json -- target/release/orders    record one run
  alloc-probe show release.json                               where its memory went
  alloc-probe explain release.json                            why its resident memory is what it is
  alloc-probe flamegraph release.json                         its sites as a picture
  alloc-probe diff debug.json release.json                    what changed between two builds
  alloc-probe check release.json --budget budget.toml         whether it keeps to a budget
  alloc-probe doctor                                          whether a project's builds are fit for production

Exit status: 0 success; 1 a budget or a doctor's check was not met or a --fail-if holds; 2 anything \
else, with the reason.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Makes the list of commands: each is a file in [`commands`], with its arguments as `Args` and what it does as `run`.
macro_rules! commands {
    ($($(#[$help:meta])* $name:ident = $file:ident;)+) => {
        /// The commands.
        #[derive(Debug, Subcommand)]
        #[allow(clippy::large_enum_variant, reason = "a process has one of them")]
        pub enum Command {
            $($(#[$help])* $name(commands::$file::Arguments),)+
        }

        impl Command {
            /// Runs the command, and gives its exit status.
            ///
            /// # Errors
            ///
            /// Where something kept it from doing its work.
            pub fn run(&self, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
                match self {
                    $(Command::$name(arguments) => commands::$file::run(arguments, terminal),)+
                }
            }
        }
    };
}

commands! {
    /// Run a program that uses alloc-probe, and show what it allocated
    Run = run;
    /// Summarise a dump and list its top call sites
    Show = show;
    /// Say why a process's memory is what it is
    Explain = explain;
    /// Draw a dump, or the difference of two, as an SVG
    Flamegraph = flamegraph;
    /// Say what changed from one dump to another, matched across optimisation levels
    Diff = diff;
    /// Write a dump in the format of another tool
    Export = export;
    /// Build a program under several profiles, run each, and say how they differ
    Compare = compare;
    /// Check whether a project builds programs that are fit for production
    Doctor = doctor;
    /// Write a dump of a running process, from outside
    Dump = dump;
    /// Write a dump that carries its symbols, so that it can be read anywhere
    Symbolize = symbolize;
    /// Add up several dumps, such as those of replicas or of a test suite
    Merge = merge;
    /// Check a dump against a budget
    Check = check;
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

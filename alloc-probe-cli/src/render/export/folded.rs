//! Folded stacks, a line for each: `main;handle;insert 4096`. Most tools that draw flamegraphs read them.

use super::exporter::{Exporter, Options};
use crate::analyse::folded::{Names, fold};
use crate::profile::Profile;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The format.
#[derive(Debug)]
pub(super) struct Folded;

impl Exporter for Folded {
    fn name(&self) -> &'static str {
        "folded"
    }

    fn help(&self) -> &'static str {
        "stacks as lines, for tools that draw flamegraphs; --by chooses the figure"
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let stacks = fold(profile, &Names::of(&[profile]), options.metric, options.detail);
        lines(&stacks).try_for_each(|line| writeln!(out, "{line}"))
    }
}

/// A line for each stack, the outermost function first.
pub fn lines(stacks: &BTreeMap<String, u64>) -> impl Iterator<Item = String> + '_ {
    stacks.iter().map(|(stack, value)| format!("{stack} {value}"))
}

//! Folded stacks, a line for each: `main;handle;insert 4096`. Most tools that draw flamegraphs read them.

use super::exporter::{Difference, Exporter, Options};
use crate::analyse::folded::fold;
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

    fn difference(&self) -> Option<Difference> {
        Some(difference)
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let stacks = fold(profile, options.metric, options.detail);
        lines(&stacks).try_for_each(|line| writeln!(out, "{line}"))
    }
}

/// A line for each stack of either, with the figures of both: the differential form.
fn difference([base, new]: [&Profile; 2], options: Options, out: &mut dyn Write) -> io::Result<()> {
    let mut stacks: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (side, profile) in [base, new].into_iter().enumerate() {
        for (stack, value) in fold(profile, options.metric, options.detail) {
            stacks.entry(stack).or_default()[side] = value;
        }
    }
    stacks.iter().try_for_each(|(stack, [base, new])| writeln!(out, "{stack} {base} {new}"))
}

/// A line for each stack, the outermost function first.
pub fn lines(stacks: &BTreeMap<String, u64>) -> impl Iterator<Item = String> + '_ {
    stacks.iter().map(|(stack, value)| format!("{stack} {value}"))
}

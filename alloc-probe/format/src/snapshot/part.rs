//! A dump of a part of what a process did: its facts, and the stacks that are asked for.

use super::clock::{ClockScale, Now};
use super::facts::Facts;
use super::process::process;
use super::tree::Rows;
use crate::dump::{Clock, Dump, FORMAT, Mode, VERSION};
use crate::spool::Spool;

/// A dump without figures, and the row of its stacks for each of the given nodes: whoever counted something by stack
/// fills in the rest.
pub fn part(spool: &impl Spool, now: Now, nodes: &[u32]) -> (Dump, Vec<u32>) {
    let clock = ClockScale::of(spool, now);
    let facts = Facts::read(spool);
    let rows = Rows::of(spool, &facts, nodes.iter().map(|&node| node as usize));
    let of_nodes = nodes.iter().map(|&node| rows.row(node as usize)).collect();
    let dump = Dump {
        format: FORMAT.to_owned(),
        version: VERSION,
        mode: Mode::Full,
        clock: Clock::of(spool, &clock),
        process: process(spool, &clock, now, facts.executable, facts.command, 0),
        build: facts.build,
        images: facts.images,
        stacks: rows.collect(),
        ..Dump::default()
    };
    (dump, of_nodes)
}
